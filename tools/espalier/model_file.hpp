// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <espalier/network.hpp>

#include "artifact/hdf5_image.hpp"
#include "core/disk.hpp"
#include "core/machine.hpp"

namespace espalier::cli {

/// What a command that is given `file` to read may mean by it, and must not write: names with and without ".gz".
std::vector<core::Path> input_files(const core::Path& file);

/// A network from an ONNX file, gzipped or not, its name with or without ".gz", or from an artifact of a store (.h5).
/// Throws Error.
Network read_model(const core::Path& file);

/// The bytes an artifact has in a store.
template <class T>
std::string artifact_bytes(const T& artifact) {
  const Fields fields = artifact.to_fields();
  return artifact::write_image({.kind = std::string(T::kKind),
                                .format = T::kFormat,
                                .digest = fields.digest(T::kKind, T::kFormat),
                                .writer = std::string("espalier ") + core::kVersion},
                               fields);
}

}  // namespace espalier::cli
