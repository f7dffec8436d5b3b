// SPDX-License-Identifier: Apache-2.0
#include "task.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace espalier::attack {
namespace {

std::int64_t at_most(std::int64_t limit, std::int64_t available) {
  return limit == 0 ? available : std::min(limit, available);
}

void require_fit(const Network& network, const Dataset& dataset) {
  const char* hint = "give the data set that the network was trained on";
  if (element_count(network.input_shape()) != element_count(dataset.image_shape())) {
    throw Error(Code::request,
                fmt::format("the network takes {}, the images of '{}' are {}", to_text(network.input_shape()),
                            dataset.name, to_text(dataset.image_shape())),
                hint);
  }
  if (element_count(network.output_shape()) != static_cast<std::int64_t>(dataset.classes.size())) {
    throw Error(Code::request,
                fmt::format("the network has {} outputs, '{}' has {} classes", element_count(network.output_shape()),
                            dataset.name, dataset.classes.size()),
                hint);
  }
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
  if (instances.centres.size() != static_cast<std::int64_t>(instances.rows.size() * pixels_)) {
    throw Error(Code::request,
                fmt::format("the network takes {}, the instances' centres are {}", to_text(network_.input_shape()),
                            to_text(instances.centres.shape())),
                "give instances that were chosen from the network's data set");
  }
  for (std::size_t i = 0; i < count; ++i) {
    goals_.push_back({instances.rows[i].label, instances.rows[i].target});
    rows_.push_back({.image = instances.rows[i].image});
  }
  const auto centres = instances.centres.as<float>().first(count * pixels_);
  centres_.assign(centres.begin(), centres.end());
  for (const float c : centres_) {
    if (!(clip_low_ <= c && c <= clip_high_)) {
      throw Error(Code::request,
                  fmt::format("a centre holds {}, outside the range [{}, {}] of a pixel", c, clip_low_, clip_high_));
    }
  }
}

void Task::set_goals() {
  if (request_.target.size() > 1) {
    throw Error(Code::request, fmt::format("'target' holds {} classes", request_.target.size()),
                "give one class, or none for any wrong class");
  }
  for (std::size_t i = 0; i < goals_.size(); ++i) {
    Goal& goal = goals_[i];
    if (!request_.target.empty()) goal.target = request_.target[0];
    rows_[i].label = goal.label;
    const auto classes = static_cast<std::int64_t>(classes_);
    const std::int64_t target = goal.target.value_or(0);
    if (target < 0 || target >= classes || goal.label < 0 || goal.label >= classes) {
      throw Error(Code::request, fmt::format("image {} has label {} and target {}, the network has {} classes",
                                             rows_[i].image, goal.label, target, classes));
    }
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
