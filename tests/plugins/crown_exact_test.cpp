// SPDX-License-Identifier: Apache-2.0
// What decides parts of a box where a network is linear: linear programs in rationals and in double, and questions that
// other verifiers have been seen to get wrong. Answers without an exact truth are in soundness_test.cpp.
#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <crown/cube_program.hpp>
#include <crown/exact_numbers.hpp>
#include <crown/rational.hpp>
#include <crown/search.hpp>
#include <crown/second_look.hpp>
#include <crown/verifier.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "exchange/onnx.hpp"
#include "exchange/vnnlib.hpp"
#include "support/judge.hpp"
#include "support/property_cases.hpp"

using namespace espalier;
using namespace espalier::crown;
using namespace espalier::testing;

namespace {

const MayContinue kAlways = [] { return true; };

Functional<Rational> random_functional(std::size_t variables, std::mt19937& random) {
  std::uniform_int_distribution<int> draw(-4, 4);
  Functional<Rational> f;
  for (std::size_t j = 0; j < variables; ++j) f.factors.emplace_back(draw(random));
  f.constant = Rational(draw(random), 4);
  return f;
}

Rational value(const Functional<Rational>& f, const std::vector<Rational>& x) {
  Rational sum = f.constant;
  for (std::size_t j = 0; j < x.size(); ++j) sum += f.factors[j] * x[j];
  return sum;
}

/// The least value of a functional on the whole cube.
Rational least_on_cube(const Functional<Rational>& f) {
  Rational sum = f.constant;
  for (const Rational& factor : f.factors) sum += factor < 0 ? factor : Rational(0);
  return sum;
}

/// objective - sum of weighted rows.
Functional<Rational> remainder(Functional<Rational> objective, const std::vector<Functional<Rational>>& rows,
                               const std::vector<Rational>& weights) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    objective.constant -= weights[i] * rows[i].constant;
    for (std::size_t j = 0; j < rows[i].factors.size(); ++j) objective.factors[j] -= weights[i] * rows[i].factors[j];
  }
  return objective;
}

/// A network x -> (a x0 + b, 0, ...) through `layers` ReLU layers of one neuron whose weights multiply to 1.
Network one_neuron_chain(int layers, float first, float shift) {
  NetworkBuilder builder({1});
  float left = 1;
  for (int i = 0; i < layers; ++i) {
    builder.linear({{i == 0 ? first : 1.0F}}, {0});
    if (i == 0) left = 1 / first;
    builder.add(Relu{});
  }
  builder.linear({{left}, {0}}, {shift, 0});
  return builder.build();
}

/// A dense network of two inputs, every hidden weight times `scale` and the last ones divided by it.
Network scaled_network(float scale, std::uint32_t seed) {
  std::mt19937 random(seed);
  NetworkBuilder builder({2});
  const auto add = [&](std::int64_t in, std::int64_t out, float by, float bias_by) {
    Linear op = random_linear(in, out, 1, random);
    op.weight = changed(op.weight, [=](float w) { return w * by; });
    op.bias = changed(op.bias, [=](float b) { return b * bias_by; });
    builder.add(std::move(op));
  };
  add(2, 4, scale, scale);
  builder.add(Relu{});
  add(4, 3, 1, scale);
  builder.add(Relu{});
  add(3, 2, 1 / scale, 1);
  return builder.build();
}

RobustnessQuestion about(const std::string& what, Network network, std::vector<float> centre, double epsilon) {
  RobustnessQuestion q{.what = what, .network = std::move(network), .centre = std::move(centre), .epsilon = epsilon};
  q.label = argmax(q.network.forward(std::vector<double>(q.centre.begin(), q.centre.end())));
  return q;
}

