// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <espalier/dataset.hpp>
#include <espalier/stage.hpp>

#include "chain.hpp"
#include "kernels.hpp"
#include "objective.hpp"
#include "params.hpp"
#include "pass.hpp"

namespace espalier::train {

/// A chain, the images it learns from and the state of the optimiser.
class Trainer {
 public:
  /// Trains on the first `images` images of the split. Throws Error when they are too few for batch norm. The objective
  /// outlives the trainer.
  Trainer(const Network& start, const Split& split, std::int64_t images, const Params& p, const at::Device& device,
          const Objective& objective);

  /// Every image once, in an order drawn from the generator.
  Score epoch(double learning_rate, at::Generator& order, const Context& ctx);
  bool is_finite() const;
  Network network() const { return chain_.to_network(); }

 private:
  void step(double learning_rate);

  Params params_;
  Chain chain_;
  std::unique_ptr<Kernels> kernels_;
  at::Tensor images_;  ///< u8 [images, pixels]
  at::Tensor labels_;
  at::Tensor velocity_;
  std::unique_ptr<Pass> full_;
  std::unique_ptr<Pass> last_;  ///< of the last batch of an epoch, which may be of another size
};

}  // namespace espalier::train
