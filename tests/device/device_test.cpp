// SPDX-License-Identifier: Apache-2.0
// Searches on LibTorch's devices, every one that is here, beside the own kernels: the same bounds, the same answers.
#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <abstract/question.hpp>
#include <crown/device/retry.hpp>
#include <crown/device_library.hpp>
#include <crown/device_problem.hpp>
#include <crown/search.hpp>
#include <crown/search_state.hpp>
#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "support/judge.hpp"
#include "support/random_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::crown;
using espalier::testing::random_tensor;

namespace {

const MayContinue kAlways = [] { return true; };
const TryPoint kNever = [](std::size_t, std::span<const float>) { return false; };

/// Every device but the own kernels.
std::vector<std::string> devices() {
  std::vector<std::string> names = Device::names();
  std::erase(names, "cpu");
  REQUIRE(!names.empty());
  return names;
}

/// 3 x 6 x 6 images through two convolutions with a shortcut around one, and a linear layer.
Network residual_network(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto conv = [&](std::int64_t out, std::int64_t in, std::int64_t kernel, std::int64_t stride) {
    return Conv2d{.weight = random_tensor({out, in, kernel, kernel}, random, -0.5F, 0.5F),
                  .bias = random_tensor({out}, random),
                  .mask = {},
                  .stride = {stride, stride},
                  .padding = {kernel / 2, kernel / 2}};
  };
  return {{3, 6, 6},
          {{.name = "c1", .op = conv(3, 3, 3, 1), .inputs = {0}},
           {.name = "r1", .op = Relu{}, .inputs = {1}},
           {.name = "c2", .op = conv(3, 3, 3, 1), .inputs = {2}},
           {.name = "sum", .op = Add{}, .inputs = {3, 2}},
           {.name = "r2", .op = Relu{}, .inputs = {4}},
           {.name = "c3", .op = conv(2, 3, 3, 2), .inputs = {5}},
           {.name = "r3", .op = Relu{}, .inputs = {6}},
           {.name = "flat", .op = Flatten{}, .inputs = {7}},
           {.name = "fc",
            .op = Linear{.weight = random_tensor({3, 18}, random), .bias = random_tensor({3}, random), .mask = {}},
            .inputs = {8}}}};
}

/// A large sparse layer, so that products are sparse on the device, too.
Network sparse_network(std::uint32_t seed) {
  std::mt19937 random(seed);
  testing::NetworkBuilder builder({600});
  builder.add(testing::random_linear(600, 500, 0.01, random));
  builder.add(Relu{});
  builder.add(testing::random_linear(500, 3, 0.5, random));
  return builder.build();
}

Network dense_network(std::uint32_t seed) {
  std::mt19937 random(seed);
  return testing::random_dense({9, 12, 10, 3}, 1, random);
}

/// A network on a box, and a goal between what its bound is and what it can be, for work in between.
struct Setting {
  Network network;
  abstract::Graph graph;
  abstract::Box box;
  Root root;

  Setting(Network n, double epsilon, std::uint32_t seed)
      : network(std::move(n)), graph(network), box(make_box(network, epsilon, seed)), root(make_root()) {}

