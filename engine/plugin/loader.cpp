// SPDX-License-Identifier: Apache-2.0
// From files on the search path to entries in the registry. Each step that can go wrong has its own message.
#include "plugin/loader.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <set>

#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <dlfcn.h>
#include <fmt/format.h>

#include <espalier/digest.hpp>

#include "core/disk.hpp"
#include "core/text.hpp"
#include "plugin/abi_mark.hpp"
#include "plugin/spec_cache.hpp"

namespace espalier::plugin {
namespace {

namespace fs = std::filesystem;

struct Candidate {
  fs::path file;
  bool named_explicitly = false;
};

/// What the bytes of a library say, before any of its code runs.
struct Inspected {
  std::string file_digest;
  std::string torch;
};

fs::path engine_library() {
  return fs::absolute(boost::dll::this_line_location());
}

/// The engine's build, for the cache: another build may check or describe differently.
std::string engine_stamp() {
  const std::optional<core::FileStat> stat = core::RealDisk().stat(engine_library());
  return fmt::format("{} {} {}", engine_abi(), stat ? stat->size : 0, stat ? stat->mtime_ns : 0);
}

void add_entry(const fs::path& entry, SearchPath& path) {
  if (entry.empty()) return;
  std::error_code ignored;  // what cannot be looked at counts as a file, and is refused with the reason when it is read
  (fs::is_directory(entry, ignored) ? path.folders : path.explicit_files).push_back(entry);
}

std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code failed;
  for (auto entry = fs::directory_iterator(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    if (entry->path().extension() == ".so") out.push_back(entry->path());
  }
  if (failed) {
    throw Error(Code::io, fmt::format("the folder cannot be read: {}", failed.message()), "check its permissions");
  }
  std::ranges::sort(out);
  return out;
}

/// Reads and checks one library. Throws Error when it is no plugin, or not one for this engine.
Inspected inspect(const fs::path& file) {
  const std::optional<std::string> bytes = core::RealDisk().read(file);
  if (!bytes) throw Error(Code::missing, "there is no such file", "check --plugin-path and ESPALIER_PLUGIN_PATH");
  const std::optional<std::string> mark = find_abi_mark(*bytes);
  if (!mark) {
    throw Error(Code::request, "not an espalier plugin (no ABI mark)", "was it built with espalier_add_plugin()?");
  }
  const std::vector<std::string> differences = abi_differences(*mark, engine_abi());
  if (!differences.empty()) {
    throw Error(Code::request, core::join(differences, "; "), "rebuild the plugin against this engine");
  }
  return {.file_digest = digest_of(*bytes).hex(), .torch = torch_version(*mark)};
}

/// The first plugin that uses LibTorch decides which LibTorch this process has.
void check_torch(const std::string& torch, const Registry& registry) {
  if (torch == "none") return;
  for (const LoadedPlugin& first : registry.plugins()) {
    if (first.torch == "none" || first.torch == torch) continue;
    throw Error(Code::request,
                fmt::format("built with LibTorch {}, this process uses LibTorch {}; two LibTorch copies cannot live in "
                            "one process",
                            torch, first.torch),
                fmt::format("rebuild it with LibTorch {} as '{}' was", first.torch, first.file.string()));
  }
}

/// Never unloaded: objects, exceptions and function tables of a plugin may be anywhere, and libraries with unique
/// symbols would not go anyway. Hence the vector is leaked.
void keep_loaded(boost::dll::shared_library library) {
  static std::mutex mutex;
  static auto* const kept = new std::vector<boost::dll::shared_library>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::move(library));
}

/// What the dynamic linker says; its message begins with the file, which ours names already.
std::string loading_failure(const fs::path& file, const std::error_code& failed) {
  const char* reason = dlerror();
  if (reason == nullptr) return failed.message();
  const std::string text = reason;
  const std::string place = file.string() + ": ";
  return text.starts_with(place) ? text.substr(place.size()) : text;
}

/// Loads the library and lets it describe itself. Needs: `inspect` found nothing wrong with it.
PluginSpec open_library(const fs::path& file) {
  using boost::dll::load_mode::type;
  // rtld_now: an unresolved symbol shows here and not hours into a run. rtld_local: plugins do not see each other.
  const type mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local;
  std::error_code failed;
  boost::dll::shared_library library;
  library.load(file, failed, mode);
  if (failed) {
    throw Error(Code::request, fmt::format("cannot be loaded: {}", loading_failure(file, failed)),
                "rebuild the plugin against this engine and the libraries of this machine");
  }
  if (!library.has(ESPALIER_PLUGIN_SYMBOL)) {
    throw Error(Code::request, fmt::format("exports no '{}'", ESPALIER_PLUGIN_SYMBOL),
                "describe the plugin with ESPALIER_PLUGIN(...) in one of its sources");
  }
  auto& enter = library.get<const char*(PluginBuilder*)>(ESPALIER_PLUGIN_SYMBOL);
  keep_loaded(library);
  PluginBuilder builder;
  if (const char* failure = enter(&builder)) {
    throw Error(Code::request, fmt::format("registration failed: {}", failure), "report it to the plugin's author");
  }
  return builder.take();
}

/// For the registry: the code of a plugin that so far was only described.
PluginSpec load_described(const LoadedPlugin& plugin) {
  try {
    if (inspect(plugin.file).file_digest != plugin.file_digest) {
      throw Error(Code::damaged, "the library changed while this command ran", "start the command again");
    }
    return open_library(plugin.file);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("plugin '{}': {}", plugin.file.string(), e.what()), e.hint());
  }
}

