// SPDX-License-Identifier: Apache-2.0
#include "cache/index.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace espalier::cache {
namespace {

// The file: kMagic, SHA-256 of what follows, then the number of entries and the entries. An entry: key, number of
// outputs, and for each output port, kind (both with their length in front), content, and size and time of the file
// when it was last whole (zeros when that is not known). Numbers are little-endian, u32 but for size and time, which
// are u64.
constexpr std::string_view kMagic = "espalier-index-2\n";
constexpr std::size_t kDigestSize = 32;

void put_number(std::string& out, std::uint64_t number, int bytes = 4) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
}

void put_digest(std::string& out, const Digest& digest) {
  out.append(reinterpret_cast<const char*>(digest.bytes.data()), kDigestSize);
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size());
  out += text;
}

/// Reads the parts one after the other; `good` turns false, and stays so, when they end too early.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }

  std::string_view take(std::size_t count) {
    if (!good_ || count > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view part = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return part;
  }
  std::uint64_t number(std::size_t bytes = 4) {
    std::uint64_t out = 0;
    const std::string_view part = take(bytes);
    for (std::size_t i = 0; i < part.size(); ++i) out |= std::uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
    return out;
  }
  std::string text() { return std::string(take(number())); }
  Digest digest() {
    Digest out;
    std::ranges::copy(take(kDigestSize), out.bytes.begin());
    return out;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

Index Index::decode(std::string_view bytes) {
  Reader file(bytes);
  if (file.take(kMagic.size()) != kMagic) return {};
  const Digest check = file.digest();
  if (!file.good() || digest_of(bytes.substr(kMagic.size() + kDigestSize)) != check) return {};
  Index out;
  const std::size_t count = file.number();
  out.entries_.reserve(std::min(count, bytes.size() / kDigestSize));
  for (std::size_t i = 0; i < count && file.good(); ++i) {
    const Digest key = file.digest();
    std::vector<OutputRef> outputs;
    for (std::size_t left = file.number(); left > 0 && file.good(); --left) {
      std::string port = file.text();
      std::string kind = file.text();
      outputs.push_back({.port = std::move(port), .kind = std::move(kind), .content = file.digest()});
      const std::uint64_t size = file.number(8);
      const auto time = static_cast<std::int64_t>(file.number(8));
      if (size > 0) out.set_whole(outputs.back().content, {.size = size, .mtime_ns = time});
    }
    out.entries_.insert_or_assign(key, std::move(outputs));
  }
  return file.good() && file.at_end() ? std::move(out) : Index{};
}

std::string Index::encode() const {
  std::string body;
  put_number(body, entries_.size());
  for (const auto& [key, outputs] : entries_) {
    put_digest(body, key);
    put_number(body, outputs.size());
    for (const OutputRef& output : outputs) {
      put_text(body, output.port);
      put_text(body, output.kind);
      put_digest(body, output.content);
      const core::FileStat stat = whole(output.content).value_or(core::FileStat{});
      put_number(body, stat.size, 8);
      put_number(body, static_cast<std::uint64_t>(stat.mtime_ns), 8);
    }
  }
  std::string out(kMagic);
  put_digest(out, digest_of(body));
  return out + body;
}

const std::vector<OutputRef>* Index::find(const Digest& key) const {
  const auto entry = entries_.find(key);
  return entry == entries_.end() ? nullptr : &entry->second;
}

void Index::set(const Digest& key, std::vector<OutputRef> outputs) {
  entries_.insert_or_assign(key, std::move(outputs));
}

std::optional<core::FileStat> Index::whole(const Digest& content) const {
  const auto entry = whole_.find(content);
  return entry == whole_.end() ? std::nullopt : std::optional(entry->second);
}

void Index::add_missing_from(Index other) {
  entries_.merge(other.entries_);
  whole_.merge(other.whole_);
}

std::vector<Digest> Index::keys() const {
  std::vector<Digest> keys;
  for (const auto& [key, outputs] : entries_) keys.push_back(key);
  return keys;
}

std::vector<Digest> Index::keys_with(const Digest& content) const {
  std::vector<Digest> keys;
  for (const auto& [key, outputs] : entries_) {
    if (std::ranges::find(outputs, content, &OutputRef::content) != outputs.end()) keys.push_back(key);
  }
  return keys;
}

}  // namespace espalier::cache