/// Every hostile network with the margins that are the hardest to tell.
std::vector<RobustnessQuestion> hostile_questions() {
  std::vector<RobustnessQuestion> all;
  for (const float scale : {1.0F, 1e-8F, 1e-30F, 1e30F}) {
    for (const double epsilon : {0.0, 0.2, 1.0, 7.0}) {
      for (const double margin : {1e-6, -1e-6, 0.0}) {
        RobustnessQuestion q = about(fmt::format("weights of {:g}, epsilon {}", scale, epsilon),
                                     scaled_network(scale, 11), {0.4F, 0.6F}, epsilon);
        plant(q, margin);
        all.push_back(std::move(q));
      }
    }
    all.push_back(
        about(fmt::format("one neuron a layer, {:g}", scale), one_neuron_chain(3, scale, -0.25F), {0.5F}, 0.2));
  }
  NetworkBuilder zero({2});
  zero.linear({{0, 0}, {0, 0}}, {0, 0});
  zero.add(Relu{});
  zero.linear({{1, 1}, {1, -1}}, {0.5F, 0.25F});
  all.push_back(about("a layer of zeros", zero.build(), {0.5F, 0.5F}, 0.3));
  std::mt19937 random(3);
  for (const float gamma : {0.0F, 1e-8F, 1e-30F}) {
    NetworkBuilder builder({2});
    builder.add(random_linear(2, 3, 1, random));
    BatchNorm norm = rational_batch_norm(3, random);
    norm.gamma = changed(norm.gamma, [=](float) { return gamma; });
    builder.add(norm);
    builder.add(Relu{});
    builder.add(random_linear(3, 2, 1, random));
    all.push_back(about(fmt::format("gammas of {:g}", gamma), builder.build(), {0.5F, 0.5F}, 0.2));
  }
  for (const double margin : {1e-3, -1e-3, 0.0}) {
    NetworkBuilder builder({2});
    builder.add(random_linear(2, 3, 1, random));
    add_vanishing(builder, 3, random);
    builder.add(Relu{});
    builder.add(random_linear(3, 2, 1, random));
    RobustnessQuestion q =
        about(fmt::format("a weight of 1e-46, margin {}", margin), builder.build(), {0.5F, 0.5F}, 0.2);
    plant(q, margin);
    all.push_back(std::move(q));
  }
  return all;
}

/// The same question as a property: some class scores at least as high as the label.
Property property_of(const RobustnessQuestion& q) {
  Property p;
  p.inputs = element_count(q.network.input_shape());
  p.outputs = element_count(q.network.output_shape());
  Property::Box box;
  for (const float c : q.centre) {
    box.low.push_back(std::max(c - q.epsilon, 0.0));
    box.high.push_back(std::min(c + q.epsilon, 1.0));
  }
  p.boxes = {box};
  for (const OutputConstraint& rival : q.rivals()) p.cases.push_back({.box = 0, .constraints = {rival}});
  return p;
}

/// The first of two outputs is at most `limit` somewhere in [low, high].
Property one_output_at_most(double low, double high, double limit) {
  Property p;
  p.inputs = 1;
  p.outputs = 2;
  p.boxes = {{{low}, {high}}};
  p.cases = {{.box = 0, .constraints = {{.terms = {{0, 1}}, .limit = limit}}}};
  return p;
}

}  // namespace

TEST_CASE("a linear program in rationals is solved: its point is feasible, and its weights prove that none is lower") {
  std::mt19937 random(1);
  int empty = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const std::size_t variables = 1 + random() % 5;
    const Functional<Rational> objective = random_functional(variables, random);
    std::vector<Functional<Rational>> rows(random() % 6);
    for (auto& row : rows) row = random_functional(variables, random);
    CubeProgram<Rational> program(objective, rows);
    const auto end = program.solve(kAlways);
    const std::vector<Rational> weights = program.weights();
    CHECK(std::ranges::all_of(weights, [](const Rational& w) { return w >= 0; }));
    if (end == CubeProgram<Rational>::End::empty) {
      ++empty;
      const Functional<Rational> none{std::vector<Rational>(variables, Rational(0)), Rational(0)};
      CHECK(program.lack() > 0);
      CHECK(least_on_cube(remainder(none, rows, weights)) >= program.lack());
      continue;
    }
    REQUIRE(end == CubeProgram<Rational>::End::optimal);
    const std::vector<Rational> x = program.point();
    CHECK(std::ranges::all_of(x, [](const Rational& t) { return t >= 0 && t <= 1; }));
    CHECK(std::ranges::all_of(rows, [&](const auto& row) { return value(row, x) >= 0; }));
    CHECK(value(objective, x) == program.least());
    CHECK(least_on_cube(remainder(objective, rows, weights)) == program.least());
  }
  CHECK(empty > 50);
}