  static abstract::Box make_box(const Network& network, double epsilon, std::uint32_t seed) {
    std::mt19937 random(seed);
    abstract::Intervals ranges;
    for (const double x : testing::random_input(network, random)) ranges.push_back({x - epsilon, x + epsilon});
    return abstract::Box(std::move(ranges));
  }
  Root make_root() const {
    auto made = crown::make_root(graph, box, {}, nullptr, {.effort = {.iterations = 3}}, kAlways);
    REQUIRE(made.has_value());
    return *std::move(made);
  }
  std::vector<double> sample(std::mt19937& random) const {
    std::uniform_real_distribution<double> unit(0, 1);
    std::vector<double> x;
    for (const auto& [low, high] : box.hull()) {
      const double at = unit(random);
      x.push_back(at < 0.3 ? low : at > 0.7 ? high : low + unit(random) * (high - low));
    }
    return x;
  }
  /// Of every value of the network.
  std::vector<std::vector<double>> values_at(const std::vector<double>& x) const {
    std::vector<std::vector<double>> values{x};
    std::vector<Layer> layers;
    for (const Layer& layer : network.layers()) {
      layers.push_back(layer);
      values.push_back(Network(network.input_shape(), layers).forward(x));
    }
    return values;
  }
  bool contains(const Domain& d, const std::vector<std::vector<double>>& values) const {
    return std::ranges::all_of(d.literals, [&](const Literal& l) {
      const NeuronId id = root.program.id(l.neuron);
      return l.sign * values[static_cast<std::size_t>(id.value)][static_cast<std::size_t>(id.element)] >= 0;
    });
  }
  double smallest_sample(const std::vector<double>& factors, int count) const {
    std::mt19937 random(7);
    double smallest = HUGE_VAL;
    for (int i = 0; i < count; ++i) smallest = std::min(smallest, value(factors, network.forward(sample(random))));
    return smallest;
  }
  static double value(const std::vector<double>& factors, const std::vector<double>& y) {
    double sum = 0;
    for (std::size_t k = 0; k < y.size(); ++k) sum += factors[k] * y[k];
    return sum;
  }
};

/// Goals with thresholds at a share of the way from the bound on the whole box to the smallest sample.
std::vector<Case> cases_at(const Setting& s, double share) {
  std::vector<Case> cases;
  for (std::size_t c = 1; c < 3; ++c) {
    Goal goal{.factors = {1, 0, 0}};
    goal.factors[c] = -1;
    Brancher brancher(s.root.program, s.root.lines, s.root.program.output(), std::span(&goal, 1), {});
    Domains roots{brancher.root(0)};
    brancher.bound(roots, {.iterations = 1});
    const double bound = roots.empty() ? brancher.closed_bound() : roots[0].bound;
    goal.threshold = bound + share * (s.smallest_sample(goal.factors, 300) - bound);
    cases.push_back({goal});
  }
  return cases;
}

std::vector<Goal> goals_in(const std::vector<Case>& cases) {
  std::vector<Goal> goals;
  for (const Case& c : cases) goals.insert(goals.end(), c.begin(), c.end());
  return goals;
}

std::unique_ptr<DeviceTrees> trees_on(const std::string& device, const Setting& s, const std::vector<Goal>& goals,
                                      const Effort& effort, std::size_t memory = std::size_t{64} << 20) {
  const BranchOptions branching;
  const DeviceOptions options{.effort = effort,
                              .candidates = branching.candidates,
                              .gap_weight = branching.gap_weight,
                              .often = kOftenNarrow,
                              .memory = memory,
                              .threads = 1};
  return std::unique_ptr<DeviceTrees>(
      Device::named(device).maker()->make_trees(device_problem(s.root, goals), options));
}

using Splits = std::vector<std::tuple<std::size_t, std::int32_t, std::int32_t>>;

Splits splits_of(const Domain& d) {
  Splits splits;
  for (const Literal& l : d.literals) splits.emplace_back(d.goal, l.neuron, l.sign);
  return splits;
}

std::deque<Setting> settings() {
  std::deque<Setting> all;  // roots borrow from them, so they stay where they are
  all.emplace_back(residual_network(1), 0.3, 1);
  all.emplace_back(sparse_network(2), 0.2, 2);
  all.emplace_back(dense_network(3), 0.4, 3);
  all.emplace_back(dense_network(4), 0.6, 4);
  return all;
}

}  // namespace

