// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/torch.hpp>

#include "params.hpp"

namespace espalier::train {

/// Trains from `start` as the parameters say and sets both outputs of the stage.
void fit(const Network& start, const Dataset& dataset, const Params& p, Context& ctx, TorchScope& scope);

}  // namespace espalier::train
