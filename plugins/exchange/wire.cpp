// SPDX-License-Identifier: Apache-2.0
#include "wire.hpp"

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::exchange {
namespace {

[[noreturn]] void damaged(const std::string& text) {
  throw Error(Code::damaged, text, "check that this is an ONNX file, and fetch or export it again");
}

/// Takes a base-128 number off the front.
std::uint64_t take_varint(std::string_view& from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < from.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>(from[i]);
    value |= std::uint64_t{byte & 0x7FU} << (7 * i);
    if (byte < 0x80) {
      from.remove_prefix(i + 1);
      return value;
    }
  }
  damaged(from.size() < 10 ? "the file ends within a number" : "a number is longer than ten bytes");
}

}  // namespace

std::string_view WireReader::take(std::uint64_t count) {
  if (count > rest_.size()) {
    damaged(fmt::format("field {} needs {} bytes, but the file or the message around it ends after {}", field_, count,
                        rest_.size()));
  }
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

bool WireReader::next() {
  if (rest_.empty()) return false;
  const std::uint64_t key = take_varint(rest_);
  const std::uint64_t type = key & 7;
  if (key >> 3 == 0 || key >> 3 >= (1U << 29)) damaged(fmt::format("there is no field {}", key >> 3));
  field_ = static_cast<std::uint32_t>(key >> 3);
  if (type != 0 && type != 1 && type != 2 && type != 5) damaged(fmt::format("field {} is of type {}", field_, type));
  type_ = static_cast<Type>(type);
  if (type_ == Type::varint) number_ = take_varint(rest_);
  if (type_ == Type::fixed64) bytes_ = take(8);
  if (type_ == Type::fixed32) bytes_ = take(4);
  if (type_ == Type::bytes) bytes_ = take(take_varint(rest_));
  return true;
}

void WireReader::require(Type type) const {
  if (type_ == type) return;
  damaged(fmt::format("field {} is of type {}, expected {}", field_, static_cast<int>(type_), static_cast<int>(type)));
}

std::int64_t WireReader::integer() const {
  require(Type::varint);
  return static_cast<std::int64_t>(number_);
}

float WireReader::real() const {
  require(Type::fixed32);
  float value = 0;
  std::memcpy(&value, bytes_.data(), sizeof value);
  return value;
}

std::string_view WireReader::bytes() const {
  require(Type::bytes);
  return bytes_;
}

void WireReader::append_to(std::vector<std::int64_t>& out) const {
  if (type_ == Type::varint) return out.push_back(integer());
  std::string_view packed = bytes();
  while (!packed.empty()) out.push_back(static_cast<std::int64_t>(take_varint(packed)));
}

std::string_view WireReader::fixed_elements(std::size_t size) const {
  if (type_ != (size == 4 ? Type::fixed32 : Type::fixed64)) require(Type::bytes);
  if (bytes_.size() % size != 0) {
    damaged(fmt::format("field {} has {} bytes of numbers of {} bytes", field_, bytes_.size(), size));
  }
  return bytes_;
}

void WireWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>((value & 0x7F) | 0x80);
  out_ += static_cast<char>(value);
}

WireWriter& WireWriter::integer(std::uint32_t field, std::int64_t value) {
  varint(std::uint64_t{field} << 3);
  varint(static_cast<std::uint64_t>(value));
  return *this;
}

WireWriter& WireWriter::real(std::uint32_t field, float value) {
  varint(std::uint64_t{field} << 3 | 5);
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  out_.append(raw, sizeof value);
  return *this;
}

WireWriter& WireWriter::bytes(std::uint32_t field, std::string_view value) {
  varint(std::uint64_t{field} << 3 | 2);
  varint(value.size());
  out_ += value;
  return *this;
}

}  // namespace espalier::exchange
