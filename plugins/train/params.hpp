// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <espalier/stage.hpp>

namespace espalier::train {

/// Parameters of both stages; fine-tuning takes its architecture from the network and leaves the first two alone.
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

void sgd(const Params& p, Context& ctx);
void finetune(const Params& p, Context& ctx);

}  // namespace espalier::train
