// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fields.hpp>
#include <espalier/network.hpp>

namespace espalier::inline v1 {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are digested as they lie in memory");

bool is_name(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.back() == '/' || name.find("//") != name.npos) return false;
  if (name.size() > Fields::kLongestName) return false;
  return std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/'; });
}

/// What the field is, for messages.
std::string described(const Field& field) {
  return std::visit(
      Overloaded{
          [](std::int64_t) { return std::string("an integer"); }, [](double) { return std::string("a real"); },
          [](const std::string&) { return std::string("a text"); },
          [](const std::vector<std::string>&) { return std::string("a list of texts"); },
          [](const Tensor& t) { return fmt::format("a tensor of {} {}", to_text(t.dtype()), to_text(t.shape())); }},
      field);
}

/// An HDF5 file pads texts with zeros and cannot tell a tensor without axes from a number, so neither may be a field.
const char* fault(const Field& field) {
  const auto ends_in_zero = [](const std::string& s) { return !s.empty() && s.back() == '\0'; };
  return std::visit(
      Overloaded{[](std::int64_t) -> const char* { return nullptr; }, [](double) -> const char* { return nullptr; },
                 [&](const std::string& s) { return ends_in_zero(s) ? "ends in a zero byte" : nullptr; },
                 [&](const std::vector<std::string>& all) {
                   return std::ranges::any_of(all, ends_in_zero) ? "has a text that ends in a zero byte" : nullptr;
                 },
                 [](const Tensor& t) { return t.rank() == 0 ? "is a tensor without axes" : nullptr; }},
      field);
}

template <class T>
const T& typed(const Field& field, std::string_view name, const char* wanted) {
  if (const T* value = std::get_if<T>(&field)) return *value;
  throw Error(Code::damaged, fmt::format("field '{}' is {}, not {}", name, described(field), wanted));
}

/// The type is one of "integer", "real", "text", "texts", "tensor"; a real is its bit pattern.
void add(Hasher& hasher, const Field& field) {
  std::visit(Overloaded{[&](std::int64_t v) { hasher.field("integer").field(v); },
                        [&](double v) { hasher.field("real").field(std::bit_cast<std::int64_t>(v)); },
                        [&](const std::string& v) { hasher.field("text").field(v); },
                        [&](const std::vector<std::string>& v) {
                          hasher.field("texts").field(static_cast<std::int64_t>(v.size()));
                          for (const std::string& s : v) hasher.field(s);
                        },
                        [&](const Tensor& t) {
                          hasher.field("tensor").field(to_text(t.dtype())).field(std::int64_t{t.rank()});
                          for (const std::int64_t d : t.shape()) hasher.field(d);
                          hasher.field(static_cast<std::int64_t>(t.bytes().size())).bytes(t.bytes());
                        }},
             field);
}

}  // namespace

void Fields::set(std::string_view name, Field value) {
  if (!is_name(name)) {
    throw Error(Code::internal, fmt::format("'{}' is not a field name", name),
                "use lower-case letters, digits and '_', and '/' between parts");
  }
  if (const char* text = fault(value)) throw Error(Code::internal, fmt::format("field '{}' {}", name, text));
  for (std::size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
    const std::string_view group = name.substr(0, slash);
    if (has(group)) throw Error(Code::internal, fmt::format("field '{}' lies under field '{}'", name, group));
  }
  const std::string folder = std::string(name) + "/";
  const auto below = fields_.lower_bound(folder);
  if (below != fields_.end() && below->first.starts_with(folder)) {
    throw Error(Code::internal, fmt::format("field '{}' lies under field '{}'", below->first, name));
  }
  if (!fields_.emplace(name, std::move(value)).second) {
    throw Error(Code::internal, fmt::format("field '{}' is set twice", name));
  }
}

bool Fields::has(std::string_view name) const {
  return fields_.contains(name);
}

std::int64_t Fields::integer(std::string_view name) const {
  return typed<std::int64_t>(at(name), name, "an integer");
}

double Fields::real(std::string_view name) const {
  return typed<double>(at(name), name, "a real");
}

const std::string& Fields::text(std::string_view name) const {
  return typed<std::string>(at(name), name, "a text");
}

const std::vector<std::string>& Fields::texts(std::string_view name) const {
  return typed<std::vector<std::string>>(at(name), name, "a list of texts");
}

const Tensor& Fields::tensor(std::string_view name) const {
  return typed<Tensor>(at(name), name, "a tensor");
}

Tensor Fields::tensor_or_absent(std::string_view name) const {
  return has(name) ? tensor(name) : Tensor();
}

Digest Fields::digest(std::string_view kind, std::int64_t format) const {
  Hasher hasher;
  hasher.field("espalier-fields-1").field(kind).field(format).field(static_cast<std::int64_t>(fields_.size()));
  for (const auto& [name, field] : fields_) {
    hasher.field(name);
    add(hasher, field);
  }
  return hasher.finish();
}

const Field& Fields::at(std::string_view name) const {
  const auto it = fields_.find(name);
  if (it == fields_.end()) throw Error(Code::damaged, fmt::format("there is no field '{}'", name));
  return it->second;
}

}  // namespace espalier::inline v1
