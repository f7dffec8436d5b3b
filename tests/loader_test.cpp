// SPDX-License-Identifier: Apache-2.0
#include "plugin/loader.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <espalier/error.hpp>

#include "support/temp_dir.hpp"

namespace fs = std::filesystem;
using espalier::Error;
using espalier::plugin::load_plugins;
using espalier::plugin::Refused;
using espalier::plugin::Registry;
using espalier::plugin::search_path;
using espalier::testing::TempDir;

namespace {

constexpr const char* kMark = "abi=" ESPALIER_TEXT(ESPALIER_ABI_VERSION) ";";

fs::path fixture(const std::string& name) {
  return fs::path(ESPALIER_BINARY_DIR) / "tests/fixtures" / (name + ".so");
}

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

/// A copy of a fixture with some bytes of its mark changed to as many others.
void write_patched(const fs::path& copy, const std::vector<std::pair<std::string, std::string>>& changes) {
  std::string bytes = contents(fixture("good"));
  const std::size_t mark = bytes.find("@(#)espalier-abi abi=");
  REQUIRE(mark != std::string::npos);
  for (const auto& [from, to] : changes) {
    REQUIRE(from.size() == to.size());
    const std::size_t at = bytes.find(from, mark);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, from.size(), to);
  }
  write(copy, bytes);
}

bool is_mapped(const fs::path& library) {
  return contents("/proc/self/maps").find(fs::canonical(library).string()) != std::string::npos;
}

/// An environment variable for as long as a test lasts.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

/// Warms the cache in a process of its own, because this one could not unload the library again.
bool load_in_child(const fs::path& file) {
  const pid_t child = fork();
  if (child == 0) {
    Registry registry;
    _exit(load_plugins({.explicit_files = {file}, .folders = {}}, registry).empty() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0;
}

/// A folder of plugins and a cache of its own.
struct Bench {
  TempDir folder;
  TempDir cache;
  Variable home{"XDG_CACHE_HOME", cache.path().string()};
  Registry registry;

  std::vector<Refused> load(std::vector<fs::path> files) {
    return load_plugins({.explicit_files = std::move(files), .folders = {}}, registry);
  }
  std::string only_refusal(const fs::path& file) {
    const std::vector<Refused> refused = load({file});
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].file == file);
    CHECK(refused[0].named_explicitly);
    CHECK(registry.stages().empty());
    const std::string place = file.string() + ": ";
    REQUIRE(refused[0].why.starts_with(place));
    return refused[0].why.substr(place.size());
  }
  fs::path copy(const std::string& name, const std::string& as) {
    fs::copy_file(fixture(name), folder / as);
    return fs::canonical(folder / as);
  }
};

/// What a stage sees here: parameters in, one artifact out.
class OneShot final : public espalier::Context {
 public:
  espalier::ArtifactPtr result;
  const std::vector<espalier::Gathered>& all(std::string_view) override { return none_; }
  int threads() const override { return 1; }
  std::string_view device() const override { return "cpu"; }
  bool stop_requested() const override { return false; }
  void log(std::string_view) override {}
  void progress(double, double) override {}
  const fs::path& scratch() override { return scratch_; }
  const fs::path& folder() const override { return scratch_; }

 private:
  const espalier::Artifact& input(std::string_view, std::string_view) override { throw std::logic_error("no inputs"); }
  const espalier::Artifact* optional_input(std::string_view, std::string_view) override { return nullptr; }
  void set_output(std::string_view, espalier::ArtifactPtr artifact) override { result = std::move(artifact); }
  std::vector<espalier::Gathered> none_;
  fs::path scratch_;
};

std::int64_t run_start(const Registry& registry, std::int64_t value) {
  OneShot ctx;
  registry.body (*registry.find_stage("acme.start"))({{"value", value}}, ctx);
  return registry.find_kind("Count")->encode(*ctx.result).integer("value");
}

}  // namespace

