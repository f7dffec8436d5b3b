// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <espalier/digest.hpp>
#include <espalier/tensor.hpp>

namespace espalier::inline v1 {

/// One stored field of an artifact.
using Field = std::variant<std::int64_t, double, std::string, std::vector<std::string>, Tensor>;

/// The stored form of an artifact: named fields, names like "layers/0/weight". It is what is digested, and what an
/// HDF5 file holds one to one (a slash makes a group), so an artifact kind only says how it becomes fields and back.
class ESPALIER_API Fields {
 public:
  static constexpr std::size_t kLongestName = 255;

  /// Throws Error when the name is taken, is a group of another field, or is not `[a-z0-9_]+` parts joined by '/'; when
  /// a text ends in a zero byte or a tensor has no axes, which a file could not give back.
  void set(std::string_view name, Field value);

  bool has(std::string_view name) const;
  /// Throw Error(damaged), naming the field, when it is absent or of another type.
  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const Tensor& tensor(std::string_view name) const;
  /// The tensor, or an absent one when there is no such field.
  Tensor tensor_or_absent(std::string_view name) const;

  const std::map<std::string, Field, std::less<>>& all() const { return fields_; }

  /// SHA-256 over kind, format and every field: names, types, shapes, little-endian bytes. Independent of HDF5.
  Digest digest(std::string_view kind, std::int64_t format) const;

 private:
  const Field& at(std::string_view name) const;
  std::map<std::string, Field, std::less<>> fields_;
};

}  // namespace espalier::inline v1
