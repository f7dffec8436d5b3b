// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <espalier/fields.hpp>

namespace espalier::inline v1 {

/// A finished result that travels between nodes: immutable, shared as `shared_ptr<const T>`, stored by content.
class ESPALIER_API Artifact {
 public:
  virtual ~Artifact();
  /// The kind's name, as ports and messages use it. Strings, because type identity across libraries is fragile.
  virtual std::string_view kind() const = 0;
};
using ArtifactPtr = std::shared_ptr<const Artifact>;

/// What a type must offer to be an artifact: `kKind` ("Network"), `kFormat` (bump when the fields change), and the way
/// to its fields and back. `from_fields` throws Error(damaged) on fields that make no sense.
template <class T>
concept ArtifactType = std::derived_from<T, Artifact> && requires(const T& t, const Fields& fields) {
  { T::kKind } -> std::convertible_to<std::string_view>;
  { T::kFormat } -> std::convertible_to<std::int64_t>;
  { T::kDoc } -> std::convertible_to<std::string_view>;
  { t.to_fields() } -> std::same_as<Fields>;
  { T::from_fields(fields) } -> std::same_as<T>;
};

/// A kind of artifact as data: registered like a stage, so that a plugin can bring its own.
struct KindSpec {
  std::string name;
  std::int64_t format = 1;
  std::string doc;
  std::function<Fields(const Artifact&)> encode;
  std::function<ArtifactPtr(const Fields&)> decode;
};

template <ArtifactType T>
KindSpec kind_spec() {
  return {.name = std::string(T::kKind),
          .format = T::kFormat,
          .doc = std::string(T::kDoc),
          .encode = [](const Artifact& a) { return static_cast<const T&>(a).to_fields(); },
          .decode = [](const Fields& f) -> ArtifactPtr { return std::make_shared<const T>(T::from_fields(f)); }};
}

}  // namespace espalier::inline v1
