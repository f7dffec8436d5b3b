// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <abstract/answers.hpp>

#include <espalier/stage.hpp>

namespace espalier::crown {

using VerifyParams = abstract::VerifyParams;

struct PropertyParams {
  double budget_s = 0;
};

/// The bodies of the plugin's stages.
void verify(const VerifyParams& params, Context& ctx);
void verify_property(const PropertyParams& params, Context& ctx);

}  // namespace espalier::crown
