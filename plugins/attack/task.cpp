// SPDX-License-Identifier: Apache-2.0
#include "task.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <espalier/fit.hpp>

namespace espalier::attack {
namespace {

std::int64_t at_most(std::int64_t limit, std::int64_t available) {
  return limit == 0 ? available : std::min(limit, available);
}

}  // namespace

Task::Task(const Request& request, Context& ctx)
    : network_(ctx.in<Network>("network")),
      request_(request),
      pixels_(static_cast<std::size_t>(element_count(network_.input_shape()))),
      classes_(static_cast<std::size_t>(element_count(network_.output_shape()))) {
  const auto& dataset = ctx.in<Dataset>("dataset");
  require_fit(network_, dataset);
  if (const auto* instances = ctx.in_optional<Instances>("instances")) {
    require_fit(network_, *instances);
    take_instances(*instances, request.limit);
  } else {
    take_images(dataset, request.limit);
  }
  set_goals();
  classify(ctx);
}

void Task::take_images(const Dataset& dataset, std::int64_t limit) {
  const std::int64_t count = at_most(limit, dataset.test.size());
  const auto labels = dataset.test.labels.as<std::int64_t>();
  for (std::int64_t image = 0; image < count; ++image) {
    goals_.push_back({labels[static_cast<std::size_t>(image)], {}});
    rows_.push_back({.image = image});
  }
  const auto bytes = dataset.test.images.as<std::uint8_t>().first(static_cast<std::size_t>(count) * pixels_);
  for (const std::uint8_t byte : bytes) centres_.push_back(static_cast<float>(byte) / 255.0F);
}

void Task::take_instances(const Instances& instances, std::int64_t limit) {
  clip_low_ = instances.clip_low;
  clip_high_ = instances.clip_high;
  const auto count = static_cast<std::size_t>(at_most(limit, static_cast<std::int64_t>(instances.rows.size())));
  for (std::size_t i = 0; i < count; ++i) {
    goals_.push_back({instances.rows[i].label, instances.rows[i].target});
    rows_.push_back({.image = instances.rows[i].image});
  }
  const auto centres = instances.centres.as<float>().first(count * pixels_);
  centres_.assign(centres.begin(), centres.end());
  for (const float c : centres_) {
    if (!(clip_low_ <= c && c <= clip_high_)) {
      throw Error(Code::request,
                  fmt::format("a centre holds {}, outside the range [{}, {}] of a pixel", c, clip_low_, clip_high_),
                  "give instances whose centres lie in their own range");
    }
  }
}

void Task::set_goals() {
  if (request_.target.size() > 1) {
    throw Error(Code::request, fmt::format("'target' holds {} classes", request_.target.size()),
                "give one class, or none for any wrong class");
  }
  for (const std::int64_t target : request_.target) {
    if (target < static_cast<std::int64_t>(classes_)) continue;
    throw Error(Code::request, fmt::format("'target' is {}, but the network has {} outputs", target, classes_),
                "give one of its classes; they count from 0");
  }
  for (std::size_t i = 0; i < goals_.size(); ++i) {
    if (!request_.target.empty()) goals_[i].target = request_.target[0];
    rows_[i].label = goals_[i].label;
  }
}

void Task::classify(Context& ctx) {
  for (std::int64_t row = 0; row < size(); ++row) {
    if (row % 256 == 0) ctx.check_stop();
    Attacks::Row& r = rows_[static_cast<std::size_t>(row)];
    const auto scores = exact_scores(centre(row));
    r.predicted = argmax(scores);
    r.adversarial_class = r.predicted;
    const std::int64_t other = best_other(std::span<const double>(scores), r.label);
    if (other >= 0) r.margin = scores[static_cast<std::size_t>(r.label)] - scores[static_cast<std::size_t>(other)];
  }
}

std::span<const float> Task::centre(std::int64_t row) const {
  return std::span(centres_).subspan(static_cast<std::size_t>(row) * pixels_, pixels_);
}

std::vector<double> Task::exact_scores(std::span<const float> point) const {
  return network_.forward(std::vector<double>(point.begin(), point.end()));
}

bool Task::attackable(std::int64_t row) const {
  const Attacks::Row& r = rows_[static_cast<std::size_t>(row)];
  return classes_ > 1 && r.predicted == r.label && goal(row).target != r.label;
}

bool Task::offer(std::int64_t row, std::span<const float> point, std::span<const float> scores) {
  Attacks::Row& r = rows_[static_cast<std::size_t>(row)];
  double distance = 0;
  for (std::size_t i = 0; i < pixels_; ++i) {
    if (!range(row, i, request_.epsilon).contains(point[i])) return false;
    distance = std::max(distance, std::abs(static_cast<double>(point[i]) - centre(row)[i]));
  }
  const auto label = static_cast<std::size_t>(r.label);
  const auto other = static_cast<std::size_t>(best_other(scores, r.label));
  if (!reached(scores, goal(row))) {
    r.margin = std::min(r.margin, static_cast<double>(scores[label]) - scores[other]);
    return false;
  }
  const auto exact = exact_scores(point);
  const auto best = best_other(std::span<const double>(exact), r.label);
  r.margin = std::min(r.margin, exact[label] - exact[static_cast<std::size_t>(best)]);
  if (!reached(std::span<const double>(exact), goal(row))) return false;
  r.found = true;
  r.adversarial_class = goal(row).target.value_or(best);
  r.distance = distance;
  points_[row] = {point.begin(), point.end()};
  return true;
}

Attacks Task::result(std::string method) const {
  Attacks out;
  out.method = std::move(method);
  out.epsilon = request_.epsilon;
  out.rows = rows_;
  std::vector<float> kept;
  for (const auto& [row, point] : points_) {
    if (static_cast<std::int64_t>(out.point_rows.size()) == request_.keep) break;
    out.point_rows.push_back(row);
    kept.insert(kept.end(), point.begin(), point.end());
  }
  Shape shape{static_cast<std::int64_t>(out.point_rows.size())};
  shape.insert(shape.end(), network_.input_shape().begin(), network_.input_shape().end());
  out.points = Tensor::of(shape, std::move(kept));
  return out;
}

}  // namespace espalier::attack
