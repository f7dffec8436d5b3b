// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <abstract/answers.hpp>

#include <espalier/stage.hpp>

namespace espalier::crown {

struct VerifyParams : abstract::VerifyParams {
  std::int64_t memory_mib = 2048;
  std::string device = "auto";
};

struct PropertyParams {
  double budget_s = 0;
  std::int64_t memory_mib = 2048;
  std::int64_t network_mib = 0;
  std::string device = "auto";
  bool keep_proof = false;
};

struct RadiusParams {
  double budget_s = 0;
  double largest = 1;
  double tolerance = 1e-3;
  std::string device = "auto";
};

/// The bodies of the plugin's stages.
void verify(const VerifyParams& params, Context& ctx);
void verify_property(const PropertyParams& params, Context& ctx);
void certified_radius(const RadiusParams& params, Context& ctx);

}  // namespace espalier::crown
