// SPDX-License-Identifier: Apache-2.0
// Epochs until the schedule or the limit ends them. Guidotti et al. 2020, section 5.1.

#include "fit.hpp"

#include <cmath>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fit.hpp>

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

[[noreturn]] void diverged(double loss, std::int64_t epoch, double learning_rate) {
  throw Error(
      Code::numeric,
      fmt::format("training diverged in epoch {} at learning rate {}: the loss is {}", epoch, learning_rate, loss),
      fmt::format("try learning_rate = {}, or a smaller gamma_l1 or weight_decay", learning_rate / 10));
}

/// One entry an epoch in every series; a line that says the same.
std::string record(Metrics& history, const Score& trained, const Measured& monitored, double learning_rate) {
  history.series["train_loss"].push_back(trained.loss);
  history.series["monitored_loss"].push_back(monitored.score.loss);
  history.series["accuracy"].push_back(monitored.score.accuracy);
  history.series["learning_rate"].push_back(learning_rate);
  std::string line = fmt::format("loss {:.4f}, monitored {:.4f}, accuracy {:.4f}, learning rate {:g}", trained.loss,
                                 monitored.score.loss, monitored.score.accuracy, learning_rate);
  for (const auto& [name, share] : monitored.shares) {
    history.series[name].push_back(share);
    line += fmt::format(", {} {:.4f}", name, share);
  }
  return line;
}

}  // namespace

HeldOut held_out(const Split& split, std::int64_t begin, std::int64_t end, const at::Device& device) {
  const Split part{split.images.rows(begin, end), split.labels.rows(begin, end)};
  return {images_as_float(part, device), to_torch(part.labels, device)};
}

Fitted fit(const Network& start, const Dataset& dataset, const Params& p, Objective& objective, Context& ctx,
           TorchScope& scope) {
  require_enough(dataset, p.holdout);
  require_fit(start, dataset);
  const std::int64_t trained_images = dataset.train.size() - p.holdout;
  Trainer trainer(start, dataset.train, trained_images, p, scope.device(), objective);
  const HeldOut monitor = held_out(dataset.train, trained_images, dataset.train.size(), scope.device());
  Schedule schedule(
      {.learning_rate = p.learning_rate, .factor = p.factor, .patience = p.patience, .stop_patience = p.stop_patience});
  Metrics history;
  std::int64_t epoch = 0;
  while (epoch < p.epochs && !schedule.ended()) {
    const double rate = schedule.learning_rate();
    const bool comparable = objective.begin_epoch(epoch);
    const Score trained = trainer.epoch(rate, scope.generator(), ctx);
    ++epoch;
    if (!std::isfinite(trained.loss) || !trainer.is_finite()) diverged(trained.loss, epoch, rate);
    const Measured monitored = p.holdout > 0 ? objective.measure(trainer.network(), monitor) : Measured{trained, {}};
    if (!std::isfinite(monitored.score.loss)) diverged(monitored.score.loss, epoch, rate);
    if (comparable) schedule.observe(monitored.score.loss);
    ctx.log(fmt::format("epoch {}/{}: {}", epoch, p.epochs, record(history, trained, monitored, rate)));
    ctx.progress(static_cast<double>(epoch), static_cast<double>(p.epochs));
  }
  Network network = trainer.network();
  history.values["epochs"] = static_cast<double>(epoch);
  history.values["gamma_l1"] = p.gamma_l1;
  history.values["test_accuracy"] = accuracy(TorchNetwork(network, scope.device()), dataset.test, scope.device());
  return {std::move(network), std::move(history)};
}

}  // namespace espalier::train
