// SPDX-License-Identifier: Apache-2.0
#include "answers.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>

namespace espalier::abstract {
namespace {

using Clock = std::chrono::steady_clock;

void require_class(std::size_t row, std::string_view what, std::int64_t value, std::int64_t classes) {
  if (value >= 0 && value < classes) return;
  throw Error(Code::request,
              fmt::format("instance {} has {} {}, but the network has {} outputs", row, what, value, classes),
              "the instances were made for another network");
}

/// Collects verdict rows and witnesses.
class Collector {
 public:
  Collector(std::string solver, double budget_s) {
    verdicts_.solver = std::move(solver);
    verdicts_.budget_s = budget_s;
  }

  void add(const Instances::Row& row, double epsilon, Answer answer, double seconds) {
    if (answer.witness) {
      verdicts_.witness_rows.push_back(static_cast<std::int64_t>(verdicts_.rows.size()));
      points_.insert(points_.end(), answer.witness->begin(), answer.witness->end());
    }
    verdicts_.rows.push_back({.image = row.image,
                              .label = row.label,
                              .target = row.target,
                              .epsilon = epsilon,
                              .verdict = answer.verdict,
                              .seconds = seconds,
                              .bound = answer.bound,
                              .witness_checked = false,
                              .message = std::move(answer.message)});
  }

  Verdicts take(Shape point_shape) {
    point_shape.insert(point_shape.begin(), static_cast<std::int64_t>(verdicts_.witness_rows.size()));
    verdicts_.witnesses = Tensor::of(std::move(point_shape), std::move(points_));
    return std::move(verdicts_);
  }

 private:
  Verdicts verdicts_;
  std::vector<float> points_;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Used clock_of(Context& ctx, double budget_s) {
  return [&ctx, budget_s, start = Clock::now()] {
    ctx.check_stop();
    return budget_s == 0 ? 0 : seconds_since(start) / budget_s;
  };
}

void require_fit(const Network& network, const Instances& instances) {
  const Shape& wanted = network.input_shape();
  const Shape& got = instances.centres.shape();
  const std::int64_t classes = element_count(network.output_shape());
  if (classes < 2) throw Error(Code::unsupported, "the network has one output; robustness needs at least two classes");
  if (instances.rows.empty()) return;
  if (Shape(got.begin() + 1, got.end()) != wanted) {
    throw Error(Code::request,
                fmt::format("the centres are {}, but the network takes {}", to_text(got), to_text(wanted)));
  }
  for (std::size_t i = 0; i < instances.rows.size(); ++i) {
    const Instances::Row& row = instances.rows[i];
    require_class(i, "label", row.label, classes);
    if (!row.target) continue;
    require_class(i, "target", *row.target, classes);
    if (*row.target == row.label) {
      throw Error(Code::request, fmt::format("instance {} has target {}, which is its label", i, row.label));
    }
  }
}

Verdicts answer_all(std::string solver, const VerifyParams& params, Context& ctx, const Answerer& answerer) {
  const auto& network = ctx.in<Network>("network");
  const auto& instances = ctx.in<Instances>("instances");
  require_fit(network, instances);
  const auto pixels = static_cast<std::size_t>(element_count(network.input_shape()));
  const auto centres = instances.centres.as<float>();
  Collector collector(std::move(solver), params.budget_s);
  for (std::size_t i = 0; i < instances.rows.size(); ++i) {
    ctx.check_stop();
    const auto start = Clock::now();
    const Instances::Row& row = instances.rows[i];
    const Box box(centres.subspan(i * pixels, pixels), params.epsilon, {instances.clip_low, instances.clip_high});
    Answer answer = answerer({.label = row.label, .target = row.target, .box = &box}, clock_of(ctx, params.budget_s));
    collector.add(row, params.epsilon, std::move(answer), seconds_since(start));
    ctx.progress(static_cast<double>(i + 1), static_cast<double>(instances.rows.size()));
  }
  return collector.take(network.input_shape());
}

}  // namespace espalier::abstract
