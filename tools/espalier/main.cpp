// SPDX-License-Identifier: Apache-2.0
// The command line: a table of commands and their flags. What a command does is in the file named after it.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <espalier/error.hpp>

#include "core/machine.hpp"
#include "core/text.hpp"
#include "options.hpp"
#include "pages.hpp"

namespace espalier::cli {
namespace {

/// An option that takes one of a few words.
CLI::Option* add_choice(CLI::App& command, const char* name, std::string& value, const char* what,
                        const std::vector<std::string>& choices) {
  return command.add_option(name, value, what)->check(CLI::IsMember(choices))->option_text(core::join(choices, "|"));
}

void add_store(CLI::App& command, Options& o) {
  command
      .add_option("--store", o.store,
                  "where results are kept (default: $ESPALIER_STORE, else .espalier beside the pipeline)")
      ->type_name("DIR");
}

/// Of a command that names no pipeline.
void add_store_nearby(CLI::App& command, Options& o) {
  command
      .add_option("--store", o.store,
                  "where results are kept (default: $ESPALIER_STORE, else .espalier here, else that of the only folder "
                  "here that has one)")
      ->type_name("DIR");
}

void add_plugin_path(CLI::App& command, Options& o) {
  command.add_option("--plugin-path", o.plugin_path, "a plugin library, or a folder of them; may be repeated")
      ->type_name("PATH");
}

void add_retry(CLI::App& command, Options& o) {
  add_choice(
      command, "--retry", o.retry,
      "ask again where a verifier ran out of time, or where a verdict is `error`; what failed to run always runs "
      "again",
      {"timeout", "failed"});
}

void add_pipeline(CLI::App& command, Options& o) {
  command.add_option("PIPELINE", o.pipeline, "the experiment, a TOML file")->option_text(" ");
  command.add_option("--set", o.sets, "change a parameter of a node for this call; may be repeated")
      ->type_name("NODE.PARAM=VALUE");
  add_choice(command, "--trust", o.trust,
             "what says that a stage is the same: its declared revision or its library's bytes",
             {"revision", "binary"});
  add_store(command, o);
  add_plugin_path(command, o);
}

void add_run_flags(CLI::App& command, Options& o) {
  command.add_option("-j,--jobs", o.jobs, "nodes at a time (default: one a core)")
      ->check(CLI::Range(1, 4096))
      ->option_text("N");
  command.add_option("--only", o.only, "run only nodes whose name matches, and what they need")->type_name("NODE_GLOB");
  command.add_option("--force", o.force, "run matching nodes even when their result is there")->type_name("NODE_GLOB");
  command.add_flag("--fail-fast", o.fail_fast, "stop at the first failure (default: everything independent goes on)");
  add_retry(command, o);
  add_choice(command, "--executor", o.executor, "where nodes run; 'slurm' is not built yet", {"local", "slurm"});
  add_choice(command, "--progress", o.progress, "how it is shown what runs", {"auto", "tty", "plain", "json", "none"});
  command.add_flag("--json", o.json, "one JSON object about the run on stdout, nothing else there");
}

using Command = std::function<int(const Options&)>;

CLI::App* add(CLI::App& parent, const char* name, const char* what, Command body, Command& chosen) {
  CLI::App* command = parent.add_subcommand(name, what);
  command->callback([&chosen, body = std::move(body)] { chosen = body; });
  return command;
}

void add_pipeline_commands(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* run = add(app, "run", "run a pipeline, re-using what is there", run_command, chosen);
  add_pipeline(*run, o);
  add_run_flags(*run, o);
  add_pipeline(*add(app, "check", "report every mistake in a pipeline; runs nothing", check_command, chosen), o);
  CLI::App* plan = add(app, "plan", "say what would run, is there, or is pending; runs nothing", plan_command, chosen);
  add_pipeline(*plan, o);
  plan->add_option("--only", o.only, "only nodes whose name matches, and what they need")->type_name("NODE_GLOB");
  plan->add_option("--force", o.force, "as if matching nodes had to run")->type_name("NODE_GLOB");
  add_retry(*plan, o);
  CLI::App* explain =
      add(app, "explain", "say why a node would or would not run, with both values", explain_command, chosen);
  add_pipeline(*explain, o);
  explain->add_option("NODE", o.node, "one node (default: every node that is not up to date)")->option_text(" ");
  CLI::App* graph = add(app, "graph", "draw the pipeline", graph_command, chosen);
  add_pipeline(*graph, o);
  add_choice(*graph, "-f,--format", o.format, "what to draw it as", {"dot", "mermaid", "svg"});
  graph->add_option("-o,--output", o.output, "file to write (default: stdout)")->type_name("FILE");
}

void add_reference_commands(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* list = add(app, "list", "list stages, or describe one", list_command, chosen);
  list->add_option("STAGE", o.stage, "a stage, 'prune.neurons' say")->option_text(" ");
  list->add_flag("--plugins", o.list_plugins, "which plugin libraries were taken or refused, and why");
  list->add_flag("--markdown", o.markdown, "the whole reference as Markdown");
  add_plugin_path(*list, o);
  CLI::App* schema = add(app, "schema", "print the JSON Schema of pipelines for editors", schema_command, chosen);
  schema->add_option("-o,--output", o.output, "file to write (default: stdout)")->type_name("FILE");
  add_plugin_path(*schema, o);
  CLI::App* doctor = add(app, "doctor", "look at machine, libraries, data and store; say what to do about each",
                         doctor_command, chosen);
  add_store_nearby(*doctor, o);
  add_plugin_path(*doctor, o);
  CLI::App* fresh = app.add_subcommand("new", "start something of your own");
  fresh->require_subcommand(1);
  CLI::App* plugin = add(*fresh, "plugin", "a plugin that builds and passes its own test", new_plugin_command, chosen);
  plugin->add_option("DIR", o.folder, "a new folder; its name becomes the plugin's")->required()->option_text(" ");
  add_plugin_path(*plugin, o);
}

void add_record_commands(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* show = add(app, "show", "look at a stored artifact", show_command, chosen);
  show->add_option("ARTIFACT", o.artifact, "a node of the newest run, NODE.PORT, or the first digits of a digest")
      ->required()
      ->option_text(" ");
  CLI::App* runs = add(app, "runs", "list runs, or show one", runs_command, chosen);
  runs->add_option("RUN", o.run, "a run's id, or an unambiguous part of it")->option_text(" ");
  CLI::App* diff = add(app, "diff", "compare two runs: parameters, metrics, verdicts", diff_command, chosen);
  diff->add_option("RUN", o.runs, "two runs, each by its id or an unambiguous part of it")
      ->required()
      ->expected(2)
      ->option_text(" ");
  for (CLI::App* command : {show, runs, diff}) {
    add_store_nearby(*command, o);
    add_plugin_path(*command, o);
  }
}

void add_store_commands(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* store = app.add_subcommand("store", "the artifact store");
  store->require_subcommand(1);
  CLI::App* ls = add(*store, "ls", "what is kept, how big, and what made it", store_list_command, chosen);
  CLI::App* verify = add(*store, "verify", "read everything and check every digest", store_verify_command, chosen);
  CLI::App* gc =
      add(*store, "gc", "say what no run names any more, and remove it with --yes", store_gc_command, chosen);
  gc->add_option("--keep", o.keep,
                 "keep only what the newest run of these pipelines names (default: what any run names)")
      ->type_name("PIPELINE");
  gc->add_flag("--yes", o.yes, "remove it");
  CLI::App* to = add(*store, "export", "copy runs and their results to a folder, which is then a store itself",
                     store_export_command, chosen);
  to->add_option("DIR", o.folder, "the folder, new or made by an earlier export")->required()->option_text(" ");
  to->add_option("RUN", o.runs, "runs, each by its id or an unambiguous part of it (default: all)")->option_text(" ");
  CLI::App* from =
      add(*store, "import", "copy all runs and results of another store into this one", store_import_command, chosen);
  from->add_option("DIR", o.folder, "the other store")->required()->option_text(" ");
  for (CLI::App* command : {ls, verify, gc, to, from}) {
    add_store_nearby(*command, o);
    add_plugin_path(*command, o);
  }
}

/// For packages and shells, not for people: `--help` leaves them out.
void add_hidden_commands(CLI::App& app, Options& o, Command& chosen) {
  const auto with_app = [&app](int (*body)(const CLI::App&, const Options&)) {
    return [&app, body](const Options& options) { return body(app, options); };
  };
  CLI::App* pages = add(app, "pages", "print the man page or a completion script", with_app(pages_command), chosen);
  pages->add_option("PAGE", o.page)->required()->check(CLI::IsMember({"man", "bash", "zsh", "fish"}));
  CLI::App* complete = add(app, "complete", "print what may stand next", with_app(complete_command), chosen);
  complete->add_option("WORD", o.words);
  for (CLI::App* hidden : {pages, complete}) hidden->group("");
}

/// "espalier store gc", as far as the command line got.
std::string command_used(const CLI::App& app) {
  std::string out = app.get_name();
  const CLI::App* at = &app;
  for (auto used = at->get_subcommands(); !used.empty(); used = at->get_subcommands()) {
    at = used.front();
    out += " " + at->get_name();
  }
  return out;
}

void add_seat(CLI::App& command, Options& o) {
  command
      .add_option("--device", o.device,
                  "auto, cpu, cuda, cuda:N; or torch-cpu: crown's way on GPUs, on the CPU (default: auto)")
      ->check(CLI::Validator(
          [](const std::string& name) {
            const bool known = name == "auto" || name == "cpu" || name == "torch-cpu" || name == "cuda";
            return known || name.starts_with("cuda:") ? std::string() : "there is no kind of device '" + name + "'";
          },
          "DEVICE"))
      ->option_text("DEVICE");
  command.add_option("--threads", o.threads, "processor threads, one a core at most (default: one a core)")
      ->check(CLI::Range(1, 4096))
      ->option_text("N");
}

void add_verify_command(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* verify = add(app, "verify", "one verification question, no pipeline", verify_command, chosen);
  verify->add_option("MODEL", o.model, "the network, an ONNX file, plain or gzipped")->required()->option_text(" ");
  verify->add_option("PROPERTY", o.property, "what it must never do, a VNN-LIB file, plain or gzipped")
      ->required()
      ->option_text(" ");
  verify->add_option("--timeout", o.timeout_s, "wall clock seconds, start-up included")
      ->required()
      ->type_name("SECONDS");
  verify->add_option("--verifier", o.verifier, "the plugin whose stage 'property' is asked (default: crown)")
      ->type_name("PLUGIN");
  add_seat(*verify, o);
  verify
      ->add_option(
          "--memory-mib", o.memory_mib,
          "MiB that open parts of the search may take, beside the network; given, one that takes more by itself "
          "is not begun (default: 2048, and any network)")
      ->check(CLI::Range(1, 1 << 24))
      ->option_text("MIB");
  verify->add_flag("--json", o.json, "one JSON object on stdout in place of the answer, nothing else there");
  verify->add_option("--witness", o.witness, "file to write the counterexample of a sat to; removed otherwise")
      ->type_name("FILE");
  verify
      ->add_option("--proof", o.proof,
                   "file to write a proof of unsat to, for tools/check-proof (verifier crown); removed otherwise")
      ->type_name("FILE");
  add_plugin_path(*verify, o);
}

void add_attack_command(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* attack = add(app, "attack", "attack a network on test images, no pipeline", attack_command, chosen);
  attack->add_option("MODEL", o.model, "an ONNX file, gzipped or not, or a network of a store (.h5)")
      ->required()
      ->option_text(" ");
  add_choice(*attack, "--attack", o.attack, "which (default: pgd)", {"pgd", "fgsm"});
  attack->add_option("--data", o.data, "the data set whose test images are attacked (default: fashion-mnist)")
      ->type_name("NAME");
  attack->add_option("--epsilon", o.epsilon, "L-infinity radius, of pixels from 0 to 1 (default: 0.1)")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("RADIUS");
  attack->add_option("--images", o.images, "how many, from the first on; 0 for all (default: 100)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->option_text("N");
  attack->add_option("--target", o.target, "the class to reach (default: any but the image's own)")
      ->expected(1)
      ->type_name("CLASS");
  add_seat(*attack, o);
  attack->add_flag("--json", o.json, "one JSON object on stdout in place of the table, nothing else there");
  attack->add_option("-o,--output", o.output, "file to write what was found to, as an artifact (.h5)")
      ->type_name("FILE");
  add_plugin_path(*attack, o);
}

void add_model_commands(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* info = add(app, "info", "describe a network's layers, shapes and sizes", info_command, chosen);
  info->add_option("MODEL", o.model, "an ONNX file, gzipped or not, or a network of a store (.h5)")
      ->required()
      ->option_text(" ");
  CLI::App* convert = add(app, "convert", "write a network as another kind of file", convert_command, chosen);
  convert->add_option("MODEL", o.model, "an ONNX file, gzipped or not, or a network of a store (.h5)")
      ->required()
      ->option_text(" ");
  convert->add_option("OUTPUT", o.output, "the file to write: .onnx or .h5")->required()->option_text(" ");
}

/// The first word that is no command or option where it stands, in words; nothing when that is not what is wrong.
std::string unknown_word(const CLI::App& app) {
  const CLI::App* at = &app;
  for (auto used = at->get_subcommands(); !used.empty(); used = at->get_subcommands()) at = used.front();
  const auto rest = at->remaining(true);
  if (rest.empty()) return {};
  const std::string& word = rest.front();
  const bool is_option = word.starts_with('-');
  std::vector<std::string> known;
  if (is_option) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
      for (const std::string& name : option->get_snames()) known.push_back("-" + name);
    }
  } else {
    for (const CLI::App* sub : at->get_subcommands([](const CLI::App* s) { return !s->get_group().empty(); })) {
      known.push_back(sub->get_name());
    }
    if (known.empty()) return fmt::format("'{}' is one argument too many for '{}'", word, command_used(app));
  }
  const std::string name = word.substr(0, word.find('='));
  return fmt::format("'{}' has no {} '{}'{}", command_used(app), is_option ? "option" : "command", name,
                     core::did_you_mean(name, known));
}

int main_guarded(int argc, char** argv) {
  CLI::App app{
      "Espalier trains, prunes and proves neural networks: experiments declared as TOML, run as a dataflow graph.",
      "espalier"};
  app.set_version_flag("--version", std::string("espalier ") + core::kVersion);
  app.require_subcommand(1);
  Options options;
  Command chosen;
  add_pipeline_commands(app, options, chosen);
  add_record_commands(app, options, chosen);
  add_store_commands(app, options, chosen);
  add_verify_command(app, options, chosen);
  add_reference_commands(app, options, chosen);
  add_attack_command(app, options, chosen);
  add_model_commands(app, options, chosen);
  add_hidden_commands(app, options, chosen);
  app.footer(footer_text());  // last: commands that are added later take it over
  if (argc < 2) {
    fmt::print(stderr, "{}", app.help());
    return kBadRequest;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    const std::string unknown = unknown_word(app);
    fmt::print(stderr, "espalier: {}\n  try '{} --help'\n", unknown.empty() ? e.what() : unknown, command_used(app));
    return kBadRequest;
  }
  return chosen(options);
}

/// What was printed may wait in a buffer still, or be lost: a full disk must not look like success.
int with_output_written(int status) {
  const bool flushed = std::fflush(stdout) == 0;
  const int reason = errno;
  if (flushed && std::ferror(stdout) == 0) return status;
  fmt::print(stderr, "espalier: cannot write to standard output{}\n",
             flushed ? "" : fmt::format(": {}", std::strerror(reason)));
  return status == kOk ? kFailed : status;
}

}  // namespace
}  // namespace espalier::cli

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);                  // a file that grows too large is a failed write with a message
  espalier::core::configure_numeric_libraries();  // before any plugin brings in BLAS
  try {
    return espalier::cli::with_output_written(espalier::cli::main_guarded(argc, argv));
  } catch (const espalier::Error& e) {
    fmt::print(stderr, "espalier: {}\n", e.what());
    if (!e.hint().empty()) fmt::print(stderr, "  {}\n", e.hint());
    return e.code() == espalier::Code::request ? espalier::cli::kBadRequest : espalier::cli::kFailed;
  } catch (const std::exception& e) {
    fmt::print(stderr, "espalier: {}\n", e.what());
    return espalier::cli::kFailed;
  }
}
