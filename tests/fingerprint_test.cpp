// SPDX-License-Identifier: Apache-2.0
#include "cache/fingerprint.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "support/fake_stages.hpp"

using namespace espalier;
using cache::Ingredients;
using cache::ingredients_of;
using cache::key_of;
using cache::Surroundings;
using testing::Num;

namespace {

Ingredients example() {
  return {.stage = "prune.neurons",
          .revision = 2,
          .params = {{"criterion", "text \"l1\""}, {"rate", "real 0.5"}},
          .inputs = {{"network", {{"", digest_of("net").hex()}}},
                     {"sets", {{"set=a", digest_of("a").hex()}, {"set=b", digest_of("b").hex()}}}},
          .files = {{"data", digest_of("bytes").hex()}},
          .machine = {{"threads", "1"}, {"torch", "1.13.0"}},
          .binary = ""};
}

struct Dial {
  double level = 1;
  double offset = 0;
  std::int64_t workers = 1;
  std::vector<std::string> files{};
};

void no_body(const Dial&, Context&) {}

/// What the fake stages leave out: a labelled and an unlabelled port side by side, machines, devices, neutral values.
PluginSpec measuring_plugin(std::int64_t revision = 1) {
  PluginBuilder plugin;
  plugin.name("meter").version("1").doc("Stages whose keys depend on more.");
  const auto describe = [&](const char* name) {
    return plugin.stage(name, no_body)
        .doc("A stage.")
        .revision(revision)
        .input<Num>("in", "a number")
        .optional()
        .output<Num>("out", "a number")
        .param("level", &Dial::level, "a level")
        .param("offset", &Dial::offset, "came later")
        .neutral(0.0)
        .param("workers", &Dial::workers, "how many")
        .execution()
        .param("files", &Dial::files, "files")
        .file();
  };
  describe("exact");
  describe("local").repeatable(Repeatable::same_machine);
  describe("device").repeatable(Repeatable::same_machine).uses_device();
  describe("limited").repeatable(Repeatable::budgeted);
  describe("alone").repeatable(Repeatable::budgeted).single_threaded();
  return plugin.take();
}

struct Bench {
  plugin::Registry registry = testing::fake_registry();
  std::map<std::string, std::string> files;  ///< file name -> content
  int threads = 1;
  std::string device = "cpu";
  std::string torch = "1.13.0";
  Surroundings around;

  explicit Bench(std::int64_t revision = 1, std::string torch_version = "1.13.0") : torch(std::move(torch_version)) {
    plugin::LoadedPlugin origin;
    origin.file_digest = digest_of("library").hex();
    origin.torch = torch;
    for (const std::string& fault : registry.add(measuring_plugin(revision), origin)) FAIL(fault);
    around.machine = {{"cpu", "avx2"}};
    around.lane = [this](const pipeline::PlanNode&) { return std::pair{threads, device}; };
    around.file_digest = [this](const std::string& path) {
      return digest_of(files.at(std::filesystem::path(path).filename().string()));
    };
  }

  /// Ingredients of the node of that name; every artifact's content is named after its producer's stage parameters.
  Ingredients ingredients(const std::string& toml, const std::string& node) {
    Diagnostics findings;
    const auto document = pipeline::Document::parse("p.toml", toml, findings);
    const auto plan = pipeline::Plan::build(document, registry, findings);
    INFO(findings.render(toml));
    REQUIRE(plan);
    const auto index = plan->find(node);
    REQUIRE(index);
    std::vector<std::vector<Digest>> contents;
    for (const auto& n : plan->nodes()) {
      std::string what = n.stage->qualified();
      for (const auto& [name, value] : n.params) what += value.text();
      contents.emplace_back(n.stage->outputs.size(), digest_of(what));
    }
    return ingredients_of(*plan, *index, registry, contents, around);
  }
  Digest key(const std::string& toml, const std::string& node = "x") { return key_of(ingredients(toml, node)); }
};

}  // namespace

TEST_CASE("a key depends on every ingredient, and on nothing else") {
  const Ingredients base = example();
  std::set<Digest> keys{key_of(base)};
  CHECK(key_of(example()) == key_of(base));
  const auto differs = [&](auto change) {
    Ingredients other = example();
    change(other);
    return keys.insert(key_of(other)).second;  // new, and unlike every other change below
  };
  CHECK(differs([](Ingredients& i) { i.stage = "prune.weights"; }));
  CHECK(differs([](Ingredients& i) { i.revision = 3; }));
  CHECK(differs([](Ingredients& i) { i.params["rate"] = "real 0.75"; }));
  CHECK(differs([](Ingredients& i) { i.params["rate"] = "integer 0.5"; }));
  CHECK(differs([](Ingredients& i) { i.params.erase("rate"); }));
  CHECK(differs([](Ingredients& i) { i.params["extra"] = "boolean true"; }));
  CHECK(differs([](Ingredients& i) { i.inputs["network"][0].content = digest_of("other").hex(); }));
  CHECK(differs([](Ingredients& i) { i.inputs["network"][0].label = "set=a"; }));
  CHECK(differs([](Ingredients& i) { std::swap(i.inputs["sets"][0], i.inputs["sets"][1]); }));
  CHECK(differs([](Ingredients& i) { i.inputs["sets"].pop_back(); }));
  CHECK(differs([](Ingredients& i) { i.inputs["empty"] = {}; }));
  CHECK(differs([](Ingredients& i) { i.files["data"] = digest_of("edited").hex(); }));
  CHECK(differs([](Ingredients& i) { i.machine["threads"] = "2"; }));
  CHECK(differs([](Ingredients& i) { i.machine["torch"] = "2.6.0"; }));
  CHECK(differs([](Ingredients& i) { i.binary = digest_of("library").hex(); }));
}

