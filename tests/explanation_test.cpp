// SPDX-License-Identifier: Apache-2.0
#include "cache/explanation.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "cache/axis_history.hpp"
#include "support/fake_stages.hpp"

using espalier::cache::AxisHistory;
using espalier::cache::differences;
using espalier::cache::Ingredients;
using espalier::cache::Reason;

namespace {

std::string content(char digit) {
  return std::string(64, digit);
}

Ingredients example() {
  return {.stage = "prune.neurons",
          .revision = 1,
          .params = {{"criterion", "text \"l1\""}, {"rate", "real 0.75"}},
          .inputs = {{"network", {{"", content('a')}}},
                     {"sets", {{"set=1", content('1')}, {"set=2", content('2')}, {"set=3", content('3')}}}},
          .files = {{"images", content('f')}},
          .machine = {{"threads", "1"}, {"torch", "1.13.0"}},
          .binary = ""};
}

template <class Change>
std::vector<Reason> after(Change change) {
  Ingredients now = example();
  change(now);
  return differences(example(), now);
}

/// The texts of what changed.
template <class Change>
std::vector<std::string> texts(Change change) {
  std::vector<std::string> out;
  for (const Reason& reason : after(change)) {
    if (reason.changed) out.push_back(reason.text);
  }
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("equal ingredients need no explanation") {
  CHECK(differences(example(), example()).empty());
}

TEST_CASE("every change is told with both values") {
  CHECK(texts([](Ingredients& i) { i.params["rate"] = "real 0.5"; }) == Texts{"parameter 'rate' changed: 0.75 -> 0.5"});
  CHECK(texts([](Ingredients& i) { i.params["x"] = "integer 3"; }) == Texts{"parameter 'x' is new: 3"});
  CHECK(texts([](Ingredients& i) { i.params.erase("criterion"); }) ==
        Texts{"parameter 'criterion' no longer counts: it was \"l1\""});
  CHECK(texts([](Ingredients& i) { i.params["rate"] = "text 0.75"; }) ==
        Texts{"parameter 'rate' changed: real 0.75 -> text 0.75"});
  CHECK(texts([](Ingredients& i) { i.revision = 2; }) == Texts{"revision changed: 1 -> 2"});
  CHECK(texts([](Ingredients& i) { i.stage = "prune.weights"; }) ==
        Texts{"stage changed: prune.neurons -> prune.weights"});
  CHECK(texts([](Ingredients& i) { i.machine["torch"] = "2.6.0"; }) ==
        Texts{"machine 'torch' changed: 1.13.0 -> 2.6.0"});
  CHECK(texts([](Ingredients& i) { i.machine["device"] = "cuda"; }) == Texts{"machine 'device' counts now: cuda"});
  CHECK(texts([](Ingredients& i) { i.machine.erase("threads"); }) ==
        Texts{"machine 'threads' no longer counts: it was 1"});
  CHECK(texts([](Ingredients& i) { i.files["images"] = content('e'); }) ==
        Texts{"file 'images' has other bytes: ffffffff -> eeeeeeee"});
  CHECK(texts([](Ingredients& i) { i.files["images"] = ""; }) ==
        Texts{"file 'images' has other bytes: ffffffff -> none"});
  CHECK(texts([](Ingredients& i) { i.inputs["network"][0].content = content('b'); }) ==
        Texts{"input 'network' has other content: aaaaaaaa -> bbbbbbbb"});
  CHECK(texts([](Ingredients& i) {
          i.inputs["mask"] = {{"", content('c')}};
        }) == Texts{"input 'mask' is new: cccccccc"});
  CHECK(texts([](Ingredients& i) { i.inputs.erase("sets"); }) ==
        Texts{"input 'sets' no longer counts: it was 3 artifacts"});
  CHECK(texts([](Ingredients& i) { i.binary = content('d'); }) == Texts{"the plugin's binary counts now: dddddddd"});
}

TEST_CASE("of gathered inputs it is told how many and which") {
  CHECK(texts([](Ingredients& i) {
          i.inputs["sets"].push_back({"set=4", content('4')});
        }) == Texts{"input 'sets' has 3 -> 4 artifacts, 1 added (set=4)"});
  CHECK(texts([](Ingredients& i) { i.inputs["sets"].erase(i.inputs["sets"].begin()); }) ==
        Texts{"input 'sets' has 3 -> 2 artifacts, 1 removed (set=1)"});
  CHECK(texts([](Ingredients& i) {
          i.inputs["sets"] = {{"set=2", content('2')}, {"set=3", content('9')}, {"set=5", content('5')}};
        }) == Texts{"input 'sets' has 3 artifacts as before, 1 added (set=5), 1 removed (set=1), 1 changed "
                    "(set=3 33333333 -> 99999999)"});
  CHECK(texts([](Ingredients& i) { std::swap(i.inputs["sets"][0], i.inputs["sets"][2]); }) ==
        Texts{"input 'sets' has its 3 artifacts in another order"});
}

TEST_CASE("gathered inputs without labels are told apart by content") {
  Ingredients then = example();
  then.inputs["sets"] = {{"", content('1')}, {"", content('1')}, {"", content('2')}};
  Ingredients now = then;
  now.inputs["sets"] = {{"", content('2')}, {"", content('1')}, {"", content('7')}, {"", content('8')}};
  const auto reasons = differences(then, now);
  REQUIRE_FALSE(reasons.empty());
  CHECK(reasons[0].text == "input 'sets' has 3 -> 4 artifacts, 2 added (77777777, 88888888), 1 removed (11111111)");
}

TEST_CASE("long lists are cut") {
  const auto told = texts([](Ingredients& i) {
    for (const char c : {'4', '5', '6', '7'}) i.inputs["sets"].push_back({std::string("set=") + c, content(c)});
  });
  CHECK(told == Texts{"input 'sets' has 3 -> 7 artifacts, 4 added (set=4, set=5, set=6, ...)"});
}

TEST_CASE("a parameter is named so that its place can be shown; what did not change is only a note") {
  const auto reasons = after([](Ingredients& i) { i.params["rate"] = "real 0.5"; });
  REQUIRE(reasons.size() == 4);
  CHECK(reasons[0].parameter == "rate");
  CHECK(reasons[0].changed);
  for (std::size_t i = 1; i < reasons.size(); ++i) CHECK_FALSE(reasons[i].changed);
  CHECK(reasons[1].text == "file 'images' unchanged: ffffffff");
  CHECK(reasons[2].text == "input 'network' unchanged: aaaaaaaa");
  CHECK(reasons[3].text == "input 'sets' unchanged: 3 artifacts");

  const auto file = after([](Ingredients& i) { i.files["images"] = content('e'); });
  CHECK(file[0].parameter == "images");
}

namespace {

/// What is said of the node of that name in a pipeline of which the last run had these nodes.
std::optional<AxisHistory::Former> former(const std::string& axes, const std::string& node,
                                          std::set<std::string> before) {
  static const auto registry = espalier::testing::fake_registry();
  espalier::Diagnostics findings;
  const std::string toml = axes + "[fake.source.a]\nvalue = { by = \"rate\" }\n[fake.source.plain]\n";
  const auto document = espalier::pipeline::Document::parse("p.toml", toml, findings);
  const auto plan = espalier::pipeline::Plan::build(document, registry, findings);
  INFO(findings.render(toml));
  REQUIRE(plan);
  const auto index = plan->find(node);
  REQUIRE(index);
  return AxisHistory(document.axes(), std::move(before)).former(plan->nodes()[static_cast<std::size_t>(*index)]);
}

std::string changes(const std::optional<AxisHistory::Former>& former) {
  std::string out;
  for (const auto& change : former.value().changes) out += change.text + "\n";
  return out;
}

}  // namespace

TEST_CASE("a node whose axis value was replaced is known by what it was called") {
  const auto found = former("[axes]\nrate = [0.5]\n", "fake.source.a@rate=0.5", {"fake.source.a@rate=0.25"});
  CHECK(changes(found) == "axis 'rate' changed: 0.25 -> 0.5\n");
  CHECK(found->name == "fake.source.a@rate=0.25");
}

TEST_CASE("values take each other's place in order of size, those that stay keep theirs") {
  const std::set<std::string> before{"fake.source.a@rate=0.25", "fake.source.a@rate=9.0", "fake.source.a@rate=10.0"};
  const std::string axes = "[axes]\nrate = [11, 9.5, 0.25]\n";
  CHECK(former(axes, "fake.source.a@rate=11.0", before)->name == "fake.source.a@rate=10.0");
  CHECK(former(axes, "fake.source.a@rate=9.5", before)->name == "fake.source.a@rate=9.0");
  CHECK_FALSE(former(axes, "fake.source.a@rate=0.25", before));
  CHECK_FALSE(former(axes, "fake.source.plain", before));
}

TEST_CASE("an added value is new, and so is one of which nobody can tell whose place it took") {
  const auto added = former("[axes]\nrate = [0.25, 0.5]\n", "fake.source.a@rate=0.5", {"fake.source.a@rate=0.25"});
  CHECK(changes(added) == "new axis value: 'rate' = 0.5; the last run had 0.25\n");
  CHECK_FALSE(added->name);
  const auto unclear = former("[axes]\nrate = [0.5, 0.75]\n", "fake.source.a@rate=0.5", {"fake.source.a@rate=0.25"});
  CHECK(changes(unclear) == "new axis value: 'rate' = 0.5; the last run had 0.25\n");
}

TEST_CASE("a node that got an axis is the one without") {
  const auto found = former("[axes]\nrate = [0.5]\n", "fake.source.a@rate=0.5", {"fake.source.a"});
  CHECK(changes(found) == "axis 'rate' is new: 0.5\n");
  CHECK(found->name == "fake.source.a");
}

TEST_CASE("a node that never was has no former name") {
  const auto found = former("[axes]\nrate = [0.5]\n", "fake.source.a@rate=0.5", {"fake.source.b@rate=0.25"});
  CHECK(changes(found) == "axis 'rate' changed: 0.25 -> 0.5\n");
  CHECK_FALSE(found->name);
}
