// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/digest.hpp>

namespace espalier::data {

/// The four files of a data set, as parameters and catalogue call them.
inline constexpr std::array<std::string_view, 4> kRoles = {"train_images", "train_labels", "test_images",
                                                           "test_labels"};

/// What one file must be.
struct KnownFile {
  std::string role;
  std::string file;               ///< name without ".gz"
  std::int64_t size = 0;          ///< of the unpacked content
  std::optional<Digest> sha256;   ///< of the unpacked content; absent when not known
  std::vector<Digest> gz_sha256;  ///< of packed forms that are known
};

struct KnownSet {
  std::string name;
  std::string title;
  std::string package;  ///< Debian package; empty when there is none
  std::string source;
  std::vector<std::string> classes;
  std::array<KnownFile, 4> files;  ///< in the order of kRoles
};

/// Every set of data/catalogue.toml, by name.
std::vector<KnownSet> catalogue();

}  // namespace espalier::data
