// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/disk.hpp"

namespace espalier::core {
namespace {

std::string next_step(int error, const Path& path) {
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return fmt::format("free some space on the disk of '{}' or choose another store with --store", folder);
    case EACCES:
    case EPERM:
      return fmt::format("check the permissions of '{}' or choose another store with --store", folder);
    case ENOENT:
      return fmt::format("no file can be made in '{}': choose another store with --store", folder);
    case EROFS:
      return "the file system is mounted read-only: choose another store with --store";
    case EFBIG:
      return "raise the limit on the size of files (ulimit -f) or choose a store on another file system with --store";
    case EISDIR:
      return "it is a folder: name a file";
    case ENOTDIR:
      return "a part of that path is a file: name a folder";
    case EMFILE:
    case ENFILE:
      return "raise the limit on open files (ulimit -n)";
    default:
      return "check the disk and run again; finished results are kept";
  }
}

/// What is read may be anybody's file, not only one of the store.
[[noreturn]] void fail_to_read(const char* what, const Path& path, int error) {
  const bool denied = error == EACCES || error == EPERM;
  throw Error(Code::io, fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(error)),
              denied ? fmt::format("check the permissions of '{}'", path.string()) : next_step(error, path));
}

[[noreturn]] void fail(const char* what, const Path& path, int error) {
  throw Error(Code::io, fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(error)),
              next_step(error, path));
}

/// An open file; closes itself. A failing close of a written file is reported by `close`, not by the destructor.
class File {
 public:
  File(const Path& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

 private:
  int descriptor_;
};

/// As many bytes as there are, at most `size`.
std::size_t read_up_to(std::size_t size, char* to, const File& file, const Path& path) {
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::read(file.descriptor(), to + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_to_read("read", path, errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

/// 0, or the errno of the write that failed.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

void make_folders(const Path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("make the folder", folder, error.value());
}

/// Opens for writing; makes the folders only when they turn out to be missing.
File open_for_writing(const Path& path, int flags) {
  File file(path, flags | O_WRONLY | O_CREAT);
  if (file.is_open() || errno != ENOENT) return file;
  make_folders(path.parent_path());
  return File(path, flags | O_WRONLY | O_CREAT);
}

/// Beside the target, so that the rename stays within one file system; the process id lets `store gc` see whose it is.
Path temporary_beside(const Path& path) {
  static std::atomic<unsigned> counter = 0;
  return path.parent_path() / fmt::format(".{}.{}-{}.tmp", path.filename().string(), ::getpid(), counter++);
}

}  // namespace

std::optional<std::string> RealDisk::read(const Path& path) {
  File file(path, O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail_to_read("open", path, errno);
  }
  struct stat status {};
  if (::fstat(file.descriptor(), &status) != 0) fail_to_read("look at", path, errno);
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  bytes.resize(read_up_to(bytes.size(), bytes.data(), file, path));
  // Pipes and files of /proc have no size, and a file may have grown.
  std::array<char, 4096> more;
  while (const std::size_t n = read_up_to(more.size(), more.data(), file, path)) bytes.append(more.data(), n);
  return bytes;
}

void RealDisk::write_atomically(const Path& path, std::string_view bytes) {
  Path temporary = temporary_beside(path);
  auto give_up = [&](const char* what, int error) {
    ::unlink(temporary.c_str());
    fail(what, path, error);
  };
  File file = open_for_writing(temporary, O_EXCL);
  for (; !file.is_open() && errno == EEXIST; file = open_for_writing(temporary, O_EXCL)) {
    temporary = temporary_beside(path);  // left behind by a killed process that had this process's id
  }
  if (!file.is_open()) fail("write", path, errno);
  if (const int error = write_all(file.descriptor(), bytes)) give_up("write", error);
  if (::fsync(file.descriptor()) != 0) give_up("write", errno);
  if (!file.close()) give_up("write", errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) give_up("put in place", errno);
}

void RealDisk::append(const Path& path, std::string_view bytes) {
  File file = open_for_writing(path, O_APPEND);
  if (!file.is_open()) fail("write", path, errno);
  if (const int error = write_all(file.descriptor(), bytes)) fail("write", path, error);
  if (!file.close()) fail("write", path, errno);
}

std::optional<FileStat> RealDisk::stat(const Path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail("look at", path, errno);
  }
  return FileStat{static_cast<std::uint64_t>(status.st_size),
                  status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
}

bool RealDisk::remove(const Path& path) {
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  fail("remove", path, errno);
}

std::vector<std::string> RealDisk::list(const Path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    fail("list", folder, error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace espalier::core
