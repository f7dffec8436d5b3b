// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include <espalier/digest.hpp>
#include <espalier/tensor.hpp>

namespace espalier::data {

/// An IDX file's content: the format of MNIST and its kin, of unsigned bytes.
struct IdxFile {
  Tensor values;          ///< u8, shape as the header says
  std::int64_t size = 0;  ///< of the unpacked file, header included
  Digest sha256;          ///< of the unpacked file
};

/// Reads a plain or gzipped file. Throws Error(damaged) unless header and length fit. Memory grows with the bytes that
/// are really there, never with what a header claims.
IdxFile read_idx(const std::filesystem::path& path);

/// SHA-256 of a file's bytes as they lie on disk.
Digest digest_on_disk(const std::filesystem::path& path);

}  // namespace espalier::data
