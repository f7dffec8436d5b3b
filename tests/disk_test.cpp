// SPDX-License-Identifier: Apache-2.0
#include "core/disk.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using espalier::Code;
using espalier::Error;
using espalier::core::RealDisk;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "espalier-disk-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("what was written whole is read whole, in folders that are made on the way") {
  Folder folder;
  RealDisk disk;
  const auto file = folder.path / "a" / "b" / "c.txt";
  disk.write_atomically(file, "one");
  disk.write_atomically(file, "two");
  CHECK(disk.read(file) == "two");
  CHECK(disk.list(file.parent_path()) == std::vector<std::string>{"c.txt"});
  CHECK(disk.stat(file)->size == 3);
}

TEST_CASE("what has no size, or not the one it says, is read to its end") {
  Folder folder;
  const auto pipe = folder.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const std::string text(10000, 'x');
  std::thread writer([&] { std::ofstream(pipe) << text; });
  CHECK(RealDisk().read(pipe) == text);
  writer.join();
  CHECK_FALSE(RealDisk().read("/proc/self/status").value().empty());
}

TEST_CASE("what is not there is nothing, not an error") {
  Folder folder;
  RealDisk disk;
  CHECK_FALSE(disk.read(folder.path / "no"));
  CHECK_FALSE(disk.stat(folder.path / "no"));
  CHECK_FALSE(disk.remove(folder.path / "no"));
  CHECK(disk.list(folder.path / "no").empty());
}

TEST_CASE("appending adds at the end") {
  Folder folder;
  RealDisk disk;
  disk.append(folder.path / "x" / "log", "a\n");
  disk.append(folder.path / "x" / "log", "b\n");
  CHECK(disk.read(folder.path / "x" / "log") == "a\nb\n");
}

TEST_CASE("a full disk is told with the file, the reason and the next step, and leaves the old content") {
  // /dev/full answers every write with ENOSPC.
  RealDisk disk;
  try {
    disk.append("/dev/full", "x");
    FAIL("a write to a full device succeeded");
  } catch (const Error& e) {
    CHECK(e.code() == Code::io);
    CHECK(std::string(e.what()) == "cannot write '/dev/full': No space left on device");
    CHECK(e.hint().find("free some space") == 0);
  }
}

TEST_CASE("where no folder can be made, the next step is another one") {
  RealDisk disk;
  try {
    disk.write_atomically("/proc/no-such-place/runs/x", "y");
    FAIL("a folder was made in /proc");
  } catch (const Error& e) {
    CHECK(std::string(e.what()) == "cannot make the folder '/proc/no-such-place/runs': No such file or directory");
    CHECK(e.hint() == "no file can be made in '/proc/no-such-place': choose another store with --store");
  }
}

TEST_CASE("a folder that is a file is refused by name") {
  Folder folder;
  RealDisk disk;
  disk.write_atomically(folder.path / "plain", "x");
  CHECK_THROWS_AS(disk.write_atomically(folder.path / "plain" / "inside", "y"), Error);
  CHECK(disk.read(folder.path / "plain") == "x");
}