TEST_CASE("a good plugin is loaded, described and runs") {
  Bench bench;
  const fs::path file = bench.copy("good", "good.so");
  CHECK(bench.load({file}).empty());
  REQUIRE(bench.registry.find_stage("acme.scale") != nullptr);
  const espalier::StageSpec& scale = *bench.registry.find_stage("acme.scale");
  CHECK(scale.revision == 4);
  CHECK(scale.params.at(1).fallback == espalier::Value(0.5));
  const espalier::plugin::LoadedPlugin& origin = bench.registry.origin(scale);
  CHECK(origin.name == "acme");
  CHECK(origin.version == "1.2.3");
  CHECK(origin.file == file);
  CHECK(origin.torch == "none");
  CHECK(origin.file_digest == espalier::digest_of(contents(file)).hex());
  CHECK(run_start(bench.registry, 12) == 12);
}

TEST_CASE("each refusal says what is wrong, both values and the next step") {
  Bench bench;
  SUBCASE("not a plugin") {
    const fs::path file = bench.folder / "notes.so";
    write(file, "just text");
    CHECK(bench.only_refusal(file) == "not an espalier plugin (no ABI mark); was it built with espalier_add_plugin()?");
  }
  SUBCASE("the engine itself, which contains the text of the mark, is not a plugin") {
    const fs::path engine = fs::path(ESPALIER_BINARY_DIR) / "lib/libespalier.so";
    REQUIRE(contents(engine).find("@(#)espalier-abi ") != std::string::npos);
    CHECK(bench.only_refusal(engine) ==
          "not an espalier plugin (no ABI mark); was it built with espalier_add_plugin()?");
  }
  SUBCASE("no such file") {
    CHECK(bench.only_refusal(bench.folder / "gone.so") ==
          "there is no such file; check --plugin-path and ESPALIER_PLUGIN_PATH");
  }
  SUBCASE("another ABI number") {
    const fs::path file = bench.folder / "abi.so";
    write_patched(file, {{kMark, "abi=0;"}});
    CHECK(bench.only_refusal(file) == "abi mismatch: plugin has '0', engine has '" ESPALIER_TEXT(
                                          ESPALIER_ABI_VERSION) "'; rebuild the plugin against this engine");
    CHECK_FALSE(is_mapped(file));
  }
  SUBCASE("every field that differs is named") {
    const fs::path file = bench.folder / "two.so";
    write_patched(file, {{"std=202002L", "std=202302L"}, {"debug=none", "debug=full"}});
    CHECK(bench.only_refusal(file) ==
          "debug mismatch: plugin has 'full', engine has 'none'; std mismatch: plugin has '202302L', engine has "
          "'202002L'; rebuild the plugin against this engine");
  }
  SUBCASE("a field that is not there") {
    const fs::path file = bench.folder / "missing.so";
    write_patched(file, {{"debug=", "level="}});
    CHECK(bench.only_refusal(file) ==
          "debug mismatch: plugin has nothing, engine has 'none'; level mismatch: plugin has 'none', engine has "
          "nothing; rebuild the plugin against this engine");
  }
  SUBCASE("registration throws") {
    CHECK(bench.only_refusal(bench.copy("throws", "throws.so")) ==
          "registration failed: the licence server does not answer; report it to the plugin's author");
  }
  SUBCASE("no entry point") {
    CHECK(bench.only_refusal(bench.copy("silent", "silent.so")) ==
          "exports no 'espalier_plugin_register'; describe the plugin with ESPALIER_PLUGIN(...) in one of its sources");
  }
  SUBCASE("a symbol nobody has") {
    const fs::path file = bench.copy("unresolved", "unresolved.so");
    CHECK(bench.only_refusal(file) ==
          "cannot be loaded: undefined symbol: _Z42espalier_test_function_that_nobody_definesv; rebuild the plugin "
          "against "
          "this engine and the libraries of this machine");
  }
  SUBCASE("all faults of a description at once, from the library and from the cache") {
    const fs::path file = bench.copy("faulty", "faulty.so");
    const std::string wanted =
        "stage 'nothing': has no output; stage 'nothing': input 'metrics': has no doc; stage 'nothing': parameter "
        "'rate': default 2.0 is not in [0, 1]";
    CHECK(bench.only_refusal(file) == wanted);
    CHECK(bench.only_refusal(file) == wanted);
  }
}

