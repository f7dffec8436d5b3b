// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/torch.hpp>

#include "params.hpp"

namespace espalier::train {

/// Minimises the cross entropy of the images as they are, from `start`, and sets both outputs of the stage.
void fit_to_images(const Network& start, const Dataset& dataset, const Params& p, Context& ctx, TorchScope& scope);

}  // namespace espalier::train
