// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "artifact/walk.hpp"

namespace espalier::artifact {

/// Floating point as it is, for Walk: every operation rounds to T, sums run in order of index.
template <class T>
struct Plain {
  struct Number {
    T value = 0;
    Number() = default;
    explicit Number(double x) : value(static_cast<T>(x)) {}
  };

  class Sum {
   public:
    void add(double factor, Number x) { sum_ += static_cast<T>(factor) * x.value; }
    Number take(double bias) const { return Number(static_cast<T>(bias) + sum_); }

   private:
    T sum_ = 0;
  };

  class Norm {
   public:
    explicit Norm(const Channel& channel)
        : gamma_(channel.gamma),
          beta_(channel.beta),
          mean_(channel.mean),
          spread_(std::sqrt(T{channel.variance} + static_cast<T>(channel.epsilon))) {}
    Number operator()(Number x) const { return Number(gamma_ * (x.value - mean_) / spread_ + beta_); }

   private:
    T gamma_;
    T beta_;
    T mean_;
    T spread_;
  };

  /// A NaN stays one: it must reach the output, where every check fails on it.
  static Number relu(Number x) { return x.value < 0 ? Number() : x; }
  static Number plus(Number a, Number b) { return Number(a.value + b.value); }
  static Number divided(Number x, double by) { return Number(x.value / static_cast<T>(by)); }
};

}  // namespace espalier::artifact