TEST_CASE("a linear program ends when it is told to") {
  CubeProgram<Rational> program({{Rational(1)}, Rational(0)}, {{{Rational(2)}, Rational(-1)}});
  CHECK(program.solve([] { return false; }) == CubeProgram<Rational>::End::stopped);
}

TEST_CASE("ratios become doubles") {
  CHECK(nearest(Rational(1, 4)) == 0.25);
  CHECK(nearest(Rational(-1, 3)) == doctest::Approx(-1.0 / 3));
  CHECK(nearest(Rational(5e-324)) == 5e-324);
  CHECK(nearest(Rational(1e300) * Rational(1e300)) == HUGE_VAL);
  CHECK(nearest(Rational(1e300) * Rational(1e300) / (Rational(2e300) * Rational(1e300))) == 0.5);
  for (const Rational& x : {Rational(1, 3), Rational(-1, 3), Rational(2, 7) * Rational(1e200)}) {
    CHECK(Rational(at_most(x)) <= x);
    CHECK(nearest(x - Rational(at_most(x))) <= 1e-15 * std::abs(nearest(x)));
  }
  CHECK(at_most(Rational(1e300) * Rational(1e300)) < HUGE_VAL);
  CHECK(simplest(Rational(-1), Rational(1, 3)) == 0.0);
  CHECK(simplest(Rational(1, 3), Rational(2, 3)) == 0.5);
  CHECK(simplest(Rational(-7, 10), Rational(-3, 5)) == -0.625);
  CHECK(simplest(Rational(5), Rational(9)) == 8.0);
  CHECK(simplest(Rational(0.1), Rational(0.1)) == 0.1);
  CHECK_FALSE(simplest(Rational(1, 3), Rational(1, 3)));
  CHECK(middle(Rational(1, 3), Rational(2, 3)) == 0.5);
  CHECK(middle(Rational(0.1), Rational(0.1)) == 0.1);
  CHECK_FALSE(middle(Rational(1, 3), Rational(1, 3)));
  CHECK(exact_root(Rational(9, 4)) == Rational(3, 2));
  CHECK_FALSE(exact_root(Rational(2)));
}

TEST_CASE("means, quotients and batch norms with rational roots are known exactly, other roots are not") {
  std::mt19937 random(2);
  const auto numbers_of = [](const Network& network, int value, auto check) {
    const abstract::Graph graph(network);
    const ExactNumbers numbers(network, graph);
    REQUIRE(numbers.usable());
    check(*numbers.of(value));
  };
  NetworkBuilder pool({1, 1, 3});
  pool.add(AvgPool{.kernel = {1, 3}, .stride = {1, 1}});
  numbers_of(pool.build(), 1, [](const ExactMap& map) { CHECK(map.weights.at(0) == Rational(1, 3)); });
  NetworkBuilder quotient({1});
  quotient.add(Affine{.scale = Tensor::of<float>({1}, {2}),
                      .shift = Tensor::of<float>({1}, {1}),
                      .divisor = Tensor::of<float>({1}, {3})});
  numbers_of(quotient.build(), 1, [](const ExactMap& map) { CHECK(map.weights.at(0) == Rational(2, 3)); });
  NetworkBuilder norm({1});
  const auto of = [](float x) { return Tensor::of<float>({1}, {x}); };
  norm.add(BatchNorm{.gamma = of(1), .beta = of(0.5F), .mean = of(3), .variance = of(2), .epsilon = 0.25});
  numbers_of(norm.build(), 1, [](const ExactMap& map) {
    CHECK(map.weights.at(0) == Rational(2, 3));
    CHECK(map.bias.at(0) == Rational(-3, 2));
  });
  NetworkBuilder rough({1});
  rough.add(BatchNorm{.gamma = of(1), .beta = of(0), .mean = of(0), .variance = of(2), .epsilon = 0});
  const Network network = rough.build();
  const abstract::Graph graph(network);
  CHECK_FALSE(ExactNumbers(network, graph).usable());
}

