// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cache/store.hpp"
#include "core/disk.hpp"
#include "run/scheduler.hpp"

namespace espalier::run {

/// Writes the files of every Report of a run to `run_folder/reports/<node>/<file>` (`<node>/<port>/<file>` when a node
/// has several reports). In .html files the two marks of Report are replaced: by `graph_svg`, and by a table of the
/// machines that it was made on and one of how each node that led to the report came to be. Gives the paths, in the
/// order of the plan. Throws Error.
ESPALIER_API std::vector<core::Path> export_reports(const pipeline::Plan& plan, const RunReport& run,
                                                    cache::Store& store, core::Disk& disk, const core::Path& run_folder,
                                                    const std::string& graph_svg);

/// The two tables alone: of the node and all nodes above it.
ESPALIER_API std::string provenance_html(const pipeline::Plan& plan, const RunReport& run, cache::Store& store,
                                         int node);

}  // namespace espalier::run
