// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/results.hpp>
#include <espalier/stage.hpp>

#include "box.hpp"
#include "loss.hpp"

namespace espalier::attack {

/// What the attacks have in common.
struct Request {
  double epsilon = 0.1;
  std::int64_t limit = 0;
  std::vector<std::int64_t> target;  ///< none or one
  std::int64_t keep = 1000;
};

/// The images under attack and what has been found, one row an image. Scores that decide are computed in double.
class Task {
 public:
  /// Takes the inputs `network`, `dataset` and `instances` of the stage. Throws Error when they do not fit together.
  Task(const Request& request, Context& ctx);

  std::int64_t size() const { return static_cast<std::int64_t>(rows_.size()); }
  std::size_t pixels() const { return pixels_; }
  std::size_t classes() const { return classes_; }
  const Goal& goal(std::int64_t row) const { return goals_[static_cast<std::size_t>(row)]; }
  std::span<const float> centre(std::int64_t row) const;
  /// A pixel's range in the box of some radius around a row's centre.
  PixelRange range(std::int64_t row, std::size_t pixel, double radius) const {
    return {centre(row)[pixel], radius, clip_low_, clip_high_};
  }
  /// Classified correctly, and the goal is not the label itself: worth an attack.
  bool attackable(std::int64_t row) const;
  bool found(std::int64_t row) const { return rows_[static_cast<std::size_t>(row)].found; }

  /// A point and its scores in single precision. True, and the point replaces the one before, when it lies in the box
  /// of radius epsilon and double precision says that it is what the attack wants.
  bool offer(std::int64_t row, std::span<const float> point, std::span<const float> scores);

  Attacks result(std::string method) const;

 private:
  void take_images(const Dataset& dataset, std::int64_t limit);
  void take_instances(const Instances& instances, std::int64_t limit);
  void set_goals();
  void classify(Context& ctx);
  std::vector<double> exact_scores(std::span<const float> point) const;

  const Network& network_;
  Request request_;
  std::size_t pixels_;
  std::size_t classes_;
  double clip_low_ = 0;
  double clip_high_ = 1;
  std::vector<float> centres_;
  std::vector<Goal> goals_;
  std::vector<Attacks::Row> rows_;
  std::map<std::int64_t, std::vector<float>> points_;
};

}  // namespace espalier::attack