TEST_CASE("the first plugin with LibTorch decides which one the process has") {
  Bench bench;
  const auto write_torch = [&](const std::string& name, const std::string& version) {
    write_patched(bench.folder / (name + ".so"), {{"torch=none", "torch=" + version}});
    return fs::canonical(bench.folder / (name + ".so"));
  };
  const fs::path first = write_torch("first", "1.13");
  const fs::path other = write_torch("other", "2.51");
  const std::vector<Refused> refused = bench.load({first, other});
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].file == other);
  CHECK(refused[0].why ==
        fmt::format(
            "{}: built with LibTorch 2.51, this process uses LibTorch 1.13; two LibTorch copies cannot live in one "
            "process; rebuild it with LibTorch 1.13 as '{}' was",
            other.string(), first.string()));
  CHECK_FALSE(is_mapped(other));

  Registry again;  // the same from the cache
  CHECK(load_plugins({.explicit_files = {first, other}, .folders = {}}, again).at(0).why == refused[0].why);
}

TEST_CASE("two plugins of one name: the second is refused, both files are named") {
  Bench bench;
  const fs::path first = bench.copy("good", "a.so");
  const fs::path second = bench.copy("good", "b.so");
  const std::vector<Refused> refused = bench.load({first, second});
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].why ==
        fmt::format(
            "{0}: plugin name 'acme' of '{0}' is already taken by '{1}'; rename one of them or load only one; kind "
            "'Count' of '{0}' is already taken by '{1}'; rename one of them or load only one",
            second.string(), first.string()));
  CHECK(bench.registry.plugins().size() == 2);  // core and the first
}

TEST_CASE("a folder is scanned in order, one library is loaded once, refusals in it are not explicit") {
  Bench bench;
  const fs::path good = bench.copy("good", "good.so");
  write(bench.folder / "broken.so", "nothing");
  write(bench.folder / "readme.txt", "not a candidate");
  fs::create_symlink(good, bench.folder / "link.so");
  fs::create_symlink("gone", bench.folder / "dangling.so");
  const std::vector<Refused> refused =
      load_plugins({.explicit_files = {good}, .folders = {bench.folder.path(), bench.folder.path()}}, bench.registry);
  REQUIRE(refused.size() == 2);
  CHECK(refused[0].file.filename() == "broken.so");
  CHECK_FALSE(refused[0].named_explicitly);
  CHECK(refused[1].file.filename() == "dangling.so");
  CHECK(bench.registry.stages().size() == 2);
}

