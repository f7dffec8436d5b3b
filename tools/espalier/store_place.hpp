// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/disk.hpp"
#include "options.hpp"

namespace espalier::cli {

/// The folder results of a pipeline are kept in: --store, $ESPALIER_STORE, else `.espalier` in `beside`, the pipeline's
/// folder. Throws Error(request) when the first two name something that is no folder.
core::Path store_beside(const Options& options, const core::Path& beside);

/// The same for a command that names no pipeline: --store, $ESPALIER_STORE, `.espalier` here, else that of the one
/// folder here that has one, with a note on stderr. Throws Error(request) when several have one.
core::Path store_nearby(const Options& options);

}  // namespace espalier::cli
