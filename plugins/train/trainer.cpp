// SPDX-License-Identifier: Apache-2.0
#include "trainer.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/torch.hpp>

namespace espalier::train {

namespace {

std::int64_t first_rows(std::int64_t images, std::int64_t batch_size) {
  return std::min(images, batch_size);
}

/// A single image has no variance, so one that is left over joins the batch before it.
std::int64_t last_rows(std::int64_t images, std::int64_t batch_size) {
  const std::int64_t rest = images % batch_size;
  if (rest == 1 && images > 1 && batch_size > 1) return batch_size + 1;
  return rest == 0 ? batch_size : rest;
}

void require_variance(const Chain& chain, std::int64_t images, std::int64_t batch_size) {
  if (!chain.has_batch_norm() || first_rows(images, batch_size) > 1) return;
  throw Error(
      Code::request,
      fmt::format("batch norm needs two images in a batch: there are {} images in batches of {}", images, batch_size),
      "set batch_size to 2 or more, and give more images");
}

}  // namespace

Trainer::Trainer(const Network& start, const Split& split, std::int64_t images, const Params& p,
                 const at::Device& device, const Objective& objective)
    : params_(p),
      chain_(start, device),
      kernels_(device.is_cpu() ? cpu_kernels() : aten_kernels()),
      images_(to_torch(split.images.rows(0, images), device).flatten(1)),
      labels_(to_torch(split.labels.rows(0, images), device)),
      velocity_(at::zeros_like(chain_.values())),
      full_(objective.pass(chain_, *kernels_, first_rows(images, p.batch_size))),
      last_(objective.pass(chain_, *kernels_, last_rows(images, p.batch_size))) {
  require_variance(chain_, images, p.batch_size);
}

Score Trainer::epoch(double learning_rate, at::Generator& order, const Context& ctx) {
  constexpr std::int64_t kBatchesBetweenStopChecks = 32;
  const std::int64_t images = images_.size(0);
  const at::Tensor shuffled = at::randperm(images, order, at::TensorOptions(at::kLong)).to(images_.device());
  at::Tensor totals = at::zeros({2}, images_.options().dtype(at::kDouble));
  std::int64_t batch = 0;
  for (std::int64_t begin = 0; begin < images; ++batch) {
    if (batch % kBatchesBetweenStopChecks == 0) ctx.check_stop();
    Pass& pass = images - begin == last_->rows() ? *last_ : *full_;
    const at::Tensor chosen = shuffled.narrow(0, begin, pass.rows());
    kernels_->load(images_, chosen, pass.batch());
    at::index_select_out(pass.labels(), labels_, 0, chosen);
    pass.run(totals);
    step(learning_rate);
    begin += pass.rows();
  }
  const at::Tensor means = totals.div(images).to(at::kCPU);
  return {means[0].item<double>(), means[1].item<double>()};
}

void Trainer::step(double learning_rate) {
  // Subgradient of the penalty, before the optimiser sees the gradient; sign(0) = 0. Liu et al. 2017, eq. 1.
  if (params_.gamma_l1 > 0) chain_.gamma_gradients().add_(chain_.gammas().sign(), params_.gamma_l1);
  if (chain_.mask().defined()) chain_.gradients().mul_(chain_.mask());
  kernels_->descend(chain_.values(), chain_.gradients(), velocity_,
                    {learning_rate, params_.momentum, params_.weight_decay});
  if (chain_.mask().defined()) chain_.values().mul_(chain_.mask());
}

bool Trainer::is_finite() const {
  return at::isfinite(chain_.values()).all().item<bool>();
}

}  // namespace espalier::train
