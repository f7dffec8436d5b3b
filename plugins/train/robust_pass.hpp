// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <espalier/stage.hpp>

#include "chain.hpp"
#include "pass.hpp"
#include "robust_loss.hpp"

namespace espalier::train {

/// Of the training loss of robust_loss.hpp, by autograd.
class RobustPass final : public Pass {
 public:
  /// Borrows all of them: the recipe may change between runs. `l1` times the sign of a weight is added to its gradient.
  RobustPass(const Chain& chain, std::int64_t rows, const Recipe& recipe, double l1, at::Generator& generator,
             const Context& ctx)
      : Pass(chain, rows), chain_(chain), recipe_(recipe), l1_(l1), generator_(generator), ctx_(ctx) {}

  void run(at::Tensor& totals) override;

 private:
  void collect(const std::vector<Node>& nodes) const;

  const Chain& chain_;
  const Recipe& recipe_;
  double l1_;
  at::Generator& generator_;
  const Context& ctx_;
};

}  // namespace espalier::train
