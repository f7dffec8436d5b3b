// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "run/scheduler.hpp"

namespace espalier::run {

bool is_forced(const RunOptions& options, int node);

/// The contents of a node's outputs, if the store has its key and the options do not ask to make it again.
std::optional<std::vector<Digest>> find_result(const pipeline::Plan& plan, int node, const Digest& key,
                                               cache::Store& store, const RunOptions& options);

}  // namespace espalier::run
