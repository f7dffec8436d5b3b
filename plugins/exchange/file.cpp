// SPDX-License-Identifier: Apache-2.0
#include "file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <zlib.h>

#include <espalier/error.hpp>

namespace espalier::exchange {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = std::size_t{2} << 30;  // what protocol buffers allow a message
constexpr std::size_t kFirstStep = std::size_t{1} << 20;

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
    const char* reason = gzerror(file_, &code);
    // A gzip stream that stops early is reported beside the bytes that were there.
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
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

fs::path plain_or_packed(const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored)) return file;
  fs::path packed = file;
  packed += ".gz";
  return fs::exists(packed, ignored) ? packed : file;
}

}  // namespace

std::string read_file(const fs::path& file) {
  const fs::path path = plain_or_packed(file);
  Source source(path);
  std::string bytes;
  std::size_t step = kFirstStep;  // memory grows with the bytes that arrive, not with what a header promises
  while (true) {
    const std::size_t have = bytes.size();
    bytes.resize(have + step);
    const std::size_t got = source.read(bytes.data() + have, step);
    bytes.resize(have + got);
    if (got < step) return bytes;
    if (bytes.size() >= kMostBytes) {
      throw Error(Code::unsupported, fmt::format("'{}' is larger than 2 GiB when unpacked", path.string()),
                  "keep large weights out of one file, or check that this is the file that was meant");
    }
    step = std::min(bytes.size(), std::size_t{64} << 20);
  }
}

}  // namespace espalier::exchange
