// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include <espalier/stage.hpp>

#include "catalogue.hpp"
#include "idx_file.hpp"

namespace espalier::data {

/// Where data sets are looked for, in this order: the folders of $ESPALIER_DATA; `data` in the current folder, in the
/// pipeline's and in the one above it; the installation's own; /usr/share/datasets.
std::vector<std::filesystem::path> data_folders(const std::filesystem::path& pipeline);

/// The first file in the folders whose content is what the catalogue says. A file of that name with other content is
/// passed over and logged. Throws Error(missing) when there is no file of that name, Error(damaged) when none is right.
IdxFile find_file(const KnownSet& set, const KnownFile& file, Context& ctx);

}  // namespace espalier::data
