// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/error.hpp>

namespace espalier::exchange {

static_assert(std::endian::native == std::endian::little, "numbers in files are little-endian");

/// The fields of one protocol-buffers message, front to back. Views stay views of the bytes given; nothing is allocated
/// and no length is believed beyond them. Every failure is Error(damaged).
/// https://protobuf.dev/programming-guides/encoding
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  /// Goes to the next field; false at the end of the message.
  bool next();
  std::uint32_t field() const { return field_; }

  std::int64_t integer() const;    ///< an int32, int64, bool or enum
  float real() const;              ///< a float
  std::string_view bytes() const;  ///< bytes, a string or a message
  /// A name, which may be shown.
  std::string text() const { return printable(bytes()); }

  /// Appends the elements of a repeated field, packed or one of them.
  void append_to(std::vector<std::int64_t>& out) const;
  template <class T>
  void append_fixed_to(std::vector<T>& out) const {
    const std::string_view all = fixed_elements(sizeof(T));
    const std::size_t have = out.size();
    out.resize(have + all.size() / sizeof(T));
    if (!all.empty()) std::memcpy(out.data() + have, all.data(), all.size());
  }

 private:
  enum class Type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  std::string_view take(std::uint64_t count);
  void require(Type type) const;
  std::string_view fixed_elements(std::size_t size) const;

  std::string_view rest_;
  std::uint32_t field_ = 0;
  Type type_ = Type::varint;
  std::uint64_t number_ = 0;  ///< of a varint
  std::string_view bytes_;    ///< of everything else
};

/// A message as it is written.
class WireWriter {
 public:
  WireWriter& integer(std::uint32_t field, std::int64_t value);
  WireWriter& real(std::uint32_t field, float value);
  WireWriter& bytes(std::uint32_t field, std::string_view value);
  const std::string& message() const { return out_; }

 private:
  void varint(std::uint64_t value);
  std::string out_;
};

}  // namespace espalier::exchange
