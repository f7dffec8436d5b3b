// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "artifact/walk.hpp"

namespace espalier::artifact {

/// Arithmetic in double that carries a bound of its own error along, for Walk. Relies on no rounding mode, on no order
/// of sums and on no denormal numbers; a value that overflows has an infinite or undefined error, which decides
/// nothing.
struct RunningError {
  /// A real number within `error` of `value`.
  struct Number {
    double value = 0;
    double error = 0;
    Number() = default;
    explicit Number(double x) : value(x) {}
    Number(double v, double e) : value(v), error(e) {}
  };

  static constexpr double kUnit = 0x1p-52;    ///< of one operation, in whatever direction it rounds
  static constexpr double kFloor = 0x1p-860;  ///< above what flushing operands and results to 0 can change
  static constexpr double kMostTerms = 0x1p30;
  /// Makes a bound that was itself computed with rounding, in sums of at most kMostTerms terms, hold again.
  static double inflated(double error) { return error * (1 + 0x1p-20); }

  class Sum {
   public:
    void add(double factor, const Number& x) {
      const double product = factor * x.value;
      value_ += product;
      size_ += std::abs(product);
      error_ += std::abs(factor) * x.error;
      terms_ += 1;
    }
    /// Higham, Accuracy and Stability of Numerical Algorithms, section 3.1: a sum of n products is off by at most
    /// n u / (1 - n u) times the sum of their sizes.
    Number take(double bias) const {
      if (!(terms_ < kMostTerms)) return {0, HUGE_VAL};
      const double nu = (terms_ + 2) * kUnit;
      const double rounding = nu / (1 - nu) * (size_ + std::abs(bias)) + terms_ * kFloor;
      return {value_ + bias, inflated(error_ + inflated(rounding))};
    }

   private:
    double value_ = 0;
    double size_ = 0;   ///< of all terms
    double error_ = 0;  ///< that the terms brought along
    double terms_ = 0;
  };

  class Norm {
   public:
    explicit Norm(const Channel& channel)
        : scale_(double{channel.gamma} / std::sqrt(double{channel.variance} + channel.epsilon)),
          mean_(channel.mean),
          beta_(channel.beta) {}
    /// The scale is off by less than 6 units of itself, the result by less than 12 of what is added up.
    Number operator()(const Number& x) const {
      const double size = std::abs(scale_) * (std::abs(x.value) + std::abs(mean_)) + std::abs(beta_);
      const double rounding = 12 * kUnit * size + kFloor;
      return {(x.value - mean_) * scale_ + beta_, inflated(std::abs(scale_) * x.error + inflated(rounding))};
    }

   private:
    double scale_;
    double mean_;
    double beta_;
  };

  /// max(0, x) never moves further than x; of a value that is certainly negative, it does not move.
  static Number relu(const Number& x) {
    if (x.value < -x.error) return {};
    return {x.value < 0 ? 0 : x.value, x.error};
  }
  static Number plus(const Number& a, const Number& b) {
    const double rounding = kUnit * (std::abs(a.value) + std::abs(b.value)) + kFloor;
    return {a.value + b.value, inflated(a.error + b.error + inflated(rounding))};
  }
  static Number divided(const Number& x, double by) {
    const double value = x.value / by;
    return {value, inflated(x.error / std::abs(by) + 2 * kUnit * std::abs(value) + kFloor)};
  }
};

}  // namespace espalier::artifact
