// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/error.hpp>

#include "core/disk.hpp"

namespace espalier::testing {

/// What MemoryDisk throws where a real process would have been killed. No Error and no std::exception, so that nothing
/// under test can take it for a failure and go on.
struct Killed {};

/// A disk in a map, with a clock that only tests move and faults on order. Changing calls (write_atomically, append,
/// remove) are counted from 1; faults name the call they strike. [any thread]
class MemoryDisk final : public core::Disk {
 public:
  // Faults.

  /// The n-th changing call from now fails with Error(io), once. A torn temporary file or a torn append stays behind.
  void fail_at(int n) {
    const std::scoped_lock hold(mutex_);
    fail_at_ = changes_ + n;
  }
  /// The n-th changing call from now kills the process half-way: it and every call after it throw Killed.
  void kill_at(int n) {
    const std::scoped_lock hold(mutex_);
    kill_at_ = changes_ + n;
  }
  /// After a fault: a new process sees what is on the disk, and no fault is ordered any more.
  void restart() {
    const std::scoped_lock hold(mutex_);
    kill_at_ = 0;
    fail_at_ = 0;
    dead_ = false;
  }
  /// Power loss: bytes appended and not synced since are gone. `write_atomically` syncs what it writes.
  void lose_unsynced() {
    const std::scoped_lock hold(mutex_);
    for (auto& [name, file] : files_) file.bytes.resize(file.synced);
  }
  /// Everything together may take this many bytes; more fails as a full disk does.
  void limit_bytes(std::optional<std::uint64_t> limit) {
    const std::scoped_lock hold(mutex_);
    limit_ = limit;
  }
  void set_read_only(bool on) {
    const std::scoped_lock hold(mutex_);
    read_only_ = on;
  }
  /// Reads of this file fail with Error(io), as those of a bad sector do, until it is removed.
  void make_unreadable(const core::Path& path) {
    const std::scoped_lock hold(mutex_);
    unreadable_.insert(key_of(path));
  }

  // Clock and counts.

  /// The clock is what `stat` shows as the time of a change; it starts at 0.
  void tick(std::int64_t ns) {
    const std::scoped_lock hold(mutex_);
    now_ns_ += ns;
  }
  struct Calls {
    int changes = 0;  ///< changing calls, failed ones included
    int reads = 0;
    int stats = 0;
    int lists = 0;
  };
  Calls calls() const {
    const std::scoped_lock hold(mutex_);
    return {.changes = changes_, .reads = reads_, .stats = stats_, .lists = lists_};
  }
  std::vector<std::string> all_files() const {
    const std::scoped_lock hold(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, file] : files_) names.push_back(name);
    return names;
  }
  /// Puts bytes there as if something else had: no fault strikes, no call is counted.
  void plant(const core::Path& path, std::string_view bytes) {
    const std::scoped_lock hold(mutex_);
    files_.insert_or_assign(key_of(path), File{std::string(bytes), bytes.size(), now_ns_});
  }

  /// One bit flips where the file lies: neither its size nor its time tells.
  void rot(const core::Path& path) {
    const std::scoped_lock hold(mutex_);
    std::string& bytes = files_.at(key_of(path)).bytes;
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  }

  // Disk.

  std::optional<std::string> read(const core::Path& path) override {
    const std::scoped_lock hold(mutex_);
    require_alive();
    ++reads_;
    const std::string name = key_of(path);
    if (unreadable_.contains(name)) refuse("read", name, "Input/output error");
    const auto file = files_.find(name);
    if (file == files_.end()) return std::nullopt;
    return file->second.bytes;
  }

  void write_atomically(const core::Path& path, std::string_view bytes) override {
    const std::scoped_lock hold(mutex_);
    const std::string name = key_of(path);
    strike("write", name, [&] {
      files_.insert_or_assign(temporary_of(name), File{std::string(bytes.substr(0, bytes.size() / 2)), 0, now_ns_});
    });
    require_space(name, bytes.size());
    files_.insert_or_assign(name, File{std::string(bytes), bytes.size(), now_ns_});
  }

