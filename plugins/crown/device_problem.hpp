// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "device.hpp"
#include "goal.hpp"
#include "root.hpp"

namespace espalier::crown {

/// The arrays of a root and of goals about the network's output.
DeviceProblem device_problem(const Root& root, std::span<const Goal> goals);

}  // namespace espalier::crown
