// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fields.hpp>

namespace espalier::artifact {

/// An artifact made by `make` from stored fields. Whatever is wrong with them is damage, whichever check noticed it; so
/// are fields the kind does not have, since what is read must be what was digested.
template <class T, class Make>
T decoded(const Fields& fields, Make&& make) {
  try {
    T artifact = make();
    const Fields again = artifact.to_fields();
    for (const auto& [name, field] : fields.all()) {
      if (!again.has(name)) throw Error(Code::damaged, fmt::format("a {} has no field '{}'", T::kKind, name));
    }
    return artifact;
  } catch (const Error& e) {
    throw Error(Code::damaged, e.what(), e.hint());
  }
}

/// A field that holds `count` elements of T on one axis.
template <class T>
std::span<const T> column(const Fields& fields, std::string_view name, std::int64_t count) {
  const Tensor& t = fields.tensor(name);
  if (t.dtype() == kDTypeOf<T> && t.shape() == Shape{count}) return t.as<T>();
  throw Error(Code::damaged, fmt::format("field '{}' is {} {}, not {} [{}]", name, to_text(t.dtype()),
                                         to_text(t.shape()), to_text(kDTypeOf<T>), count));
}

/// The same for a column that says itself how long it is.
template <class T>
std::span<const T> column(const Fields& fields, std::string_view name) {
  const Tensor& t = fields.tensor(name);
  return column<T>(fields, name, t.rank() == 1 ? t.dim(0) : 0);
}

/// One member of every row as a field: `set_column(fields, "rows/label", rows, &Row::label)`. `T` is how it is stored.
template <class T, class Rows, class Member>
void set_column(Fields& fields, std::string_view name, const Rows& rows, Member member) {
  std::vector<T> values;
  values.reserve(rows.size());
  for (const auto& row : rows) values.push_back(static_cast<T>(std::invoke(member, row)));
  const auto count = static_cast<std::int64_t>(values.size());
  fields.set(name, Tensor::of<T>({count}, std::move(values)));
}

inline std::vector<std::int64_t> to_vector(std::span<const std::int64_t> values) {
  return {values.begin(), values.end()};
}

/// A list of numbers as a field.
inline Tensor vector_tensor(std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::of<std::int64_t>({count}, std::move(values));
}

}  // namespace espalier::artifact