  void append(const core::Path& path, std::string_view bytes) override {
    const std::scoped_lock hold(mutex_);
    const std::string name = key_of(path);
    strike("append to", name, [&] { files_[name].bytes += bytes.substr(0, bytes.size() / 2); });
    require_space(name, bytes.size());
    File& file = files_[name];
    file.bytes += bytes;
    file.mtime_ns = now_ns_;
  }

  std::optional<core::FileStat> stat(const core::Path& path) override {
    const std::scoped_lock hold(mutex_);
    require_alive();
    ++stats_;
    const auto file = files_.find(key_of(path));
    if (file == files_.end()) return std::nullopt;
    return core::FileStat{.size = file->second.bytes.size(), .mtime_ns = file->second.mtime_ns};
  }

  bool remove(const core::Path& path) override {
    const std::scoped_lock hold(mutex_);
    const std::string name = key_of(path);
    strike("remove", name, [] {});
    unreadable_.erase(name);
    return files_.erase(name) > 0;
  }

  std::vector<std::string> list(const core::Path& folder) override {
    const std::scoped_lock hold(mutex_);
    require_alive();
    ++lists_;
    const std::string prefix = key_of(folder) + "/";
    std::set<std::string> names;  // a folder comes up once for each file below it
    for (auto file = files_.lower_bound(prefix); file != files_.end() && file->first.starts_with(prefix); ++file) {
      const std::string rest = file->first.substr(prefix.size());
      names.insert(rest.substr(0, rest.find('/')));
    }
    return {names.begin(), names.end()};
  }

  /// The process that torn temporary files name: larger than any kernel's pid_max, so never alive.
  static constexpr int kDeadProcess = 99999999;

 private:
  struct File {
    std::string bytes;
    std::size_t synced = 0;  ///< this many bytes survive a power loss
    std::int64_t mtime_ns = 0;
  };

  static std::string key_of(const core::Path& path) {
    std::string name = path.lexically_normal().generic_string();
    if (name.size() > 1 && name.back() == '/') name.pop_back();
    return name;
  }

  /// Named as RealDisk names them.
  std::string temporary_of(const core::Path& path) const {
    const std::string name =
        "." + path.filename().string() + "." + std::to_string(kDeadProcess) + "-" + std::to_string(changes_) + ".tmp";
    return (path.parent_path() / name).generic_string();
  }

  void require_alive() const {
    if (dead_) throw Killed{};
  }

  [[noreturn]] static void refuse(const std::string& verb, const std::string& name, const std::string& why) {
    throw Error(Code::io, "cannot " + verb + " '" + name + "': " + why,
                "see that the disk is there and can be written");
  }

  template <class Tear>
  void strike(const std::string& verb, const std::string& name, Tear tear) {
    require_alive();
    ++changes_;
    if (changes_ == kill_at_) {
      dead_ = true;
      tear();
      throw Killed{};
    }
    if (changes_ == fail_at_) {
      tear();
      refuse(verb, name, "Input/output error");
    }
    if (read_only_) refuse(verb, name, "Read-only file system");
  }

  void require_space(const std::string& name, std::uint64_t wanted) const {
    if (!limit_) return;
    std::uint64_t used = 0;
    for (const auto& [other, file] : files_) used += file.bytes.size();
    if (used + wanted > *limit_) refuse("write", name, "No space left on device");
  }

  mutable std::mutex mutex_;
  std::map<std::string, File> files_;
  std::set<std::string> unreadable_;
  std::int64_t now_ns_ = 0;
  std::optional<std::uint64_t> limit_;
  bool read_only_ = false;
  bool dead_ = false;
  int fail_at_ = 0;
  int kill_at_ = 0;
  int changes_ = 0;
  int reads_ = 0;
  int stats_ = 0;
  int lists_ = 0;
};

}  // namespace espalier::testing
