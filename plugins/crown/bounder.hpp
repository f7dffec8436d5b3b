// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "domain.hpp"
#include "effort.hpp"
#include "lanes.hpp"
#include "program.hpp"

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
  explicit Bounder(const Program& program);

  /// Coefficients of the next run on value `place` before its ReLU, [size x kLanes], to be filled by the caller.
  float* objective(int place);
  /// Every neuron of every lane as `lines` say; their literals are split with multiplier 0.
  void reset(const Lines& lines);
  void set_low(int lane, int neuron, float low) { low_[at(neuron, lane)] = low; }
  float low(int lane, int neuron) const { return best_low_[at(neuron, lane)]; }
  float beta(int lane, int neuron) const;  ///< the multiplier of a split neuron
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
  float coefficient(int lane, int value, int element) const;
  float* minimisers() { return points_.data(); }
  float offset(int lane, int neuron) const { return offset_[at(neuron, lane)]; }
  /// The neurons' inputs where the relaxed network attains the bound. Needs: relax() after run().
  float relaxed_input(int lane, int value, int element) const;
  float relaxed_output(int lane, int value, int element) const;
  bool is_split(int lane, int neuron) const { return sign_[at(neuron, lane)] != 0; }
  void relax(int place) { forward(place, true); }

  /// The network's outputs at the minimisers, [outputs x kLanes]; overwrites what relax() found.
  const float* evaluate();

 private:
  static std::size_t at(int neuron, int lane) {
    return static_cast<std::size_t>(neuron) * kLanes + static_cast<std::size_t>(lane);
  }
  void backward(int place);
  void push(int place, const float* p);
  void forward(int place, bool relaxed);
  void ascend(int place, const Effort& effort, int iteration);
  void keep_best(bool first);
  void add_to_mean(float weight);
  Relaxed relaxed(int first_neuron);

  const Program* program_;
  std::vector<std::size_t> offsets_;  ///< of each value in the arrays over all elements
  Aligned<float> coefficients_;       ///< a, of every element after its ReLU
  Aligned<float> before_;             ///< z
  Aligned<float> after_;              ///< y
  Aligned<float> objective_;
  Aligned<float> scratch_;
  Aligned<float> points_;
  std::vector<float> mean_points_;
  Aligned<float> low_, high_, offset_, sign_, beta_;
  Aligned<float> best_low_, best_beta_;
  Aligned<float> low_first_, low_second_, beta_first_, beta_second_;
  std::vector<char> touched_;
  std::array<double, kLanes> bounds_{};
  std::array<double, kLanes> best_{};
  std::array<float, kLanes> losses_{};
  std::array<float, kLanes> best_loss_{};
  double error_scale_ = 1;  ///< makes a sum of errors in float, one an element, no less than the real one
  bool any_split_ = false;
};

}  // namespace espalier::crown
