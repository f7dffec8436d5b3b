// SPDX-License-Identifier: Apache-2.0
#include "store_place.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "core/text.hpp"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = ".espalier";

bool is_folder(const core::Path& path) {
  std::error_code unknown;
  return fs::is_directory(path, unknown);
}

std::optional<core::Path> named_store(const Options& options) {
  const char* variable = std::getenv("ESPALIER_STORE");
  const core::Path named = !options.store.empty() ? options.store : variable != nullptr ? variable : "";
  if (named.empty()) return std::nullopt;
  std::error_code unknown;
  if (fs::exists(named, unknown) && !is_folder(named)) {
    throw Error(Code::request, fmt::format("the store '{}' is not a folder", named.string()),
                options.store.empty() ? "ESPALIER_STORE names it: set it to a folder"
                                      : "--store names it: give a folder, or a name that is free");
  }
  return named;
}

/// Stores that runs of `espalier run FOLDER/PIPELINE` made.
std::vector<std::string> stores_in_folders() {
  std::vector<std::string> out;
  std::error_code unreadable;
  for (fs::directory_iterator at(".", unreadable), end; !unreadable && at != end; at.increment(unreadable)) {
    const core::Path store = at->path().filename() / kName;
    if (is_folder(store)) out.push_back(store.string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

core::Path store_beside(const Options& options, const core::Path& beside) {
  return named_store(options).value_or(beside / kName);
}

core::Path store_nearby(const Options& options) {
  if (const auto named = named_store(options)) return *named;
  if (is_folder(kName)) return kName;
  const auto stores = stores_in_folders();
  if (stores.empty()) return kName;
  if (stores.size() > 1) {
    throw Error(Code::request, fmt::format("there is no store '{}' here, but {}", kName, core::quoted_list(stores)),
                "choose one with --store");
  }
  fmt::print(stderr, "note: there is no store '{}' here; this is '{}'\n", kName, stores.front());
  return stores.front();
}

}  // namespace espalier::cli
