// SPDX-License-Identifier: Apache-2.0
// verify: one question to a verifier, no pipeline. Network and property come from stages of the plugin `exchange`, the
// answer from the stage `property` of the verifier's plugin; what counts as a counterexample is decided here, by
// replay.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include <espalier/property.hpp>
#include <espalier/results.hpp>

#include "artifact/hdf5_image.hpp"
#include "core/machine.hpp"
#include "core/text.hpp"
#include "exchange/onnx.hpp"
#include "exchange/vnnlib.hpp"
#include "model_file.hpp"
#include "output_file.hpp"
#include "plugin/loader.hpp"
#include "session.hpp"
#include "stage_call.hpp"
#include "time_limit.hpp"
#include "verify_answer.hpp"
#include "witness_outputs.hpp"

namespace espalier::cli {
namespace {

constexpr double kLongest_s = 1e8;  ///< three years; keeps clock arithmetic in range
/// Left of a limit for replaying a witness and writing it.
constexpr double kReserve_s = 0.1;

struct Question {
  std::shared_ptr<const Network> network;
  std::shared_ptr<const Property> property;
};

/// Prints one answer in the form that was asked for.
class Printer {
 public:
  explicit Printer(const Options& options) : options_(options) {}

  void print(const VerifyAnswer& answer) const {
    const std::string witness = answer.result == "sat" ? witness_text(answer) : "";
    if (options_.json) {
      fmt::print("{}\n", json_text(answer));
    } else {
      fmt::print("{}\n{}", answer.result, witness);
    }
    std::fflush(stdout);
    // With an error, whoever knows the next step says it.
    const bool is_note = !options_.json && answer.result != "error" && !answer.message.empty();
    if (is_note) fmt::print(stderr, "note: {}\n", answer.message);
    if (!witness.empty()) write_output_file(options_.witness, witness);
  }

 private:
  const Options& options_;
};

/// What an answer needs besides its first line; a violation that is any input of a box is none of the network's.
std::string about_outputs(const Property& property) {
  const auto says_nothing = [](const Property::Case& one) { return one.constraints.empty(); };
  const auto count = std::ranges::count_if(property.cases, says_nothing);
  if (count == 0) return "";
  return fmt::format("{} says nothing about outputs: every input in its box answers it",
                     count == std::ssize(property.cases) ? "the property" : "a case of the property");
}

void require_time_limit(double timeout_s) {
  if (timeout_s >= 0 && timeout_s <= kLongest_s) return;
  throw Error(Code::request, fmt::format("a time limit of {} s", timeout_s),
              fmt::format("give a number of seconds from 0 to {}", kLongest_s));
}

Question read_question(const Options& options) {
  Question question{.network = std::make_shared<const Network>(exchange::read_onnx(options.model)),
                    .property = std::make_shared<const Property>(exchange::read_vnnlib(options.property))};
  const std::int64_t inputs = element_count(question.network->input_shape());
  const std::int64_t outputs = element_count(question.network->output_shape());
  if (question.property->inputs != inputs || question.property->outputs != outputs) {
    throw Error(
        Code::request,
        fmt::format("'{}' is about {} inputs and {} outputs, but the network in '{}' has {} and {}", options.property,
                    question.property->inputs, question.property->outputs, options.model, inputs, outputs),
        "a model and a property that belong together are needed");
  }
  return question;
}

void take_verdict(const Verdicts& verdicts, const Question& question, VerifyAnswer& answer) {
  const Verdicts::Row& row = verdicts.rows.at(0);
  answer.result = result_text(row.verdict);
  answer.message = row.message;
  answer.lower_bound = row.bound;
  answer.witness_replayed = row.witness_checked;
  if (row.verdict != Verdict::counterexample) return;
  answer.rigorous = row.witness_checked;
  if (const std::string note = about_outputs(*question.property); !note.empty()) {
    answer.message = note + (answer.message.empty() ? "" : "; ") + answer.message;
  }
  answer.inputs = verdicts.witnesses.rows(0, 1).to_doubles();
  answer.outputs = output_decimals(*question.network, answer.inputs);
}

void take_metrics(const Metrics& metrics, VerifyAnswer& answer) {
  const auto value = [&](std::string_view name) {
    const auto it = metrics.values.find(name);
    return it == metrics.values.end() ? 0 : it->second;
  };
  answer.setup_seconds += value("setup_seconds");
  answer.subproblems = value("subproblems");
  if (answer.result == "unsat") answer.rigorous = value("rigorous") == 1;
}

/// One command: from files to an answer.
class Verification {
 public:
  explicit Verification(const Options& options)
      : options_(options), printer_(options), limit_(options.timeout_s, [this] { print_timeout(); }) {
    answer_.verifier = options.verifier;
  }

  int run() {
    int code = kOk;
    try {
      code = answer_question();
    } catch (const Error& e) {
      code = code_of(e);
    } catch (const std::exception& e) {  // out of memory, or whatever a plugin's libraries throw
      code = fail(kFailed, fmt::format("the verifier broke off: {}", e.what()), "");
    }
    limit_.claim();
    answer_.seconds = limit_.elapsed_s();
    printer_.print(answer_);
    if (code != kOk) fmt::print(stderr, "espalier: {}\n{}", answer_.message, hint_);
    return code;
  }

 private:
  int answer_question() {
    if (limit_.expired()) return give_up();
    plugin::Registry registry;
    refused_ = plugin::load_plugins(plugin::search_path(options_.plugin_path), registry);
    for (const plugin::Refused& refused : refused_) {
      if (refused.named_explicitly) throw Error(Code::request, refused.why);
    }
    require_verifier(registry);
    StageCall call(registry, options_.verifier + ".property");
    const run::Seat seat = seat_for(call.stage(), options_);
    answer_.device = options_.device == "torch-cpu" ? options_.device : seat.device;
    answer_.threads = seat.threads;
    const Question question = read_question(options_);
    is_read_ = true;
    if (limit_.expired()) return give_up();
    call.sit(seat);
    return ask(registry, call, question);
  }

