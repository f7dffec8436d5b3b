// SPDX-License-Identifier: Apache-2.0
// Cheap stages that run in the test program: what pipelines, plans, keys and schedules can be tried on without plugins.
#pragma once

#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <espalier/plugin.hpp>
#include <espalier/results.hpp>

#include "plugin/registry.hpp"

namespace espalier::testing {

/// One number, the smallest artifact there is.
class Num : public Artifact {
 public:
  static constexpr std::string_view kKind = "Num";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "one number, for tests";

  double value = 0;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const {
    Fields fields;
    fields.set("value", value);
    return fields;
  }
  static Num from_fields(const Fields& fields) { return with(fields.real("value")); }
  static Num with(double value) {
    Num out;
    out.value = value;
    return out;
  }
};

/// A kind that fits no port for Num.
class Word : public Artifact {
 public:
  static constexpr std::string_view kKind = "Word";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "one word, for tests";

  std::string text;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const {
    Fields fields;
    fields.set("text", text);
    return fields;
  }
  static Word from_fields(const Fields& fields) { return with(fields.text("text")); }
  static Word with(std::string text) {
    Word out;
    out.text = std::move(text);
    return out;
  }
};

namespace fake {

struct Start {
  double value = 1;
};
struct By {
  double by = 1;
};
struct Nothing {};
struct Message {
  std::string message = "the fake stage fails as told";
};
struct Seconds {
  double seconds = 0.01;
};
struct Rows {
  std::int64_t rows = 4;
};
struct Answer {
  std::string answer = "robust";
  double budget_s = 0;
};
struct Text {
  std::string text = "word";
};
/// One parameter of every type, with every constraint.
struct Tuned {
  double rate = 0.5;
  std::int64_t epochs = 10;
  std::string criterion = "l1";
  bool verbose = false;
  std::vector<std::int64_t> hidden{8, 4};
  std::vector<double> weights{};
  std::vector<std::string> tags{};
  std::int64_t seed = 0;
  std::string data{};
};

inline void source(const Start& p, Context& ctx) {
  ctx.out("number", Num::with(p.value));
}

inline void add(const By& p, Context& ctx) {
  ctx.out("sum", Num::with(ctx.in<Num>("in").value + p.by));
}

inline void sum(const Nothing&, Context& ctx) {
  double total = 0;
  for (const Gathered& part : ctx.all("in")) total += static_cast<const Num&>(*part.artifact).value;
  ctx.out("sum", Num::with(total));
}

/// "net=a set=1: 3.5" lines: shows what a labelled port was given.
inline void tally(const Nothing&, Context& ctx) {
  std::string text;
  for (const Gathered& part : ctx.all("in")) {
    for (const auto& [axis, value] : part.labels) text += axis + "=" + value + " ";
    text += std::to_string(static_cast<const Num&>(*part.artifact).value) + "\n";
  }
  ctx.out("text", Word::with(text));
}

inline void halve(const Nothing&, Context& ctx) {
  const double whole = ctx.in<Num>("in").value;
  ctx.out("left", Num::with(std::floor(whole / 2)));
  ctx.out("right", Num::with(whole - std::floor(whole / 2)));
}

inline void fail(const Message& p, Context&) {
  throw Error(Code::numeric, p.message, "leave fake.fail out");
}

inline void slow(const Seconds& p, Context& ctx) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(p.seconds);
  while (Clock::now() < end) {
    ctx.check_stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const Num* in = ctx.in_optional<Num>("in");
  ctx.out("value", Num::with(in ? in->value : 0));
}

inline void word(const Text& p, Context& ctx) {
  ctx.out("word", Word::with(p.text));
}

inline void tuned(const Tuned& p, Context& ctx) {
  ctx.out("value", Num::with(p.rate * static_cast<double>(p.epochs) + static_cast<double>(p.seed)));
}

inline void questions(const Rows& p, Context& ctx) {
  Instances out;
  for (std::int64_t i = 0; i < p.rows; ++i)
    out.rows.push_back({.image = i, .label = i % 10, .target = {}, .epsilon = 0.1});
  out.centres = Tensor::of({p.rows, 2}, std::vector<float>(static_cast<std::size_t>(p.rows * 2), 0.5F));
  ctx.out("instances", std::move(out));
}

inline Verdict verdict_named(std::string_view text) {
  for (int v = 0; v < kVerdictCount; ++v) {
    if (to_text(static_cast<Verdict>(v)) == text) return static_cast<Verdict>(v);
  }
  throw Error(Code::request, "no such verdict");
}

/// Answers every question alike; `counterexample` is not offered, for there is no network to replay it on.
inline void prove(const Answer& p, Context& ctx) {
  Verdicts out;
  out.solver = "fake.prove";
  out.budget_s = p.budget_s;
  for (const Instances::Row& row : ctx.in<Instances>("instances").rows) {
    out.rows.push_back({.image = row.image,
                        .label = row.label,
                        .target = row.target,
                        .epsilon = row.epsilon,
                        .verdict = verdict_named(p.answer),
                        .message = ""});
  }
  ctx.out("verdicts", std::move(out));
}

inline void describe_numbers(PluginBuilder& plugin) {
  plugin.stage("source", source)
      .doc("A number.")
      .output<Num>("number", "the number")
      .param("value", &Start::value, "the number");
  plugin.stage("add", add)
      .doc("Adds to a number.")
      .input<Num>("in", "a number")
      .output<Num>("sum", "the sum")
      .param("by", &By::by, "what is added");
  plugin.stage("sum", sum).doc("Adds numbers up.").inputs<Num>("in", "numbers").output<Num>("sum", "their sum");
  plugin.stage("tally", tally)
      .doc("Writes numbers down with their labels.")
      .inputs<Num>("in", "numbers")
      .labelled()
      .output<Word>("text", "a line a number");
  plugin.stage("halve", halve)
      .doc("Two outputs of one kind.")
      .input<Num>("in", "a number")
      .output<Num>("left", "the smaller half")
      .output<Num>("right", "the larger half");
}

inline void describe_behaviours(PluginBuilder& plugin) {
  plugin.stage("fail", fail)
      .doc("Always fails.")
      .input<Num>("in", "a number")
      .optional()
      .output<Num>("value", "never given")
      .param("message", &Message::message, "what the error says");
  plugin.stage("slow", slow)
      .doc("Takes its time, and stops when asked.")
      .input<Num>("in", "a number")
      .optional()
      .output<Num>("value", "the number, or 0")
      .param("seconds", &Seconds::seconds, "how long it takes")
      .at_least(0);
  plugin.stage("word", word)
      .doc("A kind that fits no port for numbers.")
      .output<Word>("word", "the word")
      .param("text", &Text::text, "the word");
  plugin.stage("tuned", tuned)
      .doc("A parameter of every type.")
      .input<Num>("in", "a number")
      .optional()
      .output<Num>("value", "rate times epochs plus seed")
      .param("rate", &Tuned::rate, "a share")
      .range(0, 1)
      .param("epochs", &Tuned::epochs, "how often")
      .at_least(1)
      .param("criterion", &Tuned::criterion, "how")
      .choices({"l1", "l2", "random"})
      .param("verbose", &Tuned::verbose, "whether to talk")
      .execution()
      .param("hidden", &Tuned::hidden, "sizes of layers")
      .range(1, 4096)
      .param("weights", &Tuned::weights, "a weight each")
      .range(0, 1)
      .param("tags", &Tuned::tags, "labels")
      .choices({"a", "b", "c"})
      .param("seed", &Tuned::seed, "a number that must be given")
      .required()
      .param("data", &Tuned::data, "a file")
      .file();
}

inline void describe_proofs(PluginBuilder& plugin) {
  plugin.stage("questions", questions)
      .doc("Made-up instances.")
      .output<Instances>("instances", "the questions")
      .param("rows", &Rows::rows, "how many")
      .at_least(0);
  plugin.stage("prove", prove)
      .doc("Answers every question alike.")
      .lane("solver")
      .repeatable(Repeatable::budgeted)
      .input<Instances>("instances", "questions")
      .output<Verdicts>("verdicts", "one answer a question")
      .param("answer", &Answer::answer, "the answer")
      .choices({"robust", "unknown", "timeout", "error"})
      .param("budget_s", &Answer::budget_s, "seconds an instance; 0 is no limit")
      .at_least(0);
}

}  // namespace fake

inline PluginSpec fake_plugin() {
  PluginBuilder plugin;
  plugin.name("fake").version("1").doc("Stages for tests.").kind<Num>().kind<Word>();
  fake::describe_numbers(plugin);
  fake::describe_behaviours(plugin);
  fake::describe_proofs(plugin);
  return plugin.take();
}

/// A registry with the built-in stages and the fake ones. Throws Error when a fake spec is refused.
inline plugin::Registry fake_registry() {
  plugin::Registry registry;
  for (const std::string& fault : registry.add(fake_plugin(), {})) throw Error(Code::internal, fault);
  return registry;
}

}  // namespace espalier::testing
