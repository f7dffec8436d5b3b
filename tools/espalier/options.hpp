// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace espalier::cli {

/// What a command line can say, as plain data; `main.cpp` fills it in, the commands read it.
struct Options {
  std::string pipeline;
  std::string store;                     ///< --store
  std::vector<std::string> plugin_path;  ///< --plugin-path
  std::vector<std::string> sets;         ///< --set NODE.PARAM=VALUE
  std::string trust = "revision";        ///< --trust revision|binary

  // run
  int jobs = 0;
  std::vector<std::string> only;
  std::vector<std::string> force;
  bool fail_fast = false;
  std::string retry;              ///< "", "timeout" or "failed"
  std::string progress = "auto";  ///< auto, tty, plain, json, none
  bool json = false;
  std::string executor = "local";  ///< local or slurm

  std::string node;                ///< explain
  std::string format = "svg";      ///< graph
  std::string stage;               ///< list
  bool list_plugins = false;       ///< list --plugins
  bool markdown = false;           ///< list --markdown
  std::string output;              ///< schema -o, graph -o, attack -o, convert IN OUT
  std::string model;               ///< verify MODEL, attack MODEL, info MODEL, convert IN
  std::string artifact;            ///< show
  std::string run;                 ///< runs ID
  std::vector<std::string> runs;   ///< diff RUN RUN, store export RUN...
  std::vector<std::string> keep;   ///< store gc --keep PIPELINE
  bool yes = false;                ///< store gc --yes
  std::string folder;              ///< new plugin DIR, store export|import DIR
  std::string page;                ///< pages: man, bash, zsh, fish
  std::vector<std::string> words;  ///< complete: what stands on the command line

  // verify
  std::string property;            ///< VNN-LIB
  std::string verifier = "crown";  ///< the plugin whose stage `property` is asked
  double timeout_s = 0;
  std::string device = "auto";  ///< auto, cpu, cuda
  int threads = 0;              ///< 0: one a core
  int memory_mib = 0;           ///< 0: the verifier's default
  std::string witness;          ///< --witness FILE
  std::string proof;            ///< --proof FILE

  // attack
  std::string attack = "pgd";          ///< a stage of the plugin `attack`
  std::string data = "fashion-mnist";  ///< a set of the catalogue
  double epsilon = 0.1;
  std::int64_t images = 100;         ///< 0: all
  std::vector<std::int64_t> target;  ///< none or one
};

/// Exit codes users and scripts rely on.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;      ///< some node failed, or a verdict is `error`
inline constexpr int kBadRequest = 2;  ///< pipeline, plugins or arguments are wrong
inline constexpr int kInterrupted = 130;

int run_command(const Options& options);
int check_command(const Options& options);
int plan_command(const Options& options);
int explain_command(const Options& options);
int graph_command(const Options& options);
int list_command(const Options& options);
int schema_command(const Options& options);
int show_command(const Options& options);
int runs_command(const Options& options);
int diff_command(const Options& options);
int store_list_command(const Options& options);
int store_gc_command(const Options& options);
int store_verify_command(const Options& options);
int store_export_command(const Options& options);
int store_import_command(const Options& options);
int doctor_command(const Options& options);
int new_plugin_command(const Options& options);
int verify_command(const Options& options);
int attack_command(const Options& options);
int info_command(const Options& options);
int convert_command(const Options& options);

}  // namespace espalier::cli
