// SPDX-License-Identifier: Apache-2.0
// Training for networks that are to be proven robust: the epochs of fit.hpp with another objective.

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <variant>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/error.hpp>
#include <espalier/network.hpp>
#include <espalier/torch.hpp>

#include "fit.hpp"
#include "params.hpp"
#include "robust_loss.hpp"
#include "robust_pass.hpp"

namespace espalier::train {

namespace {

/// What at::Generator::clone is for, which gives one that nothing ever frees (LibTorch 1.13).
at::Generator copy_of(const at::Generator& generator) {
  auto copy = at::make_generator<at::CPUGeneratorImpl>();
  copy.set_state(generator.get_state());
  return copy;
}

Method method_of(const std::string& name) {
  if (name == "pgd") return Method::pgd;
  if (name == "ibp") return Method::ibp;
  if (name == "sabr") return Method::sabr;
  throw Error(Code::request, fmt::format("there is no method '{}'", name), "choose 'pgd', 'ibp' or 'sabr'");
}

class RobustObjective final : public Objective {
 public:
  RobustObjective(const RobustParams& p, at::Generator& generator, const Context& ctx)
      : p_(p), final_(recipe_of(p)), current_(final_), generator_(generator), ctx_(ctx) {}

  std::unique_ptr<Pass> pass(Chain& chain, const Kernels&, std::int64_t rows) const override {
    return std::make_unique<RobustPass>(chain, rows, current_, p_.l1, generator_, ctx_);
  }

  /// The radius grows and the clean share falls, both in equal steps, until the ramp ends.
  bool begin_epoch(std::int64_t epoch) override {
    const double way = std::min(1.0, static_cast<double>(epoch + 1) / static_cast<double>(p_.ramp_epochs + 1));
    current_.epsilon = way * final_.epsilon;
    current_.kappa = 1 - way * (1 - final_.kappa);
    return epoch >= p_.ramp_epochs;
  }

  /// At the full radius, whatever epoch it is, without the penalties of training.
  Measured measure(const Network& network, const HeldOut& on) const override {
    constexpr std::int64_t kChunk = 1000;
    const Chain chain(network, on.images.device());
    const Steps steps = steps_of(chain.nodes());
    const at::Tensor images = on.images.flatten(1);
    const std::int64_t count = images.size(0);
    at::Generator draws = copy_of(generator_);  // what is measured must not change what is trained
    Sums sums;
    for (std::int64_t begin = 0; begin < count; begin += kChunk) {
      ctx_.check_stop();
      const std::int64_t rows = std::min(kChunk, count - begin);
      add(steps, images.narrow(0, begin, rows), on.labels.narrow(0, begin, rows), draws, sums);
    }
    const auto share = [&](double sum) { return count == 0 ? 0 : sum / static_cast<double>(count); };
    return {{share(sums.loss), share(sums.right)},
            {{"ibp_verified", share(sums.verified)}, {"pgd_accuracy", share(sums.withstood)}}};
  }

 private:
  struct Sums {
    double loss = 0, right = 0, withstood = 0, verified = 0;
  };

  static Recipe recipe_of(const RobustParams& p) {
    return {.method = method_of(p.method),
            .epsilon = p.epsilon,
            .small_box = p.sabr_lambda,
            .kappa = p.kappa,
            .relu_stability = p.relu_stability,
            .climb = {.steps = p.attack_steps, .step = p.attack_step}};
  }

  void add(const Steps& steps, const at::Tensor& x, const at::Tensor& labels, at::Generator& draws, Sums& sums) const {
    const auto count = [](const at::Tensor& which) { return which.sum().item<double>(); };
    const at::Tensor one_hot = at::one_hot(labels, steps.back().bias.size(0)).to(x.scalar_type());
    const at::Tensor scores = apply(steps, x);
    const at::Tensor attacked = apply(steps, adversaries(steps, x, one_hot, p_.epsilon, final_.climb, draws));
    const at::Tensor worst = worst_scores(steps.back(), propagate(steps, boxes_around(x, p_.epsilon)).back(), one_hot);
    const at::Tensor robust = robust_loss(final_, steps, x, labels, draws);
    const at::Tensor clean = at::cross_entropy_loss(scores, labels);
    sums.loss += (clean * final_.kappa + robust * (1 - final_.kappa)).item<double>() * static_cast<double>(x.size(0));
    const at::Tensor right = scores.argmax(1).eq(labels);
    sums.right += count(right);
    sums.withstood += count(right.logical_and(attacked.argmax(1).eq(labels)));
    sums.verified += count(worst.lt(0).logical_or(one_hot.gt(0)).all(1));
  }

  const RobustParams& p_;
  Recipe final_;
  Recipe current_;
  at::Generator& generator_;
  const Context& ctx_;
};

void require_linear_end(const Network& network) {
  const auto& layers = network.layers();
  if (!layers.empty() && std::holds_alternative<Linear>(layers.back().op)) return;
  throw Error(Code::unsupported,
              fmt::format("the last layer '{}' is not linear, and robust training bounds differences of scores",
                          layers.empty() ? "" : layers.back().name),
              "give a network that ends with a linear layer");
}

}  // namespace

void robust(const RobustParams& p, Context& ctx) {
  TorchScope scope(ctx, static_cast<std::uint64_t>(p.seed));
  at::set_num_threads(1);  // the products are small; the scope puts the number back
  const c10::AutoGradMode no_gradients(false);
  const auto& dataset = ctx.in<Dataset>("dataset");
  const auto& start = ctx.in<Network>("network");
  require_linear_end(start);
  RobustObjective objective(p, scope.generator(), ctx);
  Fitted fitted = fit(start, dataset, p, objective, ctx, scope);
  const HeldOut test = held_out(dataset.test, 0, dataset.test.size(), scope.device());
  for (const auto& [name, share] : objective.measure(fitted.network, test).shares) {
    fitted.history.values["test_" + name] = share;
  }
  ctx.out("network", std::move(fitted.network));
  ctx.out("history", std::move(fitted.history));
}

}  // namespace espalier::train