TEST_CASE("children on a device have the bounds that the own kernels give them, but for rounding") {
  for (const std::string& device : devices()) {
    for (const Setting& s : settings()) {
      const std::vector<Goal> goals = goals_in(cases_at(s, 0.9));
      Brancher brancher(s.root.program, s.root.lines, s.root.program.output(), goals, {});
      Domains parents;
      for (std::size_t g = 0; g < goals.size(); ++g) parents.push_back(brancher.root(g));
      brancher.bound(parents, {.iterations = 1});  // slopes stay 0 or 1, which every kind of number holds
      REQUIRE(!parents.empty());
      const auto trees = trees_on(device, s, goals, {.iterations = 1});
      trees->put(parents);
      const DeviceRound round = trees->round(100);
      CHECK(round.bounded == static_cast<std::int64_t>(2 * parents.size()));
      Domains children = brancher.branch(parents);
      brancher.bound(children, {.iterations = 1});
      std::map<Splits, double> known;
      for (const Domain& d : children) known[splits_of(d)] = d.bound;
      const Domains open = trees->open_domains();
      CHECK(open.size() + round.taken.size() == children.size());
      for (const Domain& d : open) {
        REQUIRE(known.contains(splits_of(d)));
        CHECK(d.bound == doctest::Approx(known[splits_of(d)]).epsilon(1e-4));
      }
    }
  }
}

TEST_CASE("bounds on a device hold for every sample of their part, whatever slopes and multipliers are") {
  for (const std::string& device : devices()) {
    for (const Setting& s : settings()) {
      const std::vector<Goal> goals = goals_in(cases_at(s, 0.95));
      Brancher brancher(s.root.program, s.root.lines, s.root.program.output(), goals, {});
      Domains parents;
      for (std::size_t g = 0; g < goals.size(); ++g) parents.push_back(brancher.root(g));
      brancher.bound(parents, {.iterations = 4});
      const auto trees = trees_on(device, s, goals, {.iterations = 6, .alpha_rate = 0.3F, .beta_rate = 0.3F});
      trees->put(parents);
      for (int i = 0; i < 4; ++i) trees->round(100);
      const Domains open = trees->open_domains();
      std::mt19937 random(5);
      int inside = 0;
      for (int i = 0; i < 300; ++i) {
        const auto values = s.values_at(s.sample(random));
        for (const Domain& d : open) {
          if (!s.contains(d, values)) continue;
          ++inside;
          const Goal& goal = goals[d.goal];
          CHECK(Setting::value(goal.factors, values.back()) - goal.threshold >= d.bound);
        }
      }
      CHECK(inside > 0);
    }
  }
}

TEST_CASE("searches on a device end as those with the own kernels do") {
  for (const std::string& device : devices()) {
    int proven = 0;
    int given_up = 0;
    for (std::uint32_t seed = 0; seed < 6; ++seed) {
      const Setting s(seed % 3 == 0 ? residual_network(seed) : dense_network(seed), seed % 3 == 0 ? 0.15 : 0.5, seed);
      for (const double share : {0.3, 0.6, 0.8}) {
        const std::vector<Case> cases = cases_at(s, share);
        SearchOptions options;
        options.most_domains = 3000;
        const SearchResult own = search(s.root, cases, options, kNever, kAlways);
        options.device = Device::named(device).maker();
        const SearchResult found = search(s.root, cases, options, kNever, kAlways);
        const bool either_gave_up = own.end == SearchResult::End::given_up || found.end == SearchResult::End::given_up;
        if (!either_gave_up) CHECK(own.end == found.end);
        proven += found.end == SearchResult::End::proven;
        given_up += found.end == SearchResult::End::given_up;
        if (found.end == SearchResult::End::proven) CHECK(found.bound > 0);
        if (found.end == SearchResult::End::given_up) CHECK(!found.open.empty());
      }
    }
    CHECK(proven > 6);
    MESSAGE(device << ": " << proven << " proven, " << given_up << " given up");
  }
}

