// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include <espalier/network.hpp>

#include "chain.hpp"
#include "kernels.hpp"
#include "pass.hpp"

namespace espalier::train {

/// Means over the images of one epoch or of one evaluation.
struct Score {
  double loss = 0;
  double accuracy = 0;
};

/// Images that are not trained on, ready to be classified.
struct HeldOut {
  at::Tensor images;  ///< f32, a pixel is 0 to 1
  at::Tensor labels;
};

struct Measured {
  Score score;
  std::map<std::string, double> shares;  ///< of the images, what else holds for them
};

/// What training minimises, and how an epoch is judged.
class Objective {
 public:
  virtual ~Objective() = default;

  /// A pass over batches of so many rows that follows the objective as it is when the pass runs.
  virtual std::unique_ptr<Pass> pass(Chain& chain, const Kernels& kernels, std::int64_t rows) const = 0;
  /// Before each epoch, counted from 0. False when this epoch is easier than later ones, so that its loss must not be
  /// compared with theirs.
  virtual bool begin_epoch(std::int64_t epoch) = 0;
  virtual Measured measure(const Network& network, const HeldOut& on) const = 0;
};

}  // namespace espalier::train
