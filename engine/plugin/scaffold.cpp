// SPDX-License-Identifier: Apache-2.0
// A plugin to start from. The texts below are what a newcomer reads first: short, complete, and built by a test.
#include "plugin/scaffold.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "core/disk.hpp"
#include "core/machine.hpp"
#include "plugin/loader.hpp"

namespace espalier::plugin {
namespace {

namespace fs = std::filesystem;

struct File {
  std::string_view name;
  std::string_view text;
};

// @NAME@ is the plugin's name, @VERSION@ the engine's.
constexpr File kBuildFile{"CMakeLists.txt", R"(cmake_minimum_required(VERSION 3.25)
project(@NAME@ LANGUAGES CXX)

find_package(espalier @VERSION@ REQUIRED) # COMPONENTS torch if it uses LibTorch,
espalier_add_plugin(@NAME@ SOURCES @NAME@.cpp) # and here TORCH

enable_testing()
set(where --store ${CMAKE_BINARY_DIR}/store --plugin-path $<TARGET_FILE:espalier_plugin_@NAME@>)
add_test(NAME run COMMAND espalier::program run ${CMAKE_SOURCE_DIR}/pipeline.toml ${where})
add_test(NAME everything_is_bright_enough COMMAND espalier::program show everything ${where})
set_tests_properties(run PROPERTIES FIXTURES_SETUP results)
set_tests_properties(everything_is_bright_enough PROPERTIES FIXTURES_REQUIRED results PASS_REGULAR_EXPRESSION
                                                            "values +f64 \\[1\\] 1\n")
)"};

constexpr File kSource{"@NAME@.cpp", R"(// What this plugin is for: say it here in one sentence.
#include <espalier/dataset.hpp>
#include <espalier/error.hpp>
#include <espalier/plugin.hpp>
#include <espalier/results.hpp>

#include <algorithm>

namespace {

// The stage's parameters; the initialisers are their defaults.
struct Params {
  std::int64_t threshold = 128;
};

// One stage: parameters and inputs in, outputs out, nothing else.
void bright(const Params& p, espalier::Context& ctx) {
  const auto& dataset = ctx.in<espalier::Dataset>("dataset");
  const auto pixels = dataset.test.images.as<std::uint8_t>();
  if (pixels.empty()) throw espalier::Error(espalier::Code::request, "there are no test images", "give some");
  const auto count = std::ranges::count_if(pixels, [&](std::uint8_t pixel) { return pixel >= p.threshold; });
  espalier::Metrics metrics;
  metrics.values["share"] = static_cast<double>(count) / static_cast<double>(pixels.size());
  ctx.out("metrics", std::move(metrics));
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("@NAME@").version("0.1.0").doc("What the stages of @NAME@ have in common.");
  plugin.stage("bright", bright)
      .doc("The share of bright pixels in the test images.")
      .revision(1)  // bump it when results change
      .input<espalier::Dataset>("dataset", "the images")
      .output<espalier::Metrics>("metrics", "'share', from 0 to 1")
      .param("threshold", &Params::threshold, "a pixel is bright from this byte on").range(0, 255);
}
)"};

constexpr File kPipeline{"pipeline.toml", R"([pipeline]
name = "@NAME@"

[data.synthetic.images]
test = 50

[@NAME@.bright.some]
dataset = "images"

[@NAME@.bright.everything]
dataset = "images"
threshold = 0  # every byte is at least that: the share must be 1
)"};

constexpr File kReadme{"README.md", R"(# @NAME@

A plugin for Espalier with one stage, `@NAME@.bright`.

    cmake -S . -B build              # -Despalier_DIR=... when espalier is in an unusual place
    cmake --build build
    ctest --test-dir build           # runs pipeline.toml and looks at a result

    espalier list @NAME@.bright --plugin-path build/@NAME@.so
    espalier run pipeline.toml --plugin-path build/@NAME@.so

To add a stage: a `Params` struct, a function, and a `plugin.stage(...)` in `@NAME@.cpp`. To use the plugin everywhere, set
`ESPALIER_PLUGIN_PATH` to its folder, or install it where espalier is: `cmake --install build --prefix PREFIX`.
)"};

constexpr std::array<File, 4> kFiles{kBuildFile, kSource, kPipeline, kReadme};

bool is_plugin_name(std::string_view name) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto rest = [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && lower(name[0]) && std::ranges::all_of(name, rest) && name != "core" && name != "pipeline" &&
         name != "axes";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace

std::string scaffold_plugin(const fs::path& folder, const Registry& known) {
  const fs::path place = fs::absolute(folder / "").lexically_normal().parent_path();  // without a slash at the end
  const std::string name = place.filename().string();
  if (!is_plugin_name(name)) {
    throw Error(Code::request, fmt::format("'{}' cannot be a plugin's name", name),
                "the folder's name becomes the plugin's: [a-z][a-z0-9_]*, and not core, pipeline or axes");
  }
  for (const LoadedPlugin& plugin : known.plugins()) {
    if (plugin.name != name) continue;
    throw Error(Code::request, fmt::format("there is a plugin '{}' already: '{}'", name, plugin.file.string()),
                "the folder's name becomes the plugin's: choose another");
  }
  if (fs::exists(place) && !(fs::is_directory(place) && fs::is_empty(place))) {
    throw Error(Code::request, fmt::format("'{}' exists and is not an empty folder", place.string()),
                "choose another folder");
  }
  const std::string_view version = core::kVersion;
  const std::string_view major_minor = version.substr(0, version.rfind('.'));
  for (const File& file : kFiles) {
    const auto filled = [&](std::string_view text) {
      return replaced(replaced(std::string(text), "@NAME@", name), "@VERSION@", major_minor);
    };
    core::RealDisk().write_atomically(place / filled(file.name), filled(file.text));
  }
  return fmt::format(
      "plugin '{0}' is in {1}; build and test it with\n"
      "  cmake -S {1} -B {1}/build -Despalier_DIR={2}\n"
      "  cmake --build {1}/build\n"
      "  ctest --test-dir {1}/build --output-on-failure\n",
      name, place.string(), package_folder().string());
}

}  // namespace espalier::plugin
