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

/// How many bytes the file probably has when unpacked. A packed one says so at its end, which is believed as far as
/// deflate's largest ratio allows. RFC 1951, RFC 1952 section 2.3.1.
std::size_t likely_size(const fs::path& path) {
  constexpr std::size_t kLargestRatio = 1032;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff end = in.tellg();
  if (!in || end < 18) return 0;  // shorter than any packed file
  const auto size = static_cast<std::size_t>(end);
  std::array<unsigned char, 2> magic{};
  std::array<unsigned char, 4> last{};
  in.seekg(0).read(reinterpret_cast<char*>(magic.data()), magic.size());
  in.seekg(end - 4).read(reinterpret_cast<char*>(last.data()), last.size());
  if (magic != std::array<unsigned char, 2>{0x1F, 0x8B}) return size;
  const std::size_t said =
      last[0] | std::size_t{last[1]} << 8 | std::size_t{last[2]} << 16 | std::size_t{last[3]} << 24;
  return std::min(said, kLargestRatio * size);
}

fs::path plain_or_packed(const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored)) return file;
  fs::path packed = file;
  packed += ".gz";
  return fs::exists(packed, ignored) ? packed : file;
}

}  // namespace

std::string read_file(const fs::path& file, std::size_t most) {
  const fs::path path = plain_or_packed(file);
  Source source(path);
  std::string bytes;
  std::size_t step = std::min(std::max(likely_size(path) + 1, kFirstStep), most);
  while (true) {
    const std::size_t have = bytes.size();
    bytes.resize(have + step);
    const std::size_t got = source.read(bytes.data() + have, step);
    bytes.resize(have + got);
    if (got < step) return bytes;
    if (bytes.size() >= most) {
      throw Error(Code::unsupported, fmt::format("'{}' is larger than {} MiB when unpacked", path.string(), most >> 20),
                  "check that this is the file that was meant");
    }
    step = std::min(
        {bytes.size(), std::size_t{64} << 20, most - bytes.size()});  // memory grows with the bytes that arrive
  }
}

}  // namespace espalier::exchange
