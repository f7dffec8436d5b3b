// SPDX-License-Identifier: Apache-2.0
#include "falsifier.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <random>
#include <vector>

#include "kernels.hpp"
#include "team.hpp"

namespace espalier::crown {
namespace {

std::size_t lanes_of(int n) {
  return static_cast<std::size_t>(n) * kLanes;
}

/// One group of lanes on its way down.
class Descent {
 public:
  explicit Descent(const Program& program) : program_(program) {
    std::size_t elements = 0;
    for (int v = 0; v < program.values(); ++v) {
      offsets_.push_back(elements);
      elements += lanes_of(program.value(v).size);
    }
    before_ = Aligned<float>(elements);
    after_ = Aligned<float>(elements);
    gradient_ = Aligned<float>(elements);
    scratch_ = Aligned<float>(elements);
    const auto inputs = static_cast<std::size_t>(program.value(0).size);
    for (std::size_t i = 0; i < inputs; ++i) {
      low_.push_back(program.centre()[i] - program.radius()[i]);
      high_.push_back(program.centre()[i] + program.radius()[i]);
    }
  }

  float* points() { return after_.data(); }
  const std::vector<float>& low() const { return low_; }
  const std::vector<float>& high() const { return high_; }

  /// The outputs at the points, [outputs x kLanes].
  const float* forward() {
    const Kernels& k = kernels();
    for (int v = 1; v < program_.values(); ++v) {
      const Value& value = program_.value(v);
      float* z = at(before_, v);
      bool add = false;
      for (const Value::Edge& edge : value.edges) {
        edge.matrix->forward(at(after_, edge.source), z, add);
        add = true;
      }
      k.add_bias(value.size, value.rounded_bias.data(), z);
      if (value.relu) {
        k.relu(value.size, z, at(after_, v));
      } else {
        std::copy_n(z, lanes_of(value.size), at(after_, v));
      }
    }
    return at(after_, program_.output());
  }

  /// The gradient of objective . outputs at the points of the last forward, [inputs x kLanes].
  const float* backward(const float* objective) {
    std::vector<char> touched(static_cast<std::size_t>(program_.values()), 0);
    const int output = program_.output();
    touched[static_cast<std::size_t>(output)] = 1;
    std::copy_n(objective, lanes_of(program_.value(output).size), at(gradient_, output));
    for (int v = output; v > 0; --v) {
      if (touched[static_cast<std::size_t>(v)] == 0) continue;
      const Value& value = program_.value(v);
      const float* p = at(gradient_, v);
      if (value.relu) {
        kernels().relu_gradient(value.size, p, at(before_, v), scratch_.data());
        p = scratch_.data();
      }
      for (const Value::Edge& edge : value.edges) {
        char& seen = touched[static_cast<std::size_t>(edge.source)];
        edge.matrix->backward(p, at(gradient_, edge.source), seen != 0);
        seen = 1;
      }
    }
    return touched[0] != 0 ? gradient_.data() : nullptr;
  }

 private:
  float* at(Aligned<float>& all, int value) { return all.data() + offsets_[static_cast<std::size_t>(value)]; }

  const Program& program_;
  std::vector<std::size_t> offsets_;
  Aligned<float> before_;
  Aligned<float> after_;
  Aligned<float> gradient_;
  Aligned<float> scratch_;
  std::vector<float> low_;
  std::vector<float> high_;
};

double value_of(const Goal& goal, const float* outputs, std::size_t lane) {
  double sum = 0;
  for (std::size_t i = 0; i < goal.factors.size(); ++i) {
    sum += goal.factors[i] * static_cast<double>(outputs[i * kLanes + lane]);
  }
  return sum - goal.threshold;
}

/// The goal that is furthest from failing, which is the one to push down.
std::pair<const Goal*, double> hardest(const Case& goals, const float* outputs, std::size_t lane) {
  std::pair<const Goal*, double> best{nullptr, -HUGE_VAL};
  for (const Goal& g : goals) {
    const double value = value_of(g, outputs, lane);
    if (best.first == nullptr || value > best.second) best = {&g, value};
  }
  return best;
}

/// Every other restart has another loss: first a random direction of the outputs, which spreads the starts (Tashiro et
/// al. 2020), then the sum of the goals that do not fail yet.
struct Lane {
  std::size_t of_case = 0;
  int restart = 0;
  bool is_other() const { return restart % 2 == 1; }
};
constexpr int kWander = 5;

class Group {
 public:
  Group(const Program& program, std::span<const Case> cases, const TryPoint& try_point)
      : program_(program),
        cases_(cases),
        try_point_(try_point),
        descent_(program),
        objective_(lanes_of(program.value(program.output()).size)) {}