TEST_CASE("a store that fills up turns to the best domains, stays within its memory and loses no part of the box") {
  constexpr std::size_t kMemory = std::size_t{256} << 10;  // 1024 rows, some domains a round
  for (const std::string& device : devices()) {
    std::mt19937 weights(9);
    const Setting s(testing::random_dense({12, 24, 16, 3}, 1, weights), 3, 3);
    const std::vector<Goal> goals{{.factors = {1, -1, 0}, .threshold = 1e6}};  // which no bound reaches
    Brancher brancher(s.root.program, s.root.lines, s.root.program.output(), goals, {});
    Domains all{brancher.root(0)};
    brancher.bound(all, {.iterations = 1});
    const auto trees = trees_on(device, s, goals, {.iterations = 1}, kMemory);
    trees->put(all);
    std::size_t splits = 0;
    all.clear();
    for (int i = 0; i < 300; ++i) {
      const DeviceRound round = trees->round(100);
      splits += static_cast<std::size_t>(round.bounded) / 2;
      all.insert(all.end(), round.taken.begin(), round.taken.end());
      CHECK(trees->open() <= 1024);
    }
    CHECK(splits > 600);
    CHECK(!all.empty());  // the best are followed to where every neuron is fixed
    const Domains open = trees->open_domains();
    CHECK(open.size() > 500);
    all.insert(all.end(), open.begin(), open.end());
    CHECK(all.size() == splits + 1);
    std::mt19937 random(5);
    for (int i = 0; i < 200; ++i) {
      const auto values = s.values_at(s.sample(random));
      CHECK(std::ranges::any_of(all, [&](const Domain& d) { return s.contains(d, values); }));
    }
  }
}

TEST_CASE("a search with little memory on its device ends as one with plenty") {
  for (const std::string& device : devices()) {
    const Setting s(dense_network(3), 0.5, 3);
    const std::vector<Case> cases = cases_at(s, 0.8);
    SearchOptions options;
    options.device = Device::named(device).maker();
    options.memory = 0;
    CHECK(search(s.root, cases, options, kNever, kAlways).end == SearchResult::End::proven);
  }
}

TEST_CASE("time, stops and counterexamples end a search on a device") {
  for (const std::string& device : devices()) {
    const Setting s(dense_network(3), 0.5, 3);
    const std::vector<Case> cases = cases_at(s, 0.97);
    SearchOptions options;
    options.device = Device::named(device).maker();
    int asked = 0;
    const SearchResult late = search(s.root, cases, options, kNever, [&] { return ++asked < 3; });
    CHECK(late.end == SearchResult::End::out_of_time);
    CHECK_THROWS_AS(search(s.root, cases, options, kNever, []() -> bool { throw Error(Code::stopped, "stopped"); }),
                    Error);
    // A goal that fails at many points: what the device shows must be such points.
    const std::vector<Case> hard = cases_at(s, 1.3);
    int shown = 0;
    const SearchResult found = search(
        s.root, hard, options,
        [&](std::size_t c, std::span<const float> point) {
          const std::vector<double> y = s.network.forward(std::vector<double>(point.begin(), point.end()));
          const double value = Setting::value(hard[c][0].factors, y) - hard[c][0].threshold;
          CHECK(value < 1e-4);
          ++shown;
          return value <= 0;
        },
        kAlways);
    CHECK(found.end == SearchResult::End::violated);
    CHECK(shown > 0);
  }
}

TEST_CASE("work that does not fit is done with half as many, which is remembered; what never fits is said") {
  struct Full {};
  std::int64_t most = 1000;
  std::vector<std::int64_t> tried;
  const auto work = [&](std::int64_t n) {
    tried.push_back(n);
    if (n > 300) throw Full{};
    return 2 * n;
  };
  CHECK(device::with_fewer_when_full<Full>(most, work) == 500);
  CHECK(tried == std::vector<std::int64_t>{1000, 500, 250});
  CHECK(most == 250);
  const auto never = [](std::int64_t) -> int { throw Full{}; };
  CHECK_THROWS_AS(device::with_fewer_when_full<Full>(most, never), Full);
  CHECK(most == 1);
}

