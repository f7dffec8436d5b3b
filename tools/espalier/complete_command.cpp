// SPDX-License-Identifier: Apache-2.0
// complete: what may stand next on a command line, from the definitions of the commands, the loaded plugins and the
// runs.
#include <algorithm>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "pages.hpp"
#include "session.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

using Words = std::vector<std::string>;

/// Where on the command line the cursor stands.
struct Place {
  const CLI::App* command;
  const CLI::Option* waits_for_value = nullptr;
  std::size_t positionals = 0;  ///< that stand before it
};

const CLI::App* subcommand(const CLI::App& command, const std::string& name) {
  const auto all = command.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == name; });
  return all.empty() ? nullptr : all.front();
}

const CLI::Option* option_named(const CLI::App& command, const std::string& name) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->nonpositional() && option->check_name(name)) return option;
  }
  return nullptr;
}

Place place_after(const CLI::App& app, const Words& before) {
  Place at{&app};
  for (const std::string& word : before) {
    if (at.waits_for_value != nullptr) {
      at.waits_for_value = nullptr;
    } else if (const CLI::App* sub = subcommand(*at.command, word)) {
      at = {sub};
    } else if (word.starts_with('-')) {
      const CLI::Option* option = option_named(*at.command, word);
      if (option != nullptr && option->get_items_expected_max() > 0) at.waits_for_value = option;
    } else {
      ++at.positionals;
    }
  }
  return at;
}

Words choices_of(const CLI::Option& option) {
  Words out;
  std::string_view rest = option.get_option_text();
  if (rest.find('|') == std::string_view::npos) return out;
  while (!rest.empty()) {
    out.emplace_back(rest.substr(0, rest.find('|')));
    rest.remove_prefix(std::min(rest.size(), out.back().size() + 1));
  }
  return out;
}

const CLI::Option* positional(const CLI::App& command, std::size_t index) {
  const CLI::Option* last = nullptr;
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    if (index < static_cast<std::size_t>(option->get_items_expected_max())) return option;
    last = option;
    index -= static_cast<std::size_t>(option->get_items_expected_max());
  }
  return last;
}

/// What a positional argument of that name may be; nothing when it is a file.
Words candidates_for(const std::string& name, const Options& options) {
  Words out;
  if (name == "STAGE") {
    const Workshop workshop(options, store_beside(options, {}));
    std::set<std::string> plugins;
    for (const StageSpec* stage : workshop.registry.stages()) {
      out.push_back(stage->qualified());
      plugins.insert(stage->plugin);
    }
    out.insert(out.end(), plugins.begin(), plugins.end());
  } else if (name == "RUN") {
    Workshop workshop(options, store_nearby(options));
    out = workshop.runs.ids();
    std::ranges::reverse(out);
  }
  return out;
}

Words candidates(const Place& at, const std::string& typed, const Options& options) {
  if (at.waits_for_value != nullptr) return choices_of(*at.waits_for_value);
  Words out;
  if (typed.starts_with('-')) {
    for (const CLI::Option* option : at.command->get_options()) {
      for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
      for (const std::string& name : option->get_snames()) out.push_back("-" + name);
    }
    return out;
  }
  for (const CLI::App* sub : at.command->get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) out.push_back(sub->get_name());
  }
  if (!out.empty()) return out;
  const CLI::Option* wanted = positional(*at.command, at.positionals);
  return wanted == nullptr ? out : candidates_for(wanted->get_name(true), options);
}

}  // namespace

int complete_command(const CLI::App& app, const Options& options) {
  Words before = options.words;
  std::string typed;
  if (!before.empty()) {
    typed = before.back();
    before.pop_back();
  }
  for (const std::string& word : candidates(place_after(app, before), typed, options)) {
    if (word.starts_with(typed)) fmt::print("{}\n", word);
  }
  return kOk;
}

}  // namespace espalier::cli
