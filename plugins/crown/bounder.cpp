// SPDX-License-Identifier: Apache-2.0
#include "bounder.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace espalier::crown {
namespace {

std::size_t lanes_of(int n) {
  return static_cast<std::size_t>(n) * kLanes;
}

/// The chord above max(0, z) for low < 0 < high. Needs: the slope is the one used, in [0, 1]; the result then holds for
/// every real slope within one float rounding of it, because the multiplication with a coefficient rounds once.
float chord_offset(double low, double high, double slope) {
  // max(0, z) - s z is convex in z, so its maximum lies at an end: -s low or (1 - s) high.
  const double at_ends = std::max(-slope * low, (1 - slope) * high);
  const double safe = at_ends * (1 + 0x1p-21) + 0x1p-23 * slope * high;
  return std::nextafter(static_cast<float>(safe), HUGE_VALF);
}

}  // namespace

Lines::Lines(std::span<const Range> ranges) {
  for (const auto& [l, u, split] : ranges) {
    const bool closed = split < 0 || (split == 0 && u <= 0);
    const bool open = split > 0 || (split == 0 && l >= 0);
    if (split != 0) literals.push_back({static_cast<std::int32_t>(low.size()), split});
    const double width = double{u} - double{l};
    if (closed || open) {
      high.push_back(open ? 1.0F : 0.0F);
      low.push_back(open ? 1.0F : 0.0F);
      offset.push_back(0);
    } else {
      const float slope = std::isfinite(width) ? static_cast<float>(double{u} / width) : 0.0F;
      high.push_back(slope);
      low.push_back(u > -l ? 1.0F : 0.0F);
      offset.push_back(chord_offset(l, u, slope));
    }
  }
}

Bounder::Bounder(const Program& program, double margin) : program_(&program) {
  std::size_t elements = 0;
  int widest = program.value(0).size;
  for (int v = 0; v < program.values(); ++v) {
    offsets_.push_back(elements);
    elements += lanes_of(program.value(v).size);
    widest = std::max(widest, program.value(v).size);
  }
  error_scale_ = margin * (1.001 + 0x1p-22 * static_cast<double>(elements / kLanes));
  coefficients_ = Aligned<float>(elements);
  before_ = Aligned<float>(elements);
  after_ = Aligned<float>(elements);
  objective_ = Aligned<float>(lanes_of(widest));
  scratch_ = Aligned<float>(lanes_of(widest));
  points_ = Aligned<float>(lanes_of(program.value(0).size));
  const std::size_t neurons = lanes_of(program.neurons());
  for (Aligned<float>* a : {&low_, &high_, &offset_, &sign_, &beta_, &best_low_, &best_beta_, &low_first_, &low_second_,
                            &beta_first_, &beta_second_}) {
    *a = Aligned<float>(neurons);
  }
  touched_.resize(static_cast<std::size_t>(program.values()));
}

float* Bounder::objective(int place) {
  std::fill_n(objective_.data(), lanes_of(program_->value(place).size), 0.0F);
  return objective_.data();
}

void Bounder::reset(const Lines& lines) {
  // Lines may know fewer neurons than the program has by now; the others are not in use.
  for (std::size_t n = 0; n < lines.low.size(); ++n) {
    std::fill_n(low_.data() + n * kLanes, kLanes, lines.low[n]);
    std::fill_n(high_.data() + n * kLanes, kLanes, lines.high[n]);
    std::fill_n(offset_.data() + n * kLanes, kLanes, lines.offset[n]);
  }
  beta_.fill(0);
  sign_.fill(0);
  any_split_ = !lines.literals.empty();
  for (const Literal& literal : lines.literals) {
    std::fill_n(sign_.data() + at(literal.neuron, 0), kLanes, static_cast<float>(literal.sign));
  }
}