  bool run(std::span<const Lane> lanes, const AttackOptions& options, std::mt19937_64& random,
           const MayContinue& may_continue) {
    start(lanes, random);
    for (int step = 0; step <= options.steps; ++step) {
      if (!may_continue()) return false;
      const float* outputs = descent_.forward();
      if (look(lanes, outputs)) return true;
      if (step < kWander) wander(lanes);
      if (step == options.steps) break;
      const float* gradient = descent_.backward(objective_.data());
      if (gradient == nullptr) return false;
      move(gradient, 0.5 * std::pow(0.02, static_cast<double>(step) / options.steps));
    }
    return false;
  }

 private:
  void start(std::span<const Lane> lanes, std::mt19937_64& random) {
    std::uniform_real_distribution<float> unit(-1, 1);
    const auto inputs = static_cast<std::size_t>(program_.value(0).size);
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t l = 0; l < kLanes; ++l) {
        const bool centred = l >= lanes.size() || lanes[l].restart == 0;
        descent_.points()[i * kLanes + l] = program_.centre()[i] + (centred ? 0 : unit(random) * program_.radius()[i]);
      }
    }
    directions_.resize(objective_.size());
    for (float& d : directions_) d = unit(random);
  }

  /// In place of what look() set.
  void wander(std::span<const Lane> lanes) {
    for (std::size_t l = 0; l < lanes.size(); ++l) {
      if (!lanes[l].is_other()) continue;
      for (std::size_t at = l; at < objective_.size(); at += kLanes) objective_[at] = directions_[at];
    }
  }

  /// Reports points that show their case and sets what to descend on.
  bool look(std::span<const Lane> lanes, const float* outputs) {
    objective_.fill(0);
    for (std::size_t l = 0; l < lanes.size(); ++l) {
      const Case& goals = cases_[lanes[l].of_case];
      const auto [goal, value] = hardest(goals, outputs, l);
      if ((goal == nullptr || value <= 0) && try_point_(lanes[l].of_case, point(l))) return true;
      for (const Goal& g : goals) {
        const bool wanted = lanes[l].is_other() ? value_of(g, outputs, l) > 0 : &g == goal;
        if (!wanted) continue;
        for (std::size_t i = 0; i < g.factors.size(); ++i) {
          objective_[i * kLanes + l] += static_cast<float>(g.factors[i]);
        }
      }
    }
    return false;
  }

  std::vector<float> point(std::size_t lane) {
    std::vector<float> x(static_cast<std::size_t>(program_.value(0).size));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = descent_.points()[i * kLanes + lane];
    return x;
  }

  void move(const float* gradient, double share) {
    const auto inputs = program_.value(0).size;
    steps_.resize(static_cast<std::size_t>(inputs));
    for (std::size_t i = 0; i < steps_.size(); ++i) steps_[i] = -static_cast<float>(share) * program_.radius()[i];
    kernels().sign_step(inputs, gradient, steps_.data(), descent_.low().data(), descent_.high().data(),
                        descent_.points());
  }

  const Program& program_;
  std::span<const Case> cases_;
  const TryPoint& try_point_;
  Descent descent_;
  Aligned<float> objective_;
  std::vector<float> directions_;  ///< random ones, of the outputs
  std::vector<float> steps_;
};

}  // namespace

bool falsify(const Program& program, std::span<const Case> cases, const AttackOptions& options,
             const TryPoint& try_point, const MayContinue& may_continue) {
  std::vector<Lane> lanes;
  for (int r = 0; r < options.restarts; ++r) {
    for (std::size_t c = 0; c < cases.size(); ++c) lanes.push_back({c, r});
  }
  const std::size_t groups = (lanes.size() + kLanes - 1) / kLanes;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> found{false};
  in_parallel(static_cast<int>(std::min(groups, static_cast<std::size_t>(options.threads))), [&](int) {
    Group group(program, cases, try_point);
    for (std::size_t g = next++; g < groups && !found && may_continue(); g = next++) {
      std::mt19937_64 random(options.seed * 1'000'003 + g);
      const std::size_t begin = g * kLanes;
      const std::size_t count = std::min<std::size_t>(kLanes, lanes.size() - begin);
      if (group.run(std::span(lanes).subspan(begin, count), options, random, may_continue)) found = true;
    }
  });
  return found;
}

}  // namespace espalier::crown
