// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/stage.hpp>

#include "answers.hpp"

namespace espalier::abstract {

/// The bodies of the plugin's stages.
void verify_with_intervals(const VerifyParams& params, Context& ctx);
void verify_with_deeppoly(const VerifyParams& params, Context& ctx);

struct PropertyParams {
  double budget_s = 0;
};

void verify_property(const PropertyParams& params, Context& ctx);

}  // namespace espalier::abstract
