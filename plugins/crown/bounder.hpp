// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "domain.hpp"
#include "effort.hpp"
#include "lanes.hpp"
#include "program.hpp"
#include "support.hpp"

namespace espalier::crown {

/// The lines over every neuron when nothing more is split: what all lanes start from.
struct Lines {
  std::vector<float> low;
  std::vector<float> high;
  std::vector<float> offset;
  std::vector<Literal> literals;  ///< neurons that the program has in a known phase

  /// For neurons [0, ranges.size()). `low` is 1 where the neuron is more open than closed, else 0 (Zhang et al. 2018).
  explicit Lines(std::span<const Range> ranges);
  Lines() = default;
};

/// Certified lower bounds of kLanes linear functions of one value of a program at a time, by backward substitution with
/// the slopes below unstable neurons (alpha; Xu et al. 2021) and the multipliers of split ones (beta; Wang et al. 2021)
/// improved by gradient ascent. Gradients are exact and need no record of operations: the minimiser of the bound is
/// sent forward through the relaxed network. One thread's.
class Bounder {
 public:
  /// `margin`: how many times what rounding can take from a bound is taken.
  explicit Bounder(const Program& program, double margin = 1);

  /// Coefficients of the next run on value `place` before its ReLU, [size x kLanes], to be filled by the caller.
  float* objective(int place);
  /// Every neuron of every lane as `lines` say; their literals are split with multiplier 0.
  void reset(const Lines& lines);
  void set_low(int lane, int neuron, float low) { low_[at(neuron, lane)] = low; }
  float low(int lane, int neuron) const {
    return reached(neuron) ? best_low_[at(neuron, lane)] : low_[at(neuron, lane)];
  }
  float beta(int lane, int neuron) const;  ///< the multiplier of a split neuron
  /// The same, and 0 for one that the objectives do not reach: what the bound rests on.
  float used_beta(int lane, int neuron) const { return reached(neuron) ? beta(lane, neuron) : 0; }
  /// Splits a neuron of one lane: sign +1 is z >= 0, -1 is z <= 0.
  void split(int lane, int neuron, int sign, float multiplier);

  /// Bounds the first `lanes` objectives. Stops early when all exceed their thresholds.
  void run(int place, int lanes, const Effort& effort, std::span<const double> thresholds);

  /// The best certified lower bound of a lane; -infinity when nothing is known.
  double bound(int lane) const { return best_[static_cast<std::size_t>(lane)]; }
  /// What the error terms of float took from it; infinite when nothing is known.
  float loss(int lane) const { return best_loss_[static_cast<std::size_t>(lane)]; }
  /// Of the last iteration: the coefficient on an element of a value after its ReLU, and the point of the box where the
  /// bound is attained, [inputs x kLanes].
  float coefficient(int lane, int value, int element) const { return at(coefficients_, lane, value, element); }
  float* minimisers() { return points_.data(); }
  float offset(int lane, int neuron) const { return offset_[at(neuron, lane)]; }
  /// The neurons' inputs where the relaxed network attains the bound. Needs: relax() after run().
  float relaxed_input(int lane, int value, int element) const { return at(before_, lane, value, element); }
  float relaxed_output(int lane, int value, int element) const { return at(after_, lane, value, element); }
  bool is_split(int lane, int neuron) const { return sign_[at(neuron, lane)] != 0; }
  void relax(int place) { forward(place); }

  /// The network's outputs at the minimisers, [outputs x kLanes]; overwrites what relax() found.
  const float* evaluate();

 private:
  static std::size_t at(int neuron, int lane) {
    return static_cast<std::size_t>(neuron) * kLanes + static_cast<std::size_t>(lane);
  }
  std::span<const char> objective_support(int place);
  void backward(int place);
  void push(int place, const float* p);
  void forward(int place);
  /// What the objectives do not reach is 0, whatever the arrays hold.
  float at(const Aligned<float>& all, int lane, int value, int element) const {
    return support_.has(value, element) ? all[offsets_[static_cast<std::size_t>(value)] + at(element, lane)] : 0.0F;
  }
  bool reached(int neuron) const {
    const auto& [value, element] = places_[static_cast<std::size_t>(neuron)];
    return support_.has(value, element);
  }
  void ascend(int place, const Effort& effort, int iteration);
  void sum_inputs(int value, const char* chosen);
  bool reached_all(int lanes, bool pairs, std::span<const double> thresholds) const;
  void keep_best(int place, bool first);
  void add_to_mean(float weight);
  Relaxed relaxed(int first_neuron);

  const Program* program_;
  Support support_;
  std::vector<std::size_t> offsets_;         ///< of each value in the arrays over all elements
  std::vector<std::pair<int, int>> places_;  ///< of each neuron: its value, and its element there
  std::vector<char> chosen_;                 ///< elements of an objective
  Aligned<float> coefficients_;              ///< a, of every element after its ReLU
  Aligned<float> before_;                    ///< z
  Aligned<float> after_;                     ///< y
  Aligned<float> objective_;
  Aligned<float> scratch_;
  Aligned<float> points_;
  std::vector<float> mean_points_;
  Aligned<float> low_, high_, offset_, sign_, beta_;
  Aligned<float> best_low_, best_beta_;
  Aligned<float> low_first_, low_second_, beta_first_, beta_second_;
  std::vector<char> touched_;  ///< whether a value's coefficients hold something to add to
  std::array<double, kLanes> bounds_{};
  std::array<double, kLanes> best_{};
  std::array<float, kLanes> losses_{};
  std::array<float, kLanes> best_loss_{};
  double error_scale_ = 1;  ///< see Program, with the margin
  bool any_split_ = false;
};

}  // namespace espalier::crown