void Bounder::split(int lane, int neuron, int sign, float multiplier) {
  const std::size_t i = at(neuron, lane);
  low_[i] = high_[i] = sign > 0 ? 1.0F : 0.0F;
  offset_[i] = 0;
  sign_[i] = static_cast<float>(sign);
  beta_[i] = static_cast<float>(sign) * multiplier;
  any_split_ = true;
}

Relaxed Bounder::relaxed(int first_neuron) {
  const std::size_t i = at(first_neuron, 0);
  return {low_.data() + i, high_.data() + i, offset_.data() + i, sign_.data() + i, beta_.data() + i};
}

void Bounder::run(int place, int lanes, const Effort& effort, std::span<const double> thresholds) {
  best_.fill(-HUGE_VAL);
  mean_points_.assign(effort.mean_point ? points_.size() : 0, 0.0F);
  if (effort.iterations > 1) {
    low_first_.fill(0);
    low_second_.fill(0);
    if (any_split_) {
      beta_first_.fill(0);
      beta_second_.fill(0);
    }
  }
  for (int i = 0; i < effort.iterations; ++i) {
    backward(place);
    keep_best(i == 0);
    if (effort.mean_point && 2 * i >= effort.iterations) add_to_mean(1.0F / static_cast<float>(effort.iterations / 2));
    bool done = true;
    for (int l = 0; l < lanes; ++l) {
      done = done && best_[static_cast<std::size_t>(l)] > thresholds[static_cast<std::size_t>(l)];
    }
    if (done) return;
    if (i + 1 == effort.iterations) break;
    forward(place, true);
    ascend(place, effort, i);
  }
  if (effort.mean_point) std::copy(mean_points_.begin(), mean_points_.end(), points_.data());
}

void Bounder::add_to_mean(float weight) {
  for (std::size_t i = 0; i < mean_points_.size(); ++i) mean_points_[i] += weight * points_[i];
}

void Bounder::backward(int place) {
  const Kernels& k = kernels();
  alignas(64) std::array<double, kLanes> constant{};
  alignas(64) std::array<float, kLanes> error{};
  std::fill(touched_.begin(), touched_.end(), 0);
  const Value& start = program_->value(place);
  touched_[static_cast<std::size_t>(place)] = 1;
  k.affine_back(start.size, objective_.data(), start.bias.data(), start.slack.data(), constant.data(), error.data());
  push(place, objective_.data());
  for (int v = place - 1; v > 0; --v) {
    if (touched_[static_cast<std::size_t>(v)] == 0) continue;
    const Value& value = program_->value(v);
    const float* a = coefficients_.data() + offsets_[static_cast<std::size_t>(v)];
    const float* p = a;
    if (value.relu) {
      k.relu_back(value.size, a, relaxed(value.neurons), value.bias.data(), value.slack.data(), scratch_.data(),
                  constant.data(), error.data());
      p = scratch_.data();
    } else {
      k.affine_back(value.size, p, value.bias.data(), value.slack.data(), constant.data(), error.data());
    }
    push(v, p);
  }
  if (touched_[0] != 0) {
    k.concretise(program_->value(0).size, coefficients_.data(), program_->centre().data(), program_->radius().data(),
                 points_.data(), constant.data());
  }
  for (std::size_t l = 0; l < kLanes; ++l) {
    const double loss = error_scale_ * static_cast<double>(error[l]) + program_->underflow();
    const double bound = constant[l] - loss;
    const bool known = std::isfinite(bound);
    bounds_[l] = known ? bound : -HUGE_VAL;
    losses_[l] = known ? static_cast<float>(loss) : HUGE_VALF;
  }
}

void Bounder::push(int place, const float* p) {
  for (const Value::Edge& edge : program_->value(place).edges) {
    const auto source = static_cast<std::size_t>(edge.source);
    edge.matrix->backward(p, coefficients_.data() + offsets_[source], touched_[source] != 0);
    touched_[source] = 1;
  }
}

