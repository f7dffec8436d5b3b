// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <espalier/stage.hpp>

namespace espalier::train {

/// Parameters of all stages; all but the first take their architecture from a network and leave the first two alone.
struct Params {
  std::vector<std::int64_t> hidden;
  bool batch_norm = true;
  std::int64_t epochs = 100;
  std::int64_t batch_size = 64;
  double learning_rate = 0.1;
  double momentum = 0.9;
  double weight_decay = 1e-4;
  double gamma_l1 = 0;
  double factor = 0.1;
  int patience = 3;
  int stop_patience = 10;
  std::int64_t holdout = 10000;
  std::int64_t seed = 0;
};

struct RobustParams : Params {
  RobustParams() {
    epochs = 40;
    batch_size = 128;
  }
  std::string method = "sabr";
  double epsilon = 0.1;
  std::int64_t ramp_epochs = 10;
  double kappa = 0;
  double sabr_lambda = 0.2;
  std::int64_t attack_steps = 7;
  double attack_step = 0.3;
  double relu_stability = 0;
  double l1 = 0;
};

void sgd(const Params& p, Context& ctx);
void finetune(const Params& p, Context& ctx);
void robust(const RobustParams& p, Context& ctx);

}  // namespace espalier::train