TEST_CASE("with a warm cache nothing is mapped until a body is wanted") {
  TempDir cache;
  const Variable home("XDG_CACHE_HOME", cache.path().string());
  TempDir folder;
  const fs::path file = folder / "warm.so";
  fs::copy_file(fixture("good"), file);
  REQUIRE(load_in_child(file));

  Registry cold;
  {
    TempDir elsewhere;
    const Variable other("XDG_CACHE_HOME", elsewhere.path().string());
    REQUIRE(load_plugins({.explicit_files = {fixture("good")}, .folders = {}}, cold).empty());
  }
  Registry warm;
  REQUIRE(load_plugins({.explicit_files = {file}, .folders = {}}, warm).empty());
  CHECK_FALSE(is_mapped(file));

  SUBCASE("the same specs") {
    REQUIRE(warm.stages().size() == cold.stages().size());
    for (const espalier::StageSpec* stage : cold.stages()) {
      CAPTURE(stage->qualified());
      const espalier::StageSpec* same = warm.find_stage(stage->qualified());
      REQUIRE(same != nullptr);
      CHECK(same->doc == stage->doc);
      CHECK(same->revision == stage->revision);
      CHECK(same->inputs == stage->inputs);
      CHECK(same->outputs == stage->outputs);
      CHECK(same->params == stage->params);
      CHECK(same->lane == stage->lane);
      CHECK(same->repeatable == stage->repeatable);
    }
    CHECK(warm.find_kind("Count")->format == 3);
    CHECK(warm.plugins().back().file_digest == cold.plugins().back().file_digest);
    CHECK_FALSE(is_mapped(file));
  }
  SUBCASE("a body, from several threads at once") {
    std::vector<std::int64_t> seen(4);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < seen.size(); ++i) {
        threads.emplace_back([&, i] { seen[i] = run_start(warm, static_cast<std::int64_t>(i)); });
      }
    }
    CHECK(seen == std::vector<std::int64_t>{0, 1, 2, 3});
    CHECK(is_mapped(file));
  }
  SUBCASE("a kind") {
    espalier::Fields fields;
    fields.set("value", std::int64_t{5});
    const espalier::KindSpec& kind = *warm.find_kind("Count");
    CHECK(kind.encode(*kind.decode(fields)).integer("value") == 5);
    CHECK(is_mapped(file));
  }
  SUBCASE("a library that changed in between is not trusted") {
    fs::remove(file);  // the old file may be mapped elsewhere; never write into it
    write(file, contents(fixture("good")) + "more");
    try {
      warm.body(*warm.find_stage("acme.start"));
      FAIL("a changed library was taken");
    } catch (const Error& e) {
      CHECK(e.what() == fmt::format("plugin '{}': the library changed while this command ran", file.string()));
      CHECK(e.hint() == "start the command again");
    }
  }
}

TEST_CASE("a rebuilt library is described anew") {
  Bench bench;
  const fs::path file = bench.folder / "rebuilt.so";
  write_patched(file, {{kMark, "abi=0;"}});
  CHECK(bench.load({file}).size() == 1);
  fs::remove(file);
  fs::copy_file(fixture("good"), file);
  CHECK(bench.load({file}).empty());
  Registry later;
  const auto built = fs::last_write_time(file);
  fs::remove(file);
  write_patched(file, {{"std=202002L", "std=202302L"}});
  fs::last_write_time(file, built + std::chrono::seconds(1));  // the clock of a file system may stand still meanwhile
  CHECK(load_plugins({.explicit_files = {file}, .folders = {}}, later).size() == 1);
}

TEST_CASE("a damaged or unwritable cache is as good as none") {
  Bench bench;
  const fs::path file = bench.copy("good", "good.so");
  SUBCASE("damaged") {
    REQUIRE(bench.load({file}).empty());
    for (const auto& entry : fs::directory_iterator(bench.cache / "espalier/plugins")) {
      std::string bytes = contents(entry.path());
      const std::size_t at = bytes.find("counts");
      REQUIRE(at != std::string::npos);
      bytes[at] = 'C';
      write(entry.path(), bytes);
    }
  }
  SUBCASE("a file where the folder should be") {
    write(bench.cache / "espalier", "in the way");
  }
  Registry registry;
  CHECK(load_plugins({.explicit_files = {file}, .folders = {}}, registry).empty());
  REQUIRE(registry.find_stage("acme.scale") != nullptr);
  CHECK(registry.find_stage("acme.scale")->inputs.at(0).name == "counts");
}

TEST_CASE("the search path: command line, environment, the folder beside the engine") {
  TempDir one;
  TempDir two;
  write(one / "single.so", "");
  const Variable variable("ESPALIER_PLUGIN_PATH", two.path().string() + "::" + (one / "single.so").string());
  const espalier::plugin::SearchPath path = search_path({one.path().string(), "/nowhere/at-all.so"});
  CHECK(path.explicit_files == std::vector<fs::path>{"/nowhere/at-all.so", one / "single.so"});
  REQUIRE(path.folders.size() >= 2);
  CHECK(path.folders[0] == one.path());
  CHECK(path.folders[1] == two.path());
  const fs::path own = fs::path(ESPALIER_BINARY_DIR) / "lib/espalier/plugins";
  if (fs::exists(own)) CHECK(path.folders.back() == own);
}
