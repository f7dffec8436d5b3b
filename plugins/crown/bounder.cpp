// SPDX-License-Identifier: Apache-2.0
#include "bounder.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "normal_float.hpp"

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
  return std::nextafter(normal_above(safe), HUGE_VALF);
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

Bounder::Bounder(const Program& program, double margin) : program_(&program), support_(program) {
  std::size_t elements = 0;
  int widest = program.value(0).size;
  for (int v = 0; v < program.values(); ++v) {
    offsets_.push_back(elements);
    elements += lanes_of(program.value(v).size);
    widest = std::max(widest, program.value(v).size);
  }
  error_scale_ = margin * program.error_scale();
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
  places_.resize(static_cast<std::size_t>(program.neurons()));
  for (int v = 1; v < program.values(); ++v) {
    const Value& value = program.value(v);
    for (int i = 0; value.relu && i < value.size; ++i) places_[static_cast<std::size_t>(value.neurons + i)] = {v, i};
  }
  // Inputs that objectives do not reach stay there.
  for (int i = 0; i < program.value(0).size; ++i) {
    std::fill_n(points_.data() + at(i, 0), kLanes, program.centre()[static_cast<std::size_t>(i)]);
  }
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
  support_.follow(place, objective_support(place));
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
    keep_best(place, i == 0);
    if (effort.mean_point && 2 * i >= effort.iterations) add_to_mean(1.0F / static_cast<float>(effort.iterations / 2));
    if (reached_all(lanes, effort.pairs, thresholds)) return;
    if (i + 1 == effort.iterations) break;
    forward(place);
    ascend(place, effort, i);
  }
  if (effort.mean_point) std::copy(mean_points_.begin(), mean_points_.end(), points_.data());
}

bool Bounder::reached_all(int lanes, bool pairs, std::span<const double> thresholds) const {
  const auto reached = [&](std::size_t l) { return best_[l] > thresholds[l]; };
  for (std::size_t l = 0; l < static_cast<std::size_t>(lanes); ++l) {
    if (!reached(l) && !(pairs && reached(l ^ 1))) return false;
  }
  return true;
}

void Bounder::add_to_mean(float weight) {
  for (std::size_t i = 0; i < mean_points_.size(); ++i) mean_points_[i] += weight * points_[i];
}

/// Elements with a coefficient in some lane.
std::span<const char> Bounder::objective_support(int place) {
  const int size = program_->value(place).size;
  chosen_.assign(static_cast<std::size_t>(size), 0);
  for (int i = 0; i < size; ++i) {
    const float* p = objective_.data() + at(i, 0);
    int others = 0;
    for (int l = 0; l < kLanes; ++l) others += p[l] == 0.0F ? 0 : 1;
    chosen_[static_cast<std::size_t>(i)] = others > 0 ? 1 : 0;
  }
  return chosen_;
}

void Bounder::backward(int place) {
  const Kernels& k = kernels();
  alignas(64) std::array<double, kLanes> constant{};
  alignas(64) std::array<float, kLanes> error{};
  std::fill(touched_.begin(), touched_.end(), 0);
  for (int v = place; v > 0; --v) {
    const Value& value = program_->value(v);
    const float* a = v == place ? objective_.data() : coefficients_.data() + offsets_[static_cast<std::size_t>(v)];
    const float* p = value.relu && v != place ? scratch_.data() : a;
    for (const auto& [begin, end] : support_.runs(v)) {
      const std::size_t first = at(begin, 0);
      const double* bias = value.bias.data() + begin;
      const float* slack = value.slack.data() + begin;
      if (value.relu && v != place) {
        k.relu_back(end - begin, a + first, relaxed(value.neurons + begin), bias, slack, scratch_.data() + first,
                    constant.data(), error.data());
      } else {
        k.affine_back(end - begin, a + first, bias, slack, constant.data(), error.data());
      }
    }
    if (support_.reaches(v)) push(v, p);
  }
  for (const auto& [begin, end] : support_.runs(0)) {
    k.concretise(end - begin, coefficients_.data() + at(begin, 0), program_->centre().data() + begin,
                 program_->radius().data() + begin, points_.data() + at(begin, 0), constant.data());
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
    const Chosen chosen{support_.chosen(place), support_.chosen(edge.source)};
    edge.matrix->backward(p, coefficients_.data() + offsets_[source], touched_[source] != 0, chosen);
    touched_[source] = 1;
  }
}