TEST_CASE("two ingredient lists that read alike when glued together have different keys") {
  Ingredients a = example();
  Ingredients b = example();
  a.params = {{"ab", "c"}};
  b.params = {{"a", "bc"}};
  CHECK(key_of(a) != key_of(b));
  a.params = {{"x", "1"}};
  a.files = {};
  b.params = {};
  b.files = {{"x", "1"}};
  CHECK(key_of(a) != key_of(b));
}

TEST_CASE("the recipe of a key is fixed: results kept by earlier versions are found again") {
  // SHA-256 over the fields of "espalier-key-1" in the order of key_of, computed apart from this code.
  Ingredients ingredients;
  ingredients.stage = "fake.source";
  ingredients.params = {{"value", "real 1.0"}};
  CHECK(key_of(ingredients).hex() == "2113c6dca3ddedc598c89d0ca0e0522c260e255debffbf8f8a5adf66f095cc64");
}

TEST_CASE("a node's key moves with what its result depends on") {
  Bench bench;
  const auto with = [](const std::string& value, const std::string& level) {
    return "[fake.source.a]\nvalue = " + value + "\n[meter.exact.x]\nin = \"a\"\nlevel = " + level + "\n";
  };
  const std::string base = with("1.0", "2.5");
  const Digest key = bench.key(base);
  CHECK(bench.key(base) == key);

  SUBCASE("a parameter") {
    CHECK(bench.key(with("1.0", "2.6")) != key);
  }
  SUBCASE("what flows in") {
    CHECK(bench.key(with("3.0", "2.5")) != key);
  }
  SUBCASE("an input left out") {
    CHECK(bench.key(R"(
    [meter.exact.x]
    level = 2.5
  )") != key);
  }
  SUBCASE("the revision") {
    CHECK(Bench(2).key(base) != key);
  }
  SUBCASE("not names, order of entries, or the writing of a number") {
    CHECK(bench.key(R"(
    [pipeline]
    name = "other"
    [meter.exact.renamed]
    level = 25e-1
    in = "source"
    [fake.source.source]
    value = 1
  )",
                    "renamed") == key);
  }
  SUBCASE("not parameters of execution, nor those at their neutral value") {
    CHECK(bench.key(base + "workers = 8\n") == key);
    CHECK(bench.key(base + "offset = 0.0\n") == key);
    CHECK(bench.key(base + "offset = -0.0\n") == key);
    CHECK(bench.key(base + "offset = 0.5\n") != key);
  }
  SUBCASE("not the machine, for a stage that gives the same everywhere") {
    bench.threads = 8;
    bench.around.machine["cpu"] = "sse2";
    CHECK(bench.key(base) == key);
    CHECK(bench.ingredients(base, "x").machine.empty());
  }
  SUBCASE("the plugin's bytes, only when asked") {
    CHECK(bench.ingredients(base, "x").binary.empty());
    bench.around.trust_binary = true;
    CHECK(bench.key(base) != key);
    CHECK(bench.ingredients(base, "x").binary == digest_of("library").hex());
  }
}

TEST_CASE("canonical text keeps apart what differs and joins what is equal") {
  Bench bench;
  const auto level = [&](const std::string& text) {
    return bench.ingredients("[meter.exact.x]\nlevel = " + text + "\n", "x").params.at("level");
  };
  CHECK(level("0.1") == "real 0.1");
  CHECK(level("0.10") == level("0.1"));
  CHECK(level("1") == level("1.0"));
  CHECK(level("-0.0") == level("0.0"));
  CHECK(level("0.1") != level("0.10000000000000002"));
  CHECK(level("1e308") != level("1.0000000000000002e308"));
  CHECK(level("5e-324") != level("1e-323"));
}

TEST_CASE("a parameter that is not a number gets no key, and is named") {
  Bench bench;
  Diagnostics findings;
  const std::string toml = "[meter.exact.x]\nlevel = nan\n";
  const auto document = pipeline::Document::parse("p.toml", toml, findings);
  const auto plan = pipeline::Plan::build(document, bench.registry, findings);
  if (!plan) {  // refused even earlier
    CHECK(findings.has_errors());
    return;
  }
  try {
    ingredients_of(*plan, 0, bench.registry, {{}}, bench.around);
    FAIL("NaN got a key");
  } catch (const Error& error) {
    CHECK(error.code() == Code::numeric);
    CHECK(std::string(error.what()).find("'level'") != std::string::npos);
    CHECK(std::string(error.what()).find("'x'") != std::string::npos);
  }
}

