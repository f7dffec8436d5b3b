// SPDX-License-Identifier: Apache-2.0
// Searches on a device that has no memory left at some call: nothing may be lost, and the answer is that of the own
// kernels. The device is made up: it splits and bounds nothing.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <crown/brancher.hpp>
#include <crown/device.hpp>
#include <crown/solve.hpp>
#include <doctest/doctest.h>

#include "support/random_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::crown;

namespace {

const MayContinue kAlways = [] { return true; };
const TryPoint kNever = [](std::size_t, std::span<const float>) { return false; };

/// Counts the calls of a device and fails at one of them, or from that one on.
struct Memory {
  std::int64_t fails_at = 0;  ///< 0: never
  bool stays_full = false;
  std::int64_t calls = 0;
  Domains leaves;  ///< that the host was given, which decides them

  void use() {
    ++calls;
    if (fails_at != 0 && (calls == fails_at || (stays_full && calls > fails_at))) throw DeviceFull();
  }
};

/// Splits its domains neuron by neuron until every one is fixed.
class Splitter final : public DeviceTrees {
 public:
  Splitter(std::vector<std::int32_t> free, Memory& memory) : free_(std::move(free)), memory_(memory) {}

  void put(const Domains& domains) override {
    memory_.use();
    open_.insert(open_.end(), domains.begin(), domains.end());
  }
  std::int64_t open() const override { return static_cast<std::int64_t>(open_.size()); }
  DeviceRound round(std::int64_t parents) override {
    memory_.use();
    DeviceRound round;
    for (; parents > 0 && !open_.empty(); --parents) {
      const Domain parent = std::move(open_.back());
      open_.pop_back();
      for (const int sign : {1, -1}) {
        Domain child = with_candidates(parent, sign);
        if (child.candidate_count == 0) memory_.leaves.push_back(child);
        const bool goes = child.candidate_count == 0 || ++children_ % 3 == 0;  // some come back
        (goes ? round.taken : open_).push_back(std::move(child));
      }
      round.bounded += 2;
    }
    return round;
  }
  std::int64_t most_parents() const override { return 2; }
  double worst() const override {
    memory_.use();
    double worst = HUGE_VAL;
    for (const Domain& d : open_) worst = std::min(worst, d.bound);
    return worst;
  }
  double closed_bound() const override {
    memory_.use();
    return HUGE_VAL;
  }
  Domains open_domains() const override {
    memory_.use();
    return open_;
  }

 private:
  Domain with_candidates(Domain d, int sign) const {
    d.literals.push_back({d.candidates[0], sign});
    d.multipliers.push_back(0);
    d.candidate_count = 0;
    for (const std::int32_t n : free_) {
      const bool fixed = std::ranges::any_of(d.literals, [n](const Literal& l) { return l.neuron == n; });
      if (fixed || d.candidate_count == Domain::kMostCandidates) continue;
      d.candidates[static_cast<std::size_t>(d.candidate_count++)] = n;
    }
    return d;
  }

  std::vector<std::int32_t> free_;
  Memory& memory_;
  Domains open_;
  int children_ = 0;
};

class Maker final : public DeviceMaker {
 public:
  explicit Maker(Memory& memory) : memory_(memory) {}
  DeviceTrees* make_trees(const DeviceProblem& problem, const DeviceOptions& /*options*/) const override {
    memory_.use();
    return new Splitter(problem.free, memory_);
  }

 private:
  Memory& memory_;
};

/// A network with few unstable neurons, and goals that its bounds on the whole box do not reach.
struct Setting {
  Network network;
  abstract::Graph graph;
  abstract::Box box;
  Root root;

  explicit Setting(std::uint32_t seed)
      : network(make_network(seed)), graph(network), box(abstract::Intervals(4, {-1, 1})), root(make_root()) {}

