// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

namespace espalier::train {

/// Counts for how many epochs in a row a loss has not become better: lower than the best so far by more than a relative
/// 1e-4, as LibTorch's ReduceLROnPlateau judges it. A loss that is not a number is never better.
class Plateau {
 public:
  /// Tells the loss of one epoch; returns true when this is more than `patience` epochs without a better one. The count
  /// then starts again, the best loss stays.
  bool exceeds(double loss, int patience) {
    if (loss < best_ * (1.0 - kThreshold)) {
      best_ = loss;
      epochs_ = 0;
      return false;
    }
    if (++epochs_ <= patience) return false;
    epochs_ = 0;
    return true;
  }

 private:
  static constexpr double kThreshold = 1e-4;
  double best_ = std::numeric_limits<double>::infinity();
  int epochs_ = 0;
};

/// When the learning rate drops and when training ends. Guidotti et al. 2020, section 5.1.
class Schedule {
 public:
  struct Rules {
    double learning_rate = 0.1;  ///< at the start
    double factor = 0.1;
    int patience = 3;        ///< the rate drops after more than so many epochs without a better loss
    int stop_patience = 10;  ///< training ends after more than so many
  };
  explicit Schedule(const Rules& rules) : rules_(rules), learning_rate_(rules.learning_rate) {}

  /// Tells the monitored loss of one epoch.
  void observe(double loss) {
    if (for_rate_.exceeds(loss, rules_.patience)) learning_rate_ *= rules_.factor;
    if (for_end_.exceeds(loss, rules_.stop_patience)) ended_ = true;
  }
  double learning_rate() const { return learning_rate_; }
  bool ended() const { return ended_; }

 private:
  Rules rules_;
  double learning_rate_;
  bool ended_ = false;
  Plateau for_rate_;
  Plateau for_end_;
};

}  // namespace espalier::train
