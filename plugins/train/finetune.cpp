// SPDX-License-Identifier: Apache-2.0
#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/torch.hpp>

#include "clean_objective.hpp"
#include "params.hpp"

namespace espalier::train {

void finetune(const Params& p, Context& ctx) {
  TorchScope scope(ctx, static_cast<std::uint64_t>(p.seed));
  fit_to_images(ctx.in<Network>("network"), ctx.in<Dataset>("dataset"), p, ctx, scope);
}

}  // namespace espalier::train
