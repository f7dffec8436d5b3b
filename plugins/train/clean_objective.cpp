// SPDX-License-Identifier: Apache-2.0
#include "clean_objective.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "fit.hpp"
#include "objective.hpp"

namespace espalier::train {

namespace {

class CleanObjective final : public Objective {
 public:
  std::unique_ptr<Pass> pass(Chain& chain, const Kernels& kernels, std::int64_t rows) const override {
    return std::make_unique<CleanPass>(chain, kernels, rows);
  }

  bool begin_epoch(std::int64_t) override { return true; }

  Measured measure(const Network& network, const HeldOut& on) const override {
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
    return {{sum.loss / static_cast<double>(count), sum.accuracy / static_cast<double>(count)}, {}};
  }
};

}  // namespace

void fit_to_images(const Network& start, const Dataset& dataset, const Params& p, Context& ctx, TorchScope& scope) {
  const c10::InferenceMode no_autograd;
  CleanObjective objective;
  Fitted fitted = fit(start, dataset, p, objective, ctx, scope);
  ctx.out("network", std::move(fitted.network));
  ctx.out("history", std::move(fitted.history));
}

}  // namespace espalier::train
