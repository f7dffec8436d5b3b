// SPDX-License-Identifier: Apache-2.0
#include "file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include <fmt/format.h>
#include <zlib.h>

#include <espalier/error.hpp>

namespace espalier::exchange {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFirstStep = std::size_t{64} << 10;
constexpr std::size_t kLargestStep = std::size_t{64} << 20;

/// A file opened by zlib, which passes bytes that are not gzipped through.
class Source {
 public:
  explicit Source(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) {
      const int reason = errno;
      throw Error(reason == ENOENT ? Code::missing : Code::io,
                  fmt::format("cannot read '{}': {}", path.string(), std::strerror(reason)),
                  "check the path and the file's permissions");
    }
    gzbuffer(file_, 1U << 18);
  }
  ~Source() { gzclose(file_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// How many of `count` bytes were there.
  std::size_t read(char* target, std::size_t count) {
    const int got = gzread(file_, target, static_cast<unsigned>(count));
    int code = Z_OK;
    std::string_view reason = gzerror(file_, &code);
    // A gzip stream that stops early is reported beside the bytes that were there.
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      const std::string path = path_.string() + ": ";  // zlib begins with it
      if (reason.starts_with(path)) reason.remove_prefix(path.size());
      throw Error(
          code == Z_ERRNO ? Code::io : Code::damaged,
          fmt::format("'{}' cannot be read: {}", path_.string(), code == Z_ERRNO ? std::strerror(errno) : reason),
          "`gzip -t FILE` tests a packed file; fetch or copy it again");
    }
    return static_cast<std::size_t>(got);
  }

 private:
  fs::path path_;
  gzFile file_;
};

/// What memory is made ready for at first.
struct Expected {
  bool is_packed = false;
  std::size_t bytes = 0;  ///< 0: not known
};

/// A plain file has as many bytes as it has. What a packed one says at its end is believed as far as deflate's largest
/// ratio allows, and no further than a step: RFC 1951, RFC 1952 section 2.3.1.
Expected expected_of(const fs::path& path, const fs::file_status& status) {
  constexpr std::size_t kLargestRatio = 1032;
  if (!fs::is_regular_file(status)) return {};  // looking into a pipe would take from it
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff end = in.tellg();
  if (!in || end < 18) return {};  // shorter than any packed file
  const auto size = static_cast<std::size_t>(end);
  std::array<unsigned char, 2> magic{};
  std::array<unsigned char, 4> last{};
  in.seekg(0).read(reinterpret_cast<char*>(magic.data()), magic.size());
  in.seekg(end - 4).read(reinterpret_cast<char*>(last.data()), last.size());
  if (magic != std::array<unsigned char, 2>{0x1F, 0x8B}) return {.is_packed = false, .bytes = size};
  const std::size_t said =
      last[0] | std::size_t{last[1]} << 8 | std::size_t{last[2]} << 16 | std::size_t{last[3]} << 24;
  return {.is_packed = true, .bytes = std::min({said, kLargestRatio * size, kLargestStep})};
}

/// What is not there is left to whoever opens it.
void require_readable(const fs::path& path, const fs::file_status& status) {
  if (!fs::exists(status) || fs::is_regular_file(status) || fs::is_fifo(status)) return;
  throw Error(Code::request,
              fmt::format("cannot read '{}': it is {}", path.string(),
                          fs::is_directory(status) ? "a folder" : "neither a file nor a pipe"),
              fs::is_directory(status) ? "name a file in it" : "");
}

[[noreturn]] void refuse_size(const fs::path& path, std::size_t most, bool is_packed) {
  throw Error(Code::unsupported,
              fmt::format("'{}' is larger than {} MiB{}", path.string(), most >> 20, is_packed ? " when unpacked" : ""),
              "check that this is the file that was meant");
}

}  // namespace

fs::path plain_or_packed(const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored)) return file;
  fs::path packed = file;
  packed += ".gz";
  return fs::exists(packed, ignored) ? packed : file;
}

std::string read_file(const fs::path& file, std::size_t most) {
  const fs::path path = plain_or_packed(file);
  std::error_code left_to_the_source;
  const fs::file_status status = fs::status(path, left_to_the_source);
  require_readable(path, status);
  const Expected expected = expected_of(path, status);
  if (!expected.is_packed && expected.bytes >= most) refuse_size(path, most, false);
  Source source(path);
  std::string bytes;
  bytes.reserve(expected.bytes + 1);
  while (bytes.size() < most) {  // memory grows with the bytes that arrive
    const std::size_t have = bytes.size();
    const std::size_t step = std::min(std::clamp(bytes.capacity() - have, kFirstStep, kLargestStep), most - have);
    bytes.resize(have + step);
    const std::size_t got = source.read(bytes.data() + have, step);
    bytes.resize(have + got);
    if (got < step) return bytes;
  }
  refuse_size(path, most, expected.is_packed);
}

}  // namespace espalier::exchange