  void require_verifier(const plugin::Registry& registry) const {
    if (registry.find_stage(options_.verifier + ".property") != nullptr) return;
    std::vector<std::string> verifiers;
    for (const StageSpec* stage : registry.stages()) {
      if (stage->name == "property") verifiers.push_back(stage->plugin);
    }
    std::string text =
        fmt::format("there is no verifier '{}'{}", options_.verifier, core::did_you_mean(options_.verifier, verifiers));
    // Its library may be there: why it was not taken says more than that it is missing.
    for (const plugin::Refused& refused : refused_) text += fmt::format("; refused: {}", refused.why);
    throw Error(Code::request, text,
                verifiers.empty() ? "'espalier list --plugins' says where plugins were looked for"
                                  : "there are " + core::quoted_list(verifiers));
  }

  int ask(const plugin::Registry& registry, StageCall& call, const Question& question) {
    call.give("network", question.network);
    call.give("property", question.property);
    call.set("budget_s", std::max(limit_.remaining_s() - kReserve_s, limit_.remaining_s() / 2));
    if (call.has_param("started_s_ago")) call.set("started_s_ago", limit_.elapsed_s());
    if (!options_.proof.empty()) ask_for_proof(call);
    // What only the verifier knows is its own parameter, which it may not have.
    const bool is_own = !options_.device.starts_with("cuda") && options_.device != "cpu";
    if (options_.device != "auto" && (call.has_param("device") || is_own)) call.set("device", options_.device);
    if (options_.memory_mib > 0) {
      call.set("memory_mib", std::int64_t{options_.memory_mib});
      if (call.has_param("network_mib")) call.set("network_mib", std::int64_t{options_.memory_mib});
    }
    call.stop_when([this] { return limit_.expired(); });
    answer_.setup_seconds = limit_.elapsed_s();
    call.run();
    const auto verdicts = call.result<Verdicts>("verdicts");
    if (!verdicts) throw Error(Code::internal, fmt::format("'{}' gave no verdicts", call.stage().qualified()));
    const Verdicts checked = with_checked_witnesses(*verdicts, *question.network, *question.property);
    take_verdict(checked, question, answer_);
    if (const auto metrics = call.result<Metrics>("metrics")) take_metrics(*metrics, answer_);
    if (!options_.proof.empty() && answer_.result == "unsat") write_proof(registry, call);
    return answer_.result == "error" ? kFailed : kOk;
  }

  void ask_for_proof(StageCall& call) const {
    if (!call.has_param("keep_proof")) {
      throw Error(Code::request, fmt::format("verifier '{}' makes no proofs", options_.verifier),
                  "leave --proof out, or use --verifier crown");
    }
    call.set("keep_proof", true);
  }

  void write_proof(const plugin::Registry& registry, const StageCall& call) const {
    const ArtifactPtr proof = call.artifact("proof");
    const KindSpec* kind = proof != nullptr ? registry.find_kind(proof->kind()) : nullptr;
    if (kind == nullptr) throw Error(Code::internal, fmt::format("'{}' gave no proof", call.stage().qualified()));
    const Fields fields = kind->encode(*proof);
    if (!fields.has("property/inputs")) {  // of no property: the verdict stands all the same
      fmt::print(stderr, "espalier: '{}' is not written: {}\n", options_.proof, answer_.message);
      return;
    }
    const artifact::ImageHeader header{.kind = kind->name,
                                       .format = kind->format,
                                       .digest = fields.digest(kind->name, kind->format),
                                       .writer = fmt::format("espalier {}", core::kVersion)};
    write_output_file(options_.proof, artifact::write_image(header, fields));
  }

  int give_up() {
    answer_.result = "timeout";
    return kOk;
  }

  /// A stopped verifier has run out of time. What is wrong before the question is read is wrong with the request.
  int code_of(const Error& e) {
    if (e.code() == Code::stopped && limit_.expired()) return give_up();
    return fail(is_read_ && e.code() != Code::request ? kFailed : kBadRequest, e.what(), e.hint());
  }

  int fail(int code, const std::string& message, const std::string& hint) {
    answer_.result = "error";
    answer_.message = message;
    if (!hint.empty()) hint_ = fmt::format("  {}\n", hint);
    return code;
  }

  /// On the limit's thread, while the verifier works on: touches nothing that it may be changing.
  void print_timeout() const {
    VerifyAnswer answer;
    answer.result = "timeout";
    answer.verifier = options_.verifier;
    answer.seconds = limit_.elapsed_s();
    answer.setup_seconds = answer.seconds;
    answer.message = "the verifier did not end in time by itself";
    printer_.print(answer);
  }

  const Options& options_;
  Printer printer_;
  VerifyAnswer answer_;
  std::string hint_;
  std::vector<plugin::Refused> refused_;
  bool is_read_ = false;
  TimeLimit limit_;  // last: its thread uses what is above
};

}  // namespace

int verify_command(const Options& options) {
  require_time_limit(options.timeout_s);
  const std::vector<core::Path> outputs{options.witness, options.proof};
  std::vector<core::Path> inputs = input_files(options.model);
  std::ranges::copy(input_files(options.property), std::back_inserter(inputs));
  require_output_files(outputs, inputs);
  for (const core::Path& file : outputs) remove_output_file(file);
  return Verification(options).run();
}

}  // namespace espalier::cli