  static Network make_network(std::uint32_t seed) {
    std::mt19937 random(seed);
    return testing::random_dense({4, 5, 4, 3}, 1, random);
  }
  Root make_root() const {
    auto made = crown::make_root(graph, box, {}, nullptr, {.effort = {.iterations = 3}}, kAlways);
    REQUIRE(made.has_value());
    return *std::move(made);
  }
  double bound(const Goal& goal) const {
    Brancher brancher(root.program, root.lines, root.program.output(), std::span(&goal, 1), {});
    Domains roots{brancher.root(0)};
    brancher.bound(roots, {.iterations = 40, .alpha_rate = 0.3F, .beta_rate = 0.1F});
    return roots.empty() ? brancher.closed_bound() : roots[0].bound;
  }
  /// Goals with thresholds at a share of the way from their bounds to the smallest of many samples.
  std::vector<Case> cases_at(double share) const {
    std::vector<Case> cases;
    for (std::size_t c = 1; c < 3; ++c) {
      Goal goal{.factors = {1, 0, 0}, .threshold = -1e3};
      goal.factors[c] = -1;
      std::mt19937 random(7);
      double smallest = HUGE_VAL;
      for (int i = 0; i < 2000; ++i) {
        const std::vector<double> y = network.forward(sample(random));
        smallest = std::min(smallest, y[0] - y[c]);
      }
      const double whole = bound(goal) - 1e3;
      goal.threshold = whole + share * (smallest - whole);
      cases.push_back({goal});
    }
    return cases;
  }
  static std::vector<double> sample(std::mt19937& random) {
    std::uniform_real_distribution<double> unit(-1.5, 1.5);
    std::vector<double> x(4);
    for (double& v : x) v = std::clamp(unit(random), -1.0, 1.0);
    return x;
  }
  /// Whether the phases of a domain are those that neurons have at a point.
  bool contains(const Domain& d, const std::vector<double>& x) const {
    return std::ranges::all_of(d.literals, [&](const Literal& l) {
      const NeuronId id = root.program.id(l.neuron);
      const std::vector<Layer> layers(network.layers().begin(), network.layers().begin() + id.value);
      const std::vector<double> value = Network(network.input_shape(), layers).forward(x);
      return l.sign * value[static_cast<std::size_t>(id.element)] >= 0;
    });
  }
};

/// Every point of the box is in a part that is open, or that the host was given to decide, for every goal.
void check_cover(const Setting& s, const Domains& open, const Domains& leaves, std::size_t goals) {
  std::mt19937 random(3);
  for (int i = 0; i < 30; ++i) {
    const std::vector<double> x = Setting::sample(random);
    for (std::size_t g = 0; g < goals; ++g) {
      const auto has = [&](const Domain& d) { return d.goal == g && s.contains(d, x); };
      CHECK((std::ranges::any_of(open, has) || std::ranges::any_of(leaves, has)));
    }
  }
}

}  // namespace

TEST_CASE("a device that is full at any call ends its search with all that was open") {
  const Setting s(5);
  const std::vector<Case> cases = s.cases_at(0.5);
  for (const bool stays_full : {false, true}) {
    int full = 0;
    for (std::int64_t call = 1;; ++call) {
      Memory memory{.fails_at = call, .stays_full = stays_full, .calls = 0, .leaves = {}};
      const Maker maker(memory);
      SearchOptions options;
      options.first.iterations = 0;
      options.device = &maker;
      const SearchResult result = search(s.root, cases, options, kNever, kAlways);
      if (memory.calls < call) {  // it was done before
        CHECK(result.end == SearchResult::End::proven);
        CHECK(result.bound > 0);
        break;
      }
      ++full;
      CHECK(result.device_full);
      if (result.open.empty()) continue;  // full when all was closed and only its bound was left to tell
      CHECK(result.end == SearchResult::End::given_up);
      check_cover(s, result.open, memory.leaves, cases.size());
    }
    CHECK(full > 10);
  }
}

TEST_CASE("what a full device leaves open is decided by the own kernels, as without a device") {
  int devices_used = 0;
  int violated = 0;
  for (std::uint32_t seed = 0; seed < 6; ++seed) {
    const Setting s(seed);
    for (const double share : {0.9, 1.05}) {
      const std::vector<Case> cases = s.cases_at(share);
      const TryPoint try_point = [&](std::size_t c, std::span<const float> point) {
        const std::vector<double> y = s.network.forward(std::vector<double>(point.begin(), point.end()));
        double value = 0;
        for (std::size_t k = 0; k < y.size(); ++k) value += cases[c][0].factors[k] * y[k];
        return value <= cases[c][0].threshold;
      };
      SolveOptions options;
      const Outcome own = solve(s.graph, s.box, cases, options, try_point, kAlways);
      violated += own.end == SearchResult::End::violated;
      for (const std::int64_t call : {1, 2, 3, 4, 7, 12, 20, 40}) {
        Memory memory{.fails_at = call, .stays_full = true, .calls = 0, .leaves = {}};
        const Maker maker(memory);
        options.device = Device(maker);
        const Outcome found = solve(s.graph, s.box, cases, options, try_point, kAlways);
        CHECK(found.end == own.end);
        if (found.end == SearchResult::End::proven) CHECK(found.bound > 0);
        devices_used += memory.calls >= call;
      }
    }
  }
  CHECK(devices_used > 10);
  CHECK(violated > 0);
}