void Bounder::forward(int place, bool relaxed_network) {
  const Kernels& k = kernels();
  for (int v = 1; v <= place; ++v) {
    if (touched_[static_cast<std::size_t>(v)] == 0) continue;
    const Value& value = program_->value(v);
    const std::size_t here = offsets_[static_cast<std::size_t>(v)];
    float* z = before_.data() + here;
    bool add = false;
    for (const Value::Edge& edge : value.edges) {
      const float* in =
          edge.source == 0 ? points_.data() : after_.data() + offsets_[static_cast<std::size_t>(edge.source)];
      edge.matrix->forward(in, z, add);
      add = true;
    }
    k.add_bias(value.size, value.rounded_bias.data(), z);
    float* y = after_.data() + here;
    if (!value.relu || v == place) {
      std::copy_n(z, lanes_of(value.size), y);
    } else if (relaxed_network) {
      k.relu_relaxed(value.size, coefficients_.data() + here, z, relaxed(value.neurons), y);
    } else {
      k.relu(value.size, z, y);
    }
  }
}

void Bounder::ascend(int place, const Effort& effort, int iteration) {
  constexpr float kFirst = 0.9F;
  constexpr float kSecond = 0.999F;
  const auto step = static_cast<float>(iteration + 1);
  const float decay = std::pow(effort.decay, static_cast<float>(iteration));
  const Ascent by{.alpha_rate = effort.alpha_rate * decay,
                  .beta_rate = effort.beta_rate * decay,
                  .first_decay = kFirst,
                  .second_decay = kSecond,
                  .first_correction = 1 / (1 - std::pow(kFirst, step)),
                  .second_correction = 1 / (1 - std::pow(kSecond, step))};
  for (int v = 1; v < place; ++v) {
    const Value& value = program_->value(v);
    if (touched_[static_cast<std::size_t>(v)] == 0 || !value.relu) continue;
    const std::size_t here = offsets_[static_cast<std::size_t>(v)];
    const std::size_t n = at(value.neurons, 0);
    kernels().ascend(value.size, coefficients_.data() + here, before_.data() + here, relaxed(value.neurons),
                     {low_first_.data() + n, low_second_.data() + n, beta_first_.data() + n, beta_second_.data() + n},
                     by, any_split_);
  }
}

/// The first are kept whatever they are: slopes and multipliers of lanes without a bound are asked for, too.
void Bounder::keep_best(bool first) {
  alignas(64) std::array<std::uint32_t, kLanes> better{};
  bool any = false;
  for (std::size_t l = 0; l < kLanes; ++l) {
    better[l] = first || bounds_[l] > best_[l] ? 1 : 0;
    any = any || better[l] != 0;
    if (better[l] == 0) continue;
    best_[l] = bounds_[l];
    best_loss_[l] = losses_[l];
  }
  if (!any) return;
  kernels().keep(program_->neurons(), better.data(), low_.data(), best_low_.data());
  if (any_split_) kernels().keep(program_->neurons(), better.data(), beta_.data(), best_beta_.data());
}

float Bounder::beta(int lane, int neuron) const {
  return any_split_ ? std::abs(best_beta_[at(neuron, lane)]) : 0;
}

float Bounder::coefficient(int lane, int value, int element) const {
  return coefficients_[offsets_[static_cast<std::size_t>(value)] + at(element, lane)];
}

float Bounder::relaxed_input(int lane, int value, int element) const {
  return before_[offsets_[static_cast<std::size_t>(value)] + at(element, lane)];
}

float Bounder::relaxed_output(int lane, int value, int element) const {
  return after_[offsets_[static_cast<std::size_t>(value)] + at(element, lane)];
}

const float* Bounder::evaluate() {
  std::fill(touched_.begin(), touched_.end(), 1);
  const int output = program_->output();
  forward(output, false);
  return after_.data() + offsets_[static_cast<std::size_t>(output)];
}

}  // namespace espalier::crown
