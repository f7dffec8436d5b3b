// SPDX-License-Identifier: Apache-2.0
#include "output_file.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <sys/stat.h>

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as many as Linux follows

/// The file that links lead to, which need not be there: a rename would put a file in place of the first link.
core::Path target_of(core::Path file) {
  std::error_code error;
  for (int links = 0; links < kMostLinks && fs::is_symlink(fs::symlink_status(file, error)); ++links) {
    const core::Path next = fs::read_symlink(file, error);
    if (error) break;  // whoever opens the file tells why
    file = file.parent_path() / next;
  }
  return file;
}

/// Standard output or error, when that is what the file is, as /dev/stdout may be a plain file; null otherwise.
std::FILE* own_stream(const core::Path& file) {
  struct stat wanted {};
  if (::stat(file.c_str(), &wanted) != 0) return nullptr;
  for (std::FILE* stream : {stdout, stderr}) {
    struct stat own {};
    const bool is_open = ::fstat(::fileno(stream), &own) == 0;
    if (is_open && own.st_dev == wanted.st_dev && own.st_ino == wanted.st_ino) return stream;
  }
  return nullptr;
}

void write(const core::Path& file, std::string_view bytes) {
  if (std::FILE* stream = own_stream(file)) {
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), stream) == bytes.size();
    if (!written || std::fflush(stream) != 0) throw Error(Code::io, fmt::format("cannot write '{}'", file.string()));
    return;
  }
  const core::Path target = target_of(file);
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (!fs::status_known(status)) {
    throw Error(Code::io, fmt::format("cannot write '{}': {}", file.string(), error.message()));
  }
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    core::RealDisk().append(target, bytes);
  } else {
    core::RealDisk().write_atomically(target, bytes);
  }
}

/// Whether two names, neither of them of a device or a pipe, stand for one file, which need not be there.
bool is_same_file(const core::Path& a, const core::Path& b) {
  std::error_code ignored;
  for (const core::Path& file : {a, b}) {
    if (fs::exists(file, ignored) && !fs::is_regular_file(file, ignored)) return false;
  }
  if (fs::equivalent(a, b, ignored)) return true;
  const core::Path place = fs::weakly_canonical(target_of(a), ignored);
  return !place.empty() && place == fs::weakly_canonical(target_of(b), ignored);
}

}  // namespace

void require_output_files(std::span<const core::Path> files, std::span<const core::Path> inputs) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].empty()) continue;
    require_output_file(files[i]);
    const auto require_other = [&](const core::Path& other, std::string_view use) {
      if (other.empty() || !is_same_file(files[i], other)) return;
      throw Error(Code::request, fmt::format("cannot write '{}': {}", files[i].string(), use), "name another file");
    };
    for (const core::Path& input : inputs) require_other(input, "it is read, too");
    for (const core::Path& output : files.first(i)) require_other(output, "it is to be written twice");
  }
}

void require_output_file(const core::Path& file) {
  if (file.empty()) return;
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) {
    throw Error(Code::request, fmt::format("cannot write '{}': it is a folder", file.string()), "name a file in it");
  }
  const core::Path folder = target_of(file).parent_path();
  if (folder.empty() || fs::is_directory(folder, ignored)) return;
  throw Error(Code::request, fmt::format("cannot write '{}': there is no folder '{}'", file.string(), folder.string()),
              "make the folder first, or name a file in another");
}

void remove_output_file(const core::Path& file) {
  if (file.empty() || own_stream(file) != nullptr) return;
  const core::Path target = target_of(file);
  std::error_code ignored;
  if (fs::is_regular_file(target, ignored)) core::RealDisk().remove(target);
}

void write_output_file(const core::Path& file, std::string_view bytes) {
  if (file.empty()) return;
  require_output_file(file);
  try {
    write(file, bytes);
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;
    throw Error(Code::io, error.what(), "look at that file's folder and its disk, or name another file");
  }
}

}  // namespace espalier::cli
