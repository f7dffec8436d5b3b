// SPDX-License-Identifier: Apache-2.0
// The man page and the completion scripts.
#include <array>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/machine.hpp"
#include "pages.hpp"

namespace espalier::cli {
namespace {

struct Entry {
  std::string_view name;
  std::string_view what;
};

constexpr std::array<Entry, 4> kExitCodes = {{
    {"0", "everything asked for is there"},
    {"1", "some node failed, or a verdict is `error`"},
    {"2", "the request is wrong: pipeline, plugin or arguments"},
    {"130", "interrupted; what finished is stored"},
}};
constexpr std::array<Entry, 5> kEnvironment = {{
    {"ESPALIER_STORE", "where results are kept, instead of .espalier beside the pipeline"},
    {"ESPALIER_DATA", "folders that hold data sets, separated by colons"},
    {"ESPALIER_PLUGIN_PATH", "plugin libraries and folders of them, separated by colons"},
    {"NO_COLOR", "when it is set, nothing is coloured"},
    {"XDG_CACHE_HOME", "where descriptions of plugins are cached, instead of ~/.cache"},
}};

constexpr std::string_view kBash = R"(# bash completion for espalier
_espalier() {
  local IFS=$'\n'
  COMPREPLY=($(espalier complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _espalier espalier
)";
constexpr std::string_view kZsh = R"(#compdef espalier
local -a candidates
candidates=("${(@f)$(espalier complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
candidates=(${candidates:#})
if (( $#candidates )); then compadd -a candidates; else _files; fi
)";
constexpr std::string_view kFish = R"(# fish completion for espalier
complete -c espalier -a '(espalier complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
)";

/// As roff wants it: no line starts a request by accident, and a hyphen can be copied as one.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

void add_entry(std::string_view name, std::string_view what, std::string& out) {
  out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(name), roff(what));
}

/// "--jobs N"
std::string option_text(const CLI::Option& option) {
  std::string name = option.get_name(option.get_positional(), true);
  std::string value = option.get_option_text();
  if (value.empty() && option.get_items_expected_max() > 0) value = option.get_type_name();
  if (value.find_first_not_of(' ') != std::string::npos) name += " " + value;
  return name;
}

void add_command(const CLI::App& command, const std::string& name, std::string& out) {
  const auto below = command.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); });
  if (below.empty()) {
    std::string usage = name;
    for (const CLI::Option* option : command.get_options()) {
      if (option->get_positional()) usage += " " + option->get_name(true);
    }
    out += fmt::format(".SS {}\n{}\n", roff(usage), roff(command.get_description()));
    for (const CLI::Option* option : command.get_options()) {
      if (option == command.get_help_ptr()) continue;
      add_entry(option_text(*option), option->get_description(), out);
    }
  }
  for (const CLI::App* sub : below) add_command(*sub, name + " " + sub->get_name(), out);
}

std::string man_page(const CLI::App& app) {
  std::string out = fmt::format(".TH ESPALIER 1 \"\" \"espalier {}\" \"User Commands\"\n", core::kVersion);
  out += ".SH NAME\nespalier \\- train, prune and prove neural networks\n";
  out += ".SH SYNOPSIS\n\\fBespalier\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n";
  out += fmt::format(".SH DESCRIPTION\n{}\n.SH COMMANDS\n", roff(app.get_description()));
  add_command(app, app.get_name(), out);
  out += ".SH EXIT STATUS\n";
  for (const auto& [name, what] : kExitCodes) add_entry(name, what, out);
  out += ".SH ENVIRONMENT\n";
  for (const auto& [name, what] : kEnvironment) add_entry(name, what, out);
  return out;
}

}  // namespace

std::string footer_text() {
  std::string out = "Exit codes:\n";
  for (const auto& [name, what] : kExitCodes) out += fmt::format("  {:<26}  {}\n", name, what);
  out += "\nEnvironment:\n";
  for (const auto& [name, what] : kEnvironment) out += fmt::format("  {:<26}  {}\n", name, what);
  return out + "\n'espalier COMMAND --help' says more about each.";
}

int pages_command(const CLI::App& app, const Options& options) {
  fmt::print("{}", options.page == "bash"   ? std::string(kBash)
                   : options.page == "zsh"  ? std::string(kZsh)
                   : options.page == "fish" ? std::string(kFish)
                                            : man_page(app));
  return kOk;
}

}  // namespace espalier::cli