TEST_CASE("hostile numbers: no answer is wrong, and every question is decided") {
  for (const RobustnessQuestion& q : hostile_questions()) {
    INFO(q.what);
    const Fraction margin = q.smallest_margin();
    const Judged robust = stage_answers("crown.verify")(q);
    CHECK((robust.verdict == Verdict::robust) == (margin.sign() > 0));
    // A tie of ratios may have no double.
    const bool unshown = margin.sign() <= 0 && robust.message.starts_with("violated over the reals");
    CHECK((robust.verdict == Verdict::counterexample || robust.verdict == Verdict::robust || unshown));
    const PropertyQuestion p{.what = q.what, .network = q.network, .property = property_of(q)};
    const Judged property = property_stage_answers("crown.property")(p);
    const bool can_happen = p.can_happen();
    CHECK((property.verdict != Verdict::robust || !can_happen));
    CHECK((property.verdict != Verdict::counterexample || can_happen));
    CHECK((property.verdict != Verdict::unknown || property.message.find("decimals") != std::string::npos));
  }
}

TEST_CASE("equal bounds and empty boxes") {
  const Network network = one_neuron_chain(2, 1, -0.25F);  // max(0, x) - 0.25
  const auto ask = [&](double low, double high, double limit) {
    return Verifier(network).decide(one_output_at_most(low, high, limit), 1, [] { return 0.0; }).verdict;
  };
  CHECK(ask(0.5, 0.5, 0.25) == Verdict::counterexample);
  CHECK(ask(0.5, 0.5, 0.24) == Verdict::robust);
  CHECK(ask(0.5, 0.4, 0.25) == Verdict::robust);  // no input
}

TEST_CASE("a violation between two floats has a double for a witness") {
  NetworkBuilder builder({1});
  builder.linear({{3}, {0}}, {-1, 0});  // at most 0 up to the ratio 1 / 3
  const double end = 1.0 / 3;
  REQUIRE(Rational(end) * 3 < 1);
  const RobustnessQuestion q{.what = "", .network = builder.build(), .centre = {0.5F}, .epsilon = 0.5 - end};
  const Judged answer = stage_answers("crown.verify")(q);
  CHECK(answer.verdict == Verdict::counterexample);
  REQUIRE(answer.witness);
  CHECK(answer.witness->front() == end);
  CHECK(q.box().contains(*answer.witness));
}

TEST_CASE("robust says whether it holds in single precision, too") {
  NetworkBuilder builder({1});
  builder.linear({{1}, {0}}, {0, 0});
  const Network network = builder.build();
  const auto message = [&](float centre, double epsilon) {
    const RobustnessQuestion q{.what = "", .network = network, .centre = {centre}, .epsilon = epsilon};
    const Judged answer = stage_answers("crown.verify")(q);
    CHECK(answer.verdict == Verdict::robust);
    return answer.message;
  };
  CHECK(message(0.5F, 0.25).empty());
  CHECK(message(0.5F, 0.5 - 1e-9).starts_with("over the reals; in float32 inference the margin may be off by "));
  for (const char* stage : {"crown.property", "abstract.property"}) {
    CHECK(property_stage_answers(stage)(
              {.what = "", .network = network, .property = one_output_at_most(0.25, 0.5, 0.125)})
              .message == "over the reals, and in float32 inference too");
    CHECK(property_stage_answers(stage)(
              {.what = "", .network = network, .property = one_output_at_most(0.5, 0.25, 0.125)})
              .message == "the property admits no input");
    const Property narrow = one_output_at_most(0.25, 0.5, 0.25 - 1e-9);
    const Judged answer = property_stage_answers(stage)({.what = "", .network = network, .property = narrow});
    CHECK(answer.verdict == Verdict::robust);
    CHECK(answer.message.starts_with("over the reals; in float32 inference a constraint may be off by "));
  }
}

