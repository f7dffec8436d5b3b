// SPDX-License-Identifier: Apache-2.0
// Any tool that takes part in VNN-COMP, by the scripts it has for that: prepare_instance.sh and run_instance.sh,
// version v1 (the competition's rules, "Scripts").
#include "vnncomp.hpp"

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <abstract/answers.hpp>
#include <exchange/onnx.hpp>
#include <exchange/vnnlib.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <espalier/error.hpp>

#include "claim.hpp"
#include "process.hpp"

namespace espalier::external {
namespace {

namespace fs = std::filesystem;
using abstract::Answer;
using abstract::Question;
using abstract::Used;

/// What stands for "no limit" where the scripts want a number.
constexpr double kLongest_s = 1e6;

struct Params : abstract::VerifyParams {
  Params() { budget_s = 60; }  // other people's tools may hang
  std::string prepare;
  std::string run;
  std::string version;
  std::string category = "test";
  double prepare_s = 60;
  double grace_s = 10;
  std::int64_t memory_mib = 0;
};

/// A folder that nobody else has, gone with this object.
class PrivateFolder {
 public:
  explicit PrivateFolder(const fs::path& where) {
    std::string name = (where / "tool-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw Error(Code::io, fmt::format("cannot make a folder in '{}': {}", where.string(), std::strerror(errno)),
                  "free some space there");
    }
    path_ = name;
  }
  ~PrivateFolder() {
    std::error_code ignored;  // it lies in the node's scratch folder, which is removed as well
    fs::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write_file(const fs::path& file, const std::string& bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << bytes << std::flush;
  if (!out) throw Error(Code::io, fmt::format("cannot write '{}'", file.string()), "free some space there");
}

/// Nothing for what is no file with an end, a link to a device say.
std::optional<std::string> read_file(const fs::path& file) {
  std::error_code missing;
  if (!fs::is_regular_file(file, missing)) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

std::string signal_text(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("signal {} (SIG{})", number, name);
}

/// "; its last words: ..." or nothing.
std::string quoted_end(std::string_view printed) {
  const auto last = printed.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return {};
  printed = printed.substr(0, last + 1);
  return fmt::format("; its last words: '{}'", shown(printed.substr(printed.rfind('\n') + 1)));
}

bool speaks_of_memory(std::string printed) {
  for (char& c : printed) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const char* words : {"bad_alloc", "memoryerror", "out of memory", "memory exhausted", "cannot allocate"}) {
    if (printed.find(words) != std::string::npos) return true;
  }
  return false;
}

/// A program's own words for returning after its child was killed: 128 and the signal, as shells have it.
std::string return_text(int number) {
  constexpr int kSignalled = 128;
  if (number > kSignalled && ::sigabbrev_np(number - kSignalled) != nullptr) {
    return fmt::format("returned {}, as after {}", number, signal_text(number - kSignalled));
  }
  return fmt::format("returned {}", number);
}

/// The answer when a script did not end well.
std::optional<Answer> fault_of(const std::string& script, const Ended& ended, const Limits& limits) {
  const auto answered = [&](Verdict verdict, const std::string& what) {
    return Answer{.verdict = verdict,
                  .bound = -HUGE_VAL,
                  .message = fmt::format("{} {}{}", script, what, quoted_end(ended.last_words)),
                  .witness = {}};
  };
  switch (ended.how) {
    case Ending::out_of_time:
      return answered(Verdict::timeout, fmt::format("was ended after {:g} s", limits.seconds));
    case Ending::out_of_memory:
      return answered(Verdict::unknown,
                      fmt::format("was ended when its processes held more than the {} MiB of memory that they may "
                                  "have together",
                                  limits.memory_mib));
    case Ending::wrote_too_much:
      return answered(Verdict::error,
                      fmt::format("was ended when it had written more than {} MiB", limits.written_bytes >> 20));
    case Ending::by_signal:
    case Ending::returned:
      break;
  }
  if (ended.how == Ending::returned && ended.number == 0) return std::nullopt;
  const bool killed = ended.how == Ending::by_signal;
  const std::string how = killed ? "was ended by " + signal_text(ended.number) : return_text(ended.number);
  if (limits.memory_mib > 0 && speaks_of_memory(ended.last_words)) {
    return answered(Verdict::unknown,
                    fmt::format("needed more than the {} MiB of memory it may have and {}", limits.memory_mib, how));
  }
  return answered(Verdict::error, how);
}

/// One network's questions, asked of one tool.
class Tool {
 public:
  Tool(const Params& params, const Network& network, const fs::path& scratch)
      : p_(params), network_(network), folder_(scratch) {
    write_file(onnx_, exchange::onnx_bytes(network));
  }

  Answer answer(const Question& question, const Used& used) const {
    if (question.box->empty()) {
      return {.verdict = Verdict::error,
              .bound = -HUGE_VAL,
              .message = "no input lies within epsilon of the centre and inside the clip range",
              .witness = {}};
    }
    write_file(vnnlib_, exchange::vnnlib_text(property_of(question, network_)));
    std::error_code ignored;  // there need not be any
    fs::remove(results_, ignored);
    if (auto fault = call(p_.prepare, {}, p_.prepare_s, used)) return *std::move(fault);
    const double budget_s = p_.budget_s > 0 ? p_.budget_s : kLongest_s;
    const double limit_s = p_.budget_s > 0 ? p_.budget_s + p_.grace_s : 0;
    if (auto fault = call(p_.run, {results_.string(), fmt::format("{}", budget_s)}, limit_s, used)) {
      return *std::move(fault);
    }
    const auto results = read_file(results_);
    if (results) return answer_of(*results, question, network_);
    return {.verdict = Verdict::error, .bound = -HUGE_VAL, .message = "the tool wrote no results", .witness = {}};
  }

 private:
  std::optional<Answer> call(const std::string& script, const std::vector<std::string>& more, double seconds,
                             const Used& used) const {
    std::vector<std::string> command{script, "v1", p_.category, onnx_.string(), vnnlib_.string()};
    command.insert(command.end(), more.begin(), more.end());
    Limits limits;
    limits.seconds = seconds;
    limits.memory_mib = p_.memory_mib;
    limits.file = results_;
    const Ended ended = run_process(command, folder_.path(), limits, [&] { used(); });
    return fault_of(fs::path(script).filename().string(), ended, limits);
  }

  const Params& p_;
  const Network& network_;
  PrivateFolder folder_;
  fs::path onnx_ = folder_.path() / "network.onnx";
  fs::path vnnlib_ = folder_.path() / "property.vnnlib";
  fs::path results_ = folder_.path() / "results.txt";
};

void require_executable(const std::string& script) {
  if (::access(script.c_str(), X_OK) == 0) return;
  const bool there = ::access(script.c_str(), F_OK) == 0;
  throw Error(there ? Code::io : Code::missing,
              there ? fmt::format("'{}' is not executable", script) : fmt::format("there is no '{}'", script),
              there ? fmt::format("chmod +x '{}'", script) : "give the scripts that the tool has for VNN-COMP");
}

void verify(const Params& params, Context& ctx) {
  require_executable(params.prepare);
  require_executable(params.run);
  const Tool tool(params, ctx.in<Network>("network"), ctx.scratch());
  const std::string name = params.version.empty() ? "external.vnncomp" : "external.vnncomp: " + params.version;
  ctx.out("verdicts", abstract::answer_all(name, params, ctx, [&](const Question& question, const Used& used) {
            return tool.answer(question, used);
          }));
}

}  // namespace

void describe_vnncomp(PluginBuilder& plugin) {
  abstract::describe_questions(
      plugin.stage("vnncomp", verify)
          .doc("Asks a tool of the user's own that follows the scripts of VNN-COMP. Counterexamples are replayed; that "
               "a network is robust is the tool's word. Hanging, crashing and garbage are told apart in messages.")
          .revision(2)
          .single_threaded(),  // the tool takes the threads it likes
      "one answer a question: `robust` is the tool's word, without a bound; a `counterexample` was replayed")
      .param("budget_s", static_cast<double Params::*>(&Params::budget_s),
             "seconds a question may take: the time limit that run_instance.sh is told; when it does not keep to it, "
             "it is killed grace_s later and the answer is a timeout. 0: no limit, and it is told a million seconds")
      .at_least(0)
      .param("prepare", &Params::prepare, "the tool's prepare_instance.sh")
      .file()
      .required()
      .param("run", &Params::run, "the tool's run_instance.sh")
      .file()
      .required()
      .param("version", &Params::version,
             "name and version of the tool, shown with its verdicts; change it when the tool changes: the key holds it "
             "and the two scripts, not what they call")
      .param("category", &Params::category, "benchmark category the scripts are told; some choose settings by it")
      .param("prepare_s", &Params::prepare_s, "seconds prepare_instance.sh may take; 0: no limit")
      .at_least(0)
      .param("grace_s", &Params::grace_s, "seconds beyond budget_s, for the tool's start, before it is killed")
      .at_least(0)
      .param("memory_mib", &Params::memory_mib,
             "MiB of address space that each of its processes may have, and of memory that all of them may hold "
             "together, which is looked at five times a second; 0: no limit")
      .range(0, 1 << 30);
}

}  // namespace espalier::external