void Bounder::sum_inputs(int v, const char* chosen) {
  bool add = false;
  for (const Value::Edge& edge : program_->value(v).edges) {
    const float* in =
        edge.source == 0 ? points_.data() : after_.data() + offsets_[static_cast<std::size_t>(edge.source)];
    edge.matrix->forward(in, before_.data() + offsets_[static_cast<std::size_t>(v)], add, chosen);
    add = true;
  }
}

void Bounder::forward(int place) {
  const Kernels& k = kernels();
  for (int v = 1; v <= place; ++v) {
    if (!support_.reaches(v)) continue;
    const Value& value = program_->value(v);
    sum_inputs(v, support_.chosen(v));
    for (const auto& [begin, end] : support_.runs(v)) {
      const std::size_t first = offsets_[static_cast<std::size_t>(v)] + at(begin, 0);
      float* z = before_.data() + first;
      k.add_bias(end - begin, value.rounded_bias.data() + begin, z);
      if (value.relu && v != place) {
        k.relu_relaxed(end - begin, coefficients_.data() + first, z, relaxed(value.neurons + begin),
                       after_.data() + first);
      } else {
        std::copy_n(z, lanes_of(end - begin), after_.data() + first);
      }
    }
  }
}

void Bounder::ascend(int place, const Effort& effort, int iteration) {
  constexpr auto kFirst = static_cast<float>(kFirstDecay);
  constexpr auto kSecond = static_cast<float>(kSecondDecay);
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
    if (!value.relu) continue;
    for (const auto& [begin, end] : support_.runs(v)) {
      const std::size_t here = offsets_[static_cast<std::size_t>(v)] + at(begin, 0);
      const std::size_t n = at(value.neurons + begin, 0);
      kernels().ascend(end - begin, coefficients_.data() + here, before_.data() + here, relaxed(value.neurons + begin),
                       {low_first_.data() + n, low_second_.data() + n, beta_first_.data() + n, beta_second_.data() + n},
                       by, any_split_);
    }
  }
}

/// The first are kept whatever they are: slopes and multipliers of lanes without a bound are asked for, too.
void Bounder::keep_best(int place, bool first) {
  alignas(64) std::array<std::uint32_t, kLanes> better{};
  bool any = false;
  for (std::size_t l = 0; l < kLanes; ++l) {
    better[l] = first || bounds_[l] > best_[l] ? 1 : 0;
    any = any || better[l] != 0;
    if (better[l] == 0) continue;
    best_[l] = bounds_[l];
    best_loss_[l] = losses_[l];
  }
  for (int v = 1; v < place && any; ++v) {
    const Value& value = program_->value(v);
    if (!value.relu) continue;
    for (const auto& [begin, end] : support_.runs(v)) {
      const std::size_t n = at(value.neurons + begin, 0);
      kernels().keep(end - begin, better.data(), low_.data() + n, best_low_.data() + n);
      if (any_split_) kernels().keep(end - begin, better.data(), beta_.data() + n, best_beta_.data() + n);
    }
  }
}

float Bounder::beta(int lane, int neuron) const {
  if (!any_split_) return 0;
  return std::abs(reached(neuron) ? best_beta_[at(neuron, lane)] : beta_[at(neuron, lane)]);
}

const float* Bounder::evaluate() {
  const Kernels& k = kernels();
  const int output = program_->output();
  for (int v = 1; v <= output; ++v) {
    const Value& value = program_->value(v);
    const std::size_t here = offsets_[static_cast<std::size_t>(v)];
    sum_inputs(v, nullptr);
    k.add_bias(value.size, value.rounded_bias.data(), before_.data() + here);
    if (value.relu) {
      k.relu(value.size, before_.data() + here, after_.data() + here);
    } else {
      std::copy_n(before_.data() + here, lanes_of(value.size), after_.data() + here);
    }
  }
  return after_.data() + offsets_[static_cast<std::size_t>(output)];
}

}  // namespace espalier::crown
