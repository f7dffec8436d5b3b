// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <espalier/abi.hpp>

namespace espalier::inline v1 {

/// A SHA-256 value: the name of a piece of content.
struct ESPALIER_API Digest {
  std::array<std::uint8_t, 32> bytes{};

  std::string hex() const;
  std::string brief() const;  ///< the first 8 hex digits, for people
  static std::optional<Digest> from_hex(std::string_view hex);
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

/// Streams bytes or length-prefixed fields into a SHA-256.
class ESPALIER_API Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  /// Raw bytes, no prefix.
  Hasher& bytes(std::span<const std::byte> data);
  /// A field: its length as 8 little-endian bytes, then the bytes. Two different lists of fields never hash alike.
  Hasher& field(std::string_view text);
  Hasher& field(std::int64_t number);
  /// Consumes the hasher.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

ESPALIER_API Digest digest_of(std::string_view bytes);

}  // namespace espalier::inline v1

template <>
struct std::hash<espalier::Digest> {
  std::size_t operator()(const espalier::Digest& d) const noexcept {
    std::size_t h = 0;
    for (std::size_t i = 0; i < sizeof h; ++i) h = h << 8 | d.bytes[i];
    return h;
  }
};
