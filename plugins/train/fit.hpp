// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/results.hpp>
#include <espalier/torch.hpp>

#include "objective.hpp"
#include "params.hpp"

namespace espalier::train {

struct Fitted {
  Network network;
  Metrics history;
};

/// Trains from `start` as the parameters and the objective say.
Fitted fit(const Network& start, const Dataset& dataset, const Params& p, Objective& objective, Context& ctx,
           TorchScope& scope);

/// The images [begin, end) of a split.
HeldOut held_out(const Split& split, std::int64_t begin, std::int64_t end, const at::Device& device);

}  // namespace espalier::train