TEST_CASE("devices that are not here are refused by name, with what there is") {
  const auto said = [](const std::string& name) {
    try {
      Device::named(name);
    } catch (const Error& e) {
      return std::string(e.what()) + " / " + e.hint();
    }
    return std::string();
  };
  CHECK(said("tpu").find("'tpu'") != std::string::npos);
  CHECK(said("cuda:x").find("'cuda:x'") != std::string::npos);
  CHECK(said("cuda:99").find("'cuda:99'") != std::string::npos);
  CHECK(said("cuda:99").find("cpu") != std::string::npos);
  CHECK(Device::chosen("auto", "cpu").is_own());
  CHECK(Device::chosen("auto", "cuda:99").is_optional());
  CHECK(Device::chosen("auto", "cuda:99").maker() == nullptr);
}

/// A search on a device and nothing else: no attack, no bounds but intervals, so that little is decided beforehand.
testing::Judged searched(const testing::RobustnessQuestion& q, const DeviceMaker& maker, std::int64_t& domains) {
  const abstract::Verifier replays(q.network);
  const abstract::Box box(q.centre, q.epsilon, {0, 1});
  const abstract::Question question{.label = q.label, .target = q.target, .box = &box};
  std::vector<Case> cases;
  for (const OutputConstraint& rival : q.rivals()) {
    Goal goal;
    goal.factors.assign(static_cast<std::size_t>(element_count(q.network.output_shape())), 0);
    for (const auto& term : rival.terms) goal.factors[static_cast<std::size_t>(term.output)] += term.factor;
    cases.push_back({goal});
  }
  const auto root = make_root(replays.graph(), box, {}, nullptr, {.effort = {.iterations = 0}}, kAlways);
  testing::Judged answer;
  const std::vector<std::int32_t> kept = used_inputs(replays.graph(), box.hull());
  const TryPoint try_point = [&](std::size_t, std::span<const float> x) {
    std::vector<double> point(q.centre.begin(), q.centre.end());
    for (std::size_t i = 0; i < kept.size(); ++i) point[static_cast<std::size_t>(kept[i])] = static_cast<double>(x[i]);
    const auto found = replays.counterexample_near(question, point);
    if (found) answer.witness = std::vector<double>(found->witness->begin(), found->witness->end());
    return found.has_value();
  };
  SearchOptions options;
  options.device = &maker;
  options.first.iterations = 1;
  options.most_domains = 20'000;
  const SearchResult result = search(*root, cases, options, try_point, kAlways);
  domains += result.domains;
  if (result.end == SearchResult::End::proven) answer.verdict = Verdict::robust;
  if (result.end == SearchResult::End::violated) answer.verdict = Verdict::counterexample;
  answer.bound = result.end == SearchResult::End::violated ? -HUGE_VAL : result.bound;
  return answer;
}

TEST_CASE("searches on a device alone before the judge") {
  for (const std::string& device : devices()) {
    const DeviceMaker& maker = *Device::named(device).maker();
    std::int64_t domains = 0;
    const testing::Tally tally =
        testing::judge_robustness([&](const testing::RobustnessQuestion& q) { return searched(q, maker, domains); },
                                  testing::soundness_questions(200));
    MESSAGE(device << ": " << tally.text() << "; " << domains << " domains");
    CHECK_MESSAGE(tally.faults.empty(), tally.fault_text());
    CHECK(tally.robust > 50);
    CHECK(domains > 200);
  }
}

TEST_CASE("crown on LibTorch's devices before the judge") {
  for (const std::string& device : devices()) {
    const testing::Tally tally =
        testing::judge_robustness(testing::stage_answers("crown.verify", {{"device", espalier::Value(device)}}),
                                  testing::soundness_questions(60));
    MESSAGE(device << ": " << tally.text());
    CHECK_MESSAGE(tally.faults.empty(), tally.fault_text());
    CHECK(tally.robust > 0);
    CHECK(tally.counterexamples > 0);
  }
}
