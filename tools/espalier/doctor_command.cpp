// SPDX-License-Identifier: Apache-2.0
// doctor: what this machine, its libraries, plugins, data and store look like, and what to do about what is amiss.
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <unistd.h>

#include "core/text.hpp"
#include "counted.hpp"
#include "findings.hpp"
#include "session.hpp"
#include "stage_call.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

/// Less than this on the disk of a store, and the next runs may not fit.
constexpr std::uintmax_t kLittleSpace = std::uintmax_t{1} << 30;

void plugins(const plugin::Registry& registry, const std::vector<plugin::Refused>& refused, Findings& findings) {
  std::map<std::string, std::vector<std::string>> by_torch;
  for (const plugin::LoadedPlugin& p : registry.plugins()) {
    if (p.file.empty()) continue;
    findings.say("plugin", fmt::format("{} {}, {}", p.name, p.version, p.file.string()));
    if (p.torch != "none") by_torch[p.torch].push_back(p.name);
  }
  for (const auto& [version, names] : by_torch) {
    findings.say("LibTorch", fmt::format("{}, used by {}", version, core::quoted_list(names)));
  }
  if (by_torch.empty()) {
    findings.say("LibTorch", "no plugin uses it: nothing can be trained or attacked by gradients");
    findings.advise("apt-get install libtorch-dev, and build with cmake -DESPALIER_TORCH=ON");
  }
  for (const plugin::Refused& r : refused) {
    const auto hint = r.why.rfind("; ");
    findings.say("refused", r.why.substr(0, hint));
    findings.advise(hint == std::string::npos ? "remove it from the search path" : r.why.substr(hint + 2));
  }
}

void data_sets(const plugin::Registry& registry, Findings& findings) {
  const StageSpec* stage = registry.find_stage("data.idx");
  if (stage == nullptr) {
    findings.say("data set", "none can be read: there is no stage 'data.idx'");
    findings.advise("build the plugin 'data', or say where it is with --plugin-path");
    return;
  }
  std::vector<std::string> names;
  for (const ParamSpec& p : stage->params) {
    if (p.name == "name") names = p.choices;
  }
  for (const std::string& name : names) {
    if (name.empty()) continue;
    try {
      StageCall call(registry, stage->qualified());
      call.set("name", Value(name));
      call.run();
      findings.say("data set", name + ": found, checked");
    } catch (const Error& e) {
      findings.say("data set", fmt::format("{}: {}", name, e.what()));
      if (!e.hint().empty()) findings.advise(e.hint());
    }
  }
}

std::string contents_text(const Options& options, const core::Path& root) {
  Workshop workshop(options, root);
  std::uint64_t bytes = 0;
  const auto entries = workshop.store.list();
  for (const auto& entry : entries) bytes += entry.bytes;
  return fmt::format("{}, {} in {}", counted(entries.size(), "artifact"), core::bytes_text(static_cast<double>(bytes)),
                     counted(workshop.runs.ids().size(), "run"));
}

void store(const Options& options, const core::Path& root, Findings& findings) {
  std::error_code error;
  const bool there = std::filesystem::exists(root, error);
  core::Path disk = there ? root : std::filesystem::absolute(root).parent_path();
  while (!std::filesystem::exists(disk, error) && disk.has_relative_path()) disk = disk.parent_path();
  const auto space = std::filesystem::space(disk, error);
  const std::string free = error ? "unknown" : core::bytes_text(static_cast<double>(space.available));
  findings.say("store",
               fmt::format("'{}'{}, {} free on its disk", root.string(), there ? "" : " (not made yet)", free));
  if (!error && space.available < kLittleSpace) {
    findings.advise(
        "little space: free some, remove what no run needs with 'espalier store gc', or choose another "
        "store with --store");
  }
  if (::access(disk.c_str(), W_OK) != 0) {
    findings.say("store", fmt::format("'{}' cannot be written to: what is there can be used, nothing new is kept",
                                      disk.string()));
    findings.advise("change its permissions, or choose another store with --store");
  }
  if (!there) return;
  findings.say("store", contents_text(options, root) +
                            "; whether all of it is whole tells: espalier store verify --store " + root.string());
}

/// That the store is not clear is a finding like others.
void store(const Options& options, Findings& findings) {
  try {
    store(options, store_nearby(options), findings);
  } catch (const Error& e) {
    findings.say("store", e.what());
    findings.advise(e.hint());
  }
}

}  // namespace

int doctor_command(const Options& options) {
  Findings findings;
  examine_machine(findings);
  plugin::Registry registry;
  const auto refused = plugin::load_plugins(plugin::search_path(options.plugin_path), registry);
  plugins(registry, refused, findings);
  data_sets(registry, findings);
  store(options, findings);
  fmt::print("{}\n", findings.advice() == 0
                         ? "all is as it should be"
                         : counted(static_cast<std::size_t>(findings.advice()), "thing") + " to do, see '->' above");
  return kOk;
}

}  // namespace espalier::cli
