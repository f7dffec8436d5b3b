// SPDX-License-Identifier: Apache-2.0
// Epochs until the schedule or the limit ends them. Guidotti et al. 2020, section 5.1.

#include "fit.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fit.hpp>
#include <espalier/results.hpp>

#include "schedule.hpp"
#include "trainer.hpp"

namespace espalier::train {

namespace {

void require_enough(const Dataset& dataset, std::int64_t holdout) {
  if (holdout < dataset.train.size()) return;
  throw Error(Code::request,
              fmt::format("'holdout' is {}, but dataset '{}' has {} training images", holdout, dataset.name,
                          dataset.train.size()),
              "hold out fewer; 0 monitors the training loss");
}

/// Images that are not trained on, ready to be classified.
struct HeldOut {
  at::Tensor images;
  at::Tensor labels;
};

HeldOut held_out(const Split& split, std::int64_t count, const at::Device& device) {
  const std::int64_t begin = split.size() - count;
  const Split part{split.images.rows(begin, split.size()), split.labels.rows(begin, split.size())};
  return {images_as_float(part, device), to_torch(part.labels, device)};
}

Score evaluate(const Network& network, const HeldOut& on) {
  constexpr std::int64_t kChunk = 1000;
  const TorchNetwork at_work(network, on.images.device());
  const std::int64_t count = on.images.size(0);
  Score sum;
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    const std::int64_t rows = std::min(kChunk, count - begin);
    const at::Tensor labels = on.labels.narrow(0, begin, rows);
    const at::Tensor scores = at_work.forward(on.images.narrow(0, begin, rows));
    const at::Tensor log_shares = at::log_softmax(scores.to(at::kDouble), 1);
    sum.loss -= log_shares.gather(1, labels.unsqueeze(1)).sum().item<double>();
    sum.accuracy += scores.argmax(1).eq(labels).sum().item<double>();
  }
  return {sum.loss / static_cast<double>(count), sum.accuracy / static_cast<double>(count)};
}

[[noreturn]] void diverged(double loss, std::int64_t epoch, double learning_rate) {
  throw Error(
      Code::numeric,
      fmt::format("training diverged in epoch {} at learning rate {}: the loss is {}", epoch, learning_rate, loss),
      fmt::format("try learning_rate = {}, or a smaller gamma_l1 or weight_decay", learning_rate / 10));
}

/// One entry an epoch in every series.
void record(Metrics& history, const Score& trained, const Score& monitored, double learning_rate) {
  history.series["train_loss"].push_back(trained.loss);
  history.series["monitored_loss"].push_back(monitored.loss);
  history.series["accuracy"].push_back(monitored.accuracy);
  history.series["learning_rate"].push_back(learning_rate);
}

}  // namespace

void fit(const Network& start, const Dataset& dataset, const Params& p, Context& ctx, TorchScope& scope) {
  const c10::InferenceMode no_autograd;
  require_enough(dataset, p.holdout);
  require_fit(start, dataset);
  Trainer trainer(start, dataset.train, dataset.train.size() - p.holdout, p, scope.device());
  const HeldOut monitor = held_out(dataset.train, p.holdout, scope.device());
  Schedule schedule(
      {.learning_rate = p.learning_rate, .factor = p.factor, .patience = p.patience, .stop_patience = p.stop_patience});
  Metrics history;
  std::int64_t epoch = 0;
  while (epoch < p.epochs && !schedule.ended()) {
    const double rate = schedule.learning_rate();
    const Score trained = trainer.epoch(rate, scope.generator(), ctx);
    ++epoch;
    if (!std::isfinite(trained.loss) || !trainer.is_finite()) diverged(trained.loss, epoch, rate);
    const Score monitored = p.holdout > 0 ? evaluate(trainer.network(), monitor) : trained;
    if (!std::isfinite(monitored.loss)) diverged(monitored.loss, epoch, rate);
    schedule.observe(monitored.loss);
    record(history, trained, monitored, rate);
    ctx.log(fmt::format("epoch {}/{}: loss {:.4f}, monitored {:.4f}, accuracy {:.4f}, learning rate {:g}", epoch,
                        p.epochs, trained.loss, monitored.loss, monitored.accuracy, rate));
    ctx.progress(static_cast<double>(epoch), static_cast<double>(p.epochs));
  }
  Network network = trainer.network();
  history.values["epochs"] = static_cast<double>(epoch);
  history.values["test_accuracy"] = accuracy(TorchNetwork(network, scope.device()), dataset.test, scope.device());
  ctx.out("network", std::move(network));
  ctx.out("history", std::move(history));
}

}  // namespace espalier::train
