// SPDX-License-Identifier: Apache-2.0
// That the project builds and passes its own test is for external_plugin_test.cmake; here is what needs no compiler.
#include "plugin/scaffold.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "support/fake_stages.hpp"
#include "support/temp_dir.hpp"

namespace fs = std::filesystem;
using espalier::Error;
using espalier::plugin::Registry;
using espalier::plugin::scaffold_plugin;
using espalier::testing::TempDir;

namespace {

std::string contents(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a new plugin is a small project that says what to type next") {
  TempDir dir;
  const std::string next = scaffold_plugin(dir / "acme2", Registry());
  const std::string build = (dir / "acme2/build").string();
  CHECK(next.find("cmake --build " + build + "\n") != std::string::npos);
  CHECK(next.find("-Despalier_DIR=" + std::string(ESPALIER_BINARY_DIR) + "/lib/cmake/espalier\n") != std::string::npos);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir / "acme2")) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  CHECK(names == std::vector<std::string>{"CMakeLists.txt", "README.md", "acme2.cpp", "pipeline.toml"});
  for (const std::string& name : names) CHECK(contents(dir / "acme2" / name).find('@') == std::string::npos);
  const std::string source = contents(dir / "acme2/acme2.cpp");
  CHECK(source.find("plugin.name(\"acme2\")") != std::string::npos);
  CHECK(std::ranges::count(source, '\n') <= 40);
}

TEST_CASE("an empty folder will do, with or without a slash at the end") {
  TempDir dir;
  fs::create_directory(dir / "acme");
  scaffold_plugin(dir.path().string() + "/acme/", Registry());
  CHECK(fs::exists(dir / "acme/acme.cpp"));
}

TEST_CASE("nothing is overwritten and no impossible name is taken") {
  TempDir dir;
  scaffold_plugin(dir / "acme", Registry());
  CHECK_THROWS_WITH_AS(scaffold_plugin(dir / "acme", Registry()),
                       ("'" + (dir / "acme").string() + "' exists and is not an empty folder").c_str(), Error);
  for (const char* name : {"Acme", "2nd", "my-plugin", "core", "pipeline", "axes"}) {
    CHECK_THROWS_WITH_AS(scaffold_plugin(dir / name, Registry()),
                         (std::string("'") + name + "' cannot be a plugin's name").c_str(), Error);
    CHECK_FALSE(fs::exists(dir / name));
  }
}

TEST_CASE("a name that a plugin has already is refused, and its file is named") {
  TempDir dir;
  Registry known;
  espalier::plugin::LoadedPlugin origin;
  origin.file = "/opt/acme.so";
  espalier::PluginSpec taken = espalier::testing::fake_plugin();
  taken.name = "acme";
  REQUIRE(known.add(std::move(taken), std::move(origin)).empty());
  CHECK_THROWS_WITH_AS(scaffold_plugin(dir / "acme", known), "there is a plugin 'acme' already: '/opt/acme.so'", Error);
  CHECK_FALSE(fs::exists(dir / "acme"));
  scaffold_plugin(dir / "acme2", known);
  CHECK(fs::exists(dir / "acme2"));
}
