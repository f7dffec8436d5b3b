// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "artifact/dyadic.hpp"
#include "artifact/walk.hpp"

namespace espalier::exact {

/// A real number known to lie within `radius` of `middle`. The radius is 0, and the number exact, until a quotient or a
/// root that has no finite binary form enters; from then on middles keep kPrecision bits.
struct Ball {
  Dyadic middle;
  Dyadic radius;

  Ball() = default;
  explicit Ball(double x) : middle(x) {}
  Ball(Dyadic m, Dyadic r) : middle(std::move(m)), radius(std::move(r)) {}
};

inline constexpr std::int64_t kPrecision = 512;

/// Arithmetic over the reals, for artifact::Walk: exact for networks of sums, products and ReLUs.
struct ESPALIER_API Exact {
  using Number = Ball;

  class Sum {
   public:
    void add(double factor, const Ball& x);
    Ball take(double bias) const;

   private:
    Ball sum_;
  };

  class Norm {
   public:
    explicit Norm(const artifact::Channel& channel);
    Ball operator()(const Ball& x) const;

   private:
    Ball scale_;
    Dyadic mean_;
    Dyadic beta_;
  };

  static Ball relu(const Ball& x);
  static Ball plus(const Ball& a, const Ball& b);
  /// Needs: by is finite and not 0.
  static Ball divided(const Ball& x, double by);
};

}  // namespace espalier::exact
