// SPDX-License-Identifier: Apache-2.0
#include "pass.hpp"

#include <ATen/ATen.h>

namespace espalier::train {

Pass::Pass(const Chain& chain, std::int64_t rows)
    : batch_(at::empty({rows, chain.input_width()}, chain.values().options())),
      labels_(at::empty({rows}, chain.values().options().dtype(at::kLong))) {}

CleanPass::CleanPass(Chain& chain, const Kernels& kernels, std::int64_t rows)
    : Pass(chain, rows), chain_(&chain), kernels_(&kernels), values_{batch()}, gradients_{at::empty_like(batch())} {
  const at::TensorOptions like = chain.values().options();
  for (const Node& node : chain.nodes()) {
    values_.push_back(at::empty({rows, node.width}, like));
    gradients_.push_back(at::empty({rows, node.width}, like));
    const bool is_norm = std::holds_alternative<BatchNormNode>(node.op);
    saved_.push_back(is_norm ? BatchNormSaved{at::empty({rows, node.width}, like), at::empty({node.width}, like),
                                              at::empty({node.width}, like)}
                             : BatchNormSaved{});
  }
}

void CleanPass::run(at::Tensor& totals) {
  forward();
  kernels_->cross_entropy(values_.back(), labels(), gradients_.back(), totals);
  backward();
}

void CleanPass::forward() {
  for (std::size_t i = 0; i < chain_->nodes().size(); ++i) {
    const at::Tensor& x = values_[i];
    at::Tensor& y = values_[i + 1];
    std::visit(Overloaded{
                   [&](const LinearNode& n) { at::addmm_out(y, n.bias.value, x, n.weight.value.t()); },
                   [&](const BatchNormNode& n) { kernels_->batch_norm(n, x, saved_[i], y); },
                   [&](const ReluNode&) { kernels_->relu(x, y); },
               },
               chain_->nodes()[i].op);
  }
}

void CleanPass::backward() {
  for (std::size_t i = chain_->nodes().size(); i-- > 0;) {
    const at::Tensor& dy = gradients_[i + 1];
    at::Tensor& dx = gradients_[i];
    std::visit(Overloaded{
                   [&](const LinearNode& n) {
                     at::Tensor dweight = n.weight.gradient;
                     at::mm_out(dweight, dy.t(), values_[i]);
                     at::Tensor dbias = n.bias.gradient;
                     kernels_->column_sums(dy, dbias);
                     if (i > 0) at::mm_out(dx, dy, n.weight.value);
                   },
                   [&](const BatchNormNode& n) { kernels_->batch_norm_backward(n, saved_[i], dy, dx); },
                   [&](const ReluNode&) { kernels_->relu_backward(values_[i + 1], dy, dx); },
               },
               chain_->nodes()[i].op);
  }
}

}  // namespace espalier::train