TEST_CASE("bounds in double hold for every sample of a part, whatever its slopes and multipliers are") {
  std::mt19937 random(6);
  std::uniform_real_distribution<float> unit(0, 1);
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    const Network network = random_chain({12, 6}, seed, {1, 3, 3}, 3);
    const abstract::Graph graph(network);
    const std::vector<double> start = random_input(network, random);
    const std::vector<float> centre(start.begin(), start.end());
    const abstract::Box box(centre, 0.2, {-10, 10});
    const auto root = make_root(graph, box, {}, nullptr, {}, kAlways);
    REQUIRE(root);
    const std::vector<Goal> goals{{.factors = {1, -1, 0}}};
    const std::vector<std::size_t> case_of{0};
    const InputTrial none{.box = {}, .look = [](std::size_t, std::span<const double>) { return false; }};
    const SecondLook look(*root, goals, case_of, none, kAlways);
    for (int i = 0; i < 40; ++i) {
      std::vector<double> x;
      for (const auto& [low, high] : box.hull()) x.push_back(low + static_cast<double>(unit(random)) * (high - low));
      const auto values = ExactNetwork<double>(network).values(x);
      Domain domain;  // some phases that the sample has
      for (int n = 0; n < root->program.neurons(); ++n) {
        domain.slopes.push_back(Domain::packed(unit(random)));
        const NeuronId id = root->program.id(n);
        const double z = values[static_cast<std::size_t>(id.value)][static_cast<std::size_t>(id.element)];
        if (unit(random) < 0.5F) continue;
        domain.literals.push_back({n, z >= 0 ? 1 : -1});
        domain.multipliers.push_back(unit(random));
      }
      CHECK(look.bound(domain) <= values.back()[0] - values.back()[1] + 1e-12);
    }
  }
}

TEST_CASE("little memory changes how long a search takes and not what it finds") {
  std::mt19937 random(4);
  for (int i = 0; i < 60; ++i) {
    const RobustnessQuestion q = random_robustness_question(random);
    const std::vector<double> low(q.centre.begin(), q.centre.end());
    const abstract::Box box(q.centre, q.epsilon, {0, 1});
    const abstract::Question question{.label = q.label, .target = q.target, .box = &box};
    const auto verdict = [&](std::size_t memory) {
      return Verifier(q.network, memory).decide(question, 1, [] { return 0.0; }).verdict;
    };
    CHECK(verdict(1) == verdict(kDefaultMemory));
  }
}

TEST_CASE("published questions on which a complete verifier was wrong") {
  const std::string folder = cases_folder();
  if (folder.empty()) {
    MESSAGE("skipped: ESPALIER_CASES does not name the folder of cases");
    return;
  }
  for (const auto& [model, asked] :
       {std::pair{"a.onnx", "a.vnnlib"}, std::pair{"a.onnx", "b.vnnlib"}, std::pair{"c.onnx", "c.vnnlib"}}) {
    const Network network = exchange::read_onnx(folder + "/soundness/" + model);
    const Property property = exchange::read_vnnlib(folder + "/soundness/" + asked);
    const Decision answer = Verifier(network).decide(property, 1, [] { return 0.0; });
    CHECK(answer.verdict == Verdict::counterexample);
    REQUIRE(answer.witness);
    CHECK(replay(network, *answer.witness, property).over_reals == Holds::yes);
  }
}

TEST_CASE("weights that are no numbers are refused by name") {
  for (const float bad : {std::nanf(""), HUGE_VALF}) {
    NetworkBuilder builder({1});
    builder.linear({{bad}, {0}}, {0, 0});
    CHECK_THROWS_WITH_AS(builder.build(), doctest::Contains("weight[0] is "), Error);
  }
}