/// Describes a library, from the cache when it was seen before. After a first look its functions are there as well.
Described describe(const fs::path& file, const Registry& registry, const SpecCache& cache) {
  const std::optional<std::string> key = cache.key(file);
  if (key) {
    if (std::optional<Described> known = cache.find(file, *key)) {
      check_torch(known->torch, registry);
      return std::move(*known);
    }
  }
  Inspected inspected = inspect(file);
  check_torch(inspected.torch, registry);
  Described out{
      .spec = open_library(file), .file_digest = std::move(inspected.file_digest), .torch = std::move(inspected.torch)};
  if (key) cache.keep(file, *key, out);
  return out;
}

void load_plugin(const fs::path& file, Registry& registry, const SpecCache& cache) {
  Described described = describe(file, registry, cache);
  LoadedPlugin origin;
  origin.file = file;
  origin.file_digest = std::move(described.file_digest);
  origin.torch = std::move(described.torch);
  const std::vector<std::string> faults = registry.add(std::move(described.spec), std::move(origin));
  if (!faults.empty()) throw Error(Code::request, core::join(faults, "; "));
}

/// One name a file, so that a library found twice is loaded once.
fs::path canonical_or_absolute(const fs::path& file) {
  std::error_code failed;
  const fs::path canonical = fs::canonical(file, failed);
  return failed ? fs::absolute(file) : canonical;
}

Refused refusal(const Candidate& candidate, const Error& e) {
  std::string why = fmt::format("{}: {}", candidate.file.string(), e.what());
  if (!e.hint().empty()) why += fmt::format("; {}", e.hint());
  return {.file = candidate.file, .why = std::move(why), .named_explicitly = candidate.named_explicitly};
}

std::vector<Candidate> candidates(const SearchPath& path, std::vector<Refused>& refused) {
  std::vector<Candidate> all;
  for (const fs::path& file : path.explicit_files) all.push_back({file, true});
  for (const fs::path& folder : path.folders) {
    try {
      for (fs::path& file : libraries_in(folder)) all.push_back({std::move(file), false});
    } catch (const Error& e) {
      refused.push_back(refusal({folder, false}, e));
    }
  }
  return all;
}

}  // namespace

SearchPath search_path(const std::vector<std::string>& from_command_line) {
  SearchPath path;
  for (const std::string& entry : from_command_line) add_entry(entry, path);
  if (const char* variable = std::getenv("ESPALIER_PLUGIN_PATH")) {
    std::string_view rest = variable;
    while (!rest.empty()) {
      const std::string_view entry = rest.substr(0, rest.find(':'));
      add_entry(entry, path);
      rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    }
  }
  // The same place in a build folder and in an installation: beside the engine's library.
  const fs::path own = engine_library().parent_path() / "espalier" / "plugins";
  std::error_code ignored;
  if (fs::is_directory(own, ignored)) path.folders.push_back(own);
  return path;
}

fs::path package_folder() {
  return (engine_library().parent_path() / "cmake" / "espalier").lexically_normal();
}

std::vector<Refused> load_plugins(const SearchPath& path, Registry& registry) {
  registry.on_demand(load_described);
  const SpecCache cache(engine_stamp());
  std::vector<Refused> refused;
  std::set<fs::path> seen;
  for (const Candidate& candidate : candidates(path, refused)) {
    try {
      const fs::path file = canonical_or_absolute(candidate.file);
      if (seen.insert(file).second) load_plugin(file, registry, cache);
    } catch (const Error& e) {
      refused.push_back(refusal(candidate, e));
    }
  }
  return refused;
}

}  // namespace espalier::plugin
