// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <espalier/fields.hpp>

namespace espalier::artifact {

/// What the root attributes of a file say.
struct ImageHeader {
  std::string kind;
  std::int64_t format = 1;
  Digest digest;       ///< Fields::digest(kind, format)
  std::string writer;  ///< "espalier 0.1.0"
};

struct Image {
  ImageHeader header;
  Fields fields;
};

/// What to do about a damaged one.
inline constexpr const char* kRemakeHint =
    "run the pipeline again: what made it runs again; 'espalier store verify' checks the rest";

/// An HDF5 file as bytes, made in memory: HDF5 never opens a path here, so there are no locks, no half-written files,
/// and every disk fault is the Disk's. The same input gives the same bytes. Layout: schemas/artifacts.md. [any thread]
ESPALIER_API std::string write_image(const ImageHeader& header, const Fields& fields);

/// Throws Error(damaged) when the bytes are not such a file or the fields do not have the digest the header names;
/// `name` is used in the message.
ESPALIER_API Image read_image(std::string_view bytes, const std::string& name);

}  // namespace espalier::artifact