TEST_CASE("of a file its bytes count, not its path") {
  Bench bench;
  bench.files = {{"a.csv", "1,2"}, {"b.csv", "1,2"}, {"c.csv", "3"}};
  const auto key = [&](const std::string& file) {
    return bench.key("[fake.tuned.x]\nseed = 1\ndata = \"" + file + "\"\n");
  };
  CHECK(key("a.csv") == key("b.csv"));
  CHECK(key("a.csv") != key("c.csv"));
  CHECK(bench.key("[fake.tuned.x]\nseed = 1\n") != key("a.csv"));
  const Digest before = key("a.csv");
  bench.files["a.csv"] = "edited";
  CHECK(key("a.csv") != before);

  const Ingredients one = bench.ingredients("[fake.tuned.x]\nseed = 1\ndata = \"c.csv\"\n", "x");
  CHECK(one.files.at("data") == digest_of("3").hex());
  CHECK_FALSE(one.params.contains("data"));
}

TEST_CASE("what a result depends on beside its inputs is what its stage declares") {
  Bench bench;
  const auto machine = [&](const std::string& stage) {
    return bench.ingredients("[meter." + stage + ".x]\n", "x").machine;
  };
  using Map = std::map<std::string, std::string>;
  bench.threads = 4;
  bench.device = "cuda:1";
  CHECK(machine("exact") == Map{});
  CHECK(machine("limited") == Map{{"threads", "4"}});
  CHECK(machine("alone") == Map{});
  CHECK(machine("local") == Map{{"cpu", "avx2"}, {"threads", "4"}, {"torch", "1.13.0"}});
  CHECK(machine("device") == Map{{"cpu", "avx2"}, {"device", "cuda"}, {"threads", "4"}, {"torch", "1.13.0"}});

  const Digest key = bench.key("[meter.device.x]\n");
  bench.device = "cuda:0";  // another card of the machine
  CHECK(bench.key("[meter.device.x]\n") == key);
  bench.device = "cpu";
  CHECK(bench.key("[meter.device.x]\n") != key);
  CHECK(Bench(1, "none").ingredients("[meter.local.x]\n", "x").machine == Map{{"cpu", "avx2"}, {"threads", "1"}});
}

TEST_CASE("which BLAS there is counts where LibTorch does the work, and is asked only there") {
  int asked = 0;
  const auto machine = [&](Bench bench, const std::string& stage) {
    bench.around.blas = [&] {
      ++asked;
      return std::string("OpenBLAS 0.3.21");
    };
    return bench.ingredients("[meter." + stage + ".x]\n", "x").machine;
  };
  for (const char* stage : {"exact", "limited"}) CHECK_FALSE(machine(Bench(), stage).contains("blas"));
  CHECK_FALSE(machine(Bench(1, "none"), "local").contains("blas"));
  CHECK(asked == 0);
  CHECK(machine(Bench(), "local").at("blas") == "OpenBLAS 0.3.21");
  CHECK(asked == 1);
}

TEST_CASE("labels count where the stage uses them, and only there") {
  Bench bench;
  const auto toml = [](const std::string& stage, const std::string& axis, const std::vector<std::string>& values) {
    std::string list;
    std::string by;
    for (const std::string& value : values) {
      list += (list.empty() ? "\"" : ", \"") + value + "\"";
      by += ", " + value + " = 1.0";
    }
    return "[axes]\n" + axis + " = [" + list + "]\n[fake.source.a]\nvalue = { by = \"" + axis + "\"" + by +
           " }\n[fake." + stage + ".x]\nin = \"a\"\n";
  };
  const auto labels = [&](const Ingredients& i) {
    std::vector<std::string> out;
    for (const auto& input : i.inputs.at("in")) out.push_back(input.label);
    return out;
  };
  const std::string tally = toml("tally", "set", {"p", "q"});
  CHECK(labels(bench.ingredients(tally, "x")) == std::vector<std::string>{"set=p", "set=q"});
  CHECK(bench.key(toml("tally", "set", {"p", "r"})) != bench.key(tally));
  CHECK(bench.key(toml("tally", "group", {"p", "q"})) != bench.key(tally));

  const std::string sum = toml("sum", "set", {"p", "q"});
  CHECK(labels(bench.ingredients(sum, "x")) == std::vector<std::string>{"", ""});
  CHECK(bench.key(toml("sum", "group", {"v", "w"})) == bench.key(sum));
  CHECK(bench.key(toml("sum", "set", {"p", "q", "r"})) != bench.key(sum));
}

TEST_CASE("unlabelled gathered inputs come in axis order") {
  Bench bench;
  const auto toml = [](const std::string& first, const std::string& second) {
    return "[axes]\nset = [\"p\", \"q\"]\n[fake.source.a]\nvalue = { by = \"set\", p = " + first + ", q = " + second +
           " }\n[fake.sum.x]\nin = \"a\"\n";
  };
  CHECK(bench.key(toml("1.0", "2.0")) != bench.key(toml("2.0", "1.0")));
}
