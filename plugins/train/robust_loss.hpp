// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "adversary.hpp"
#include "boxes.hpp"
#include "chain.hpp"

namespace espalier::train {

enum class Method : std::uint8_t {
  pgd,   ///< cross entropy at adversarial images. Madry et al. 2018
  ibp,   ///< of the worst scores that intervals allow in the whole box. Gowal et al. 2018
  sabr,  ///< the same in a small box around an adversarial image. Mueller et al. 2023
};

struct Recipe {
  Method method = Method::pgd;
  double epsilon = 0;         ///< radius of the box
  double small_box = 0;       ///< radius of SABR's as a share of epsilon
  double kappa = 0;           ///< share of the clean cross entropy in the loss
  double relu_stability = 0;  ///< weight of the stability loss, in the whole box
  Climb climb;
};

/// The part of the loss that makes robust: mean cross entropy of the method's scores.
at::Tensor robust_loss(const Recipe& recipe, const Steps& steps, const at::Tensor& x, const at::Tensor& labels,
                       at::Generator& generator);

struct TrainingLoss {
  at::Tensor loss;
  at::Tensor scores;  ///< of the images as they are
};

/// The whole loss of one batch in training. Batch norm takes its statistics from the clean images and uses them for
/// boxes and adversaries as well; gradients flow through them. Moves the running statistics.
TrainingLoss training_loss(const Recipe& recipe, const std::vector<Node>& nodes, const at::Tensor& x,
                           const at::Tensor& labels, at::Generator& generator);

}  // namespace espalier::train
