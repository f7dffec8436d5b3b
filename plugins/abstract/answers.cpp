// SPDX-License-Identifier: Apache-2.0
#include "answers.hpp"

#include <chrono>
#include <limits>
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

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

void require_classes(const Network& network) {
  if (element_count(network.output_shape()) >= 2) return;
  throw Error(Code::unsupported, "the network has one output; robustness needs at least two classes",
              "give a network that classifies");
}

/// Collects verdict rows and witnesses.
class Collector {
 public:
  Collector(std::string solver, double budget_s) {
    verdicts_.solver = std::move(solver);
    verdicts_.budget_s = budget_s;
  }

  void add(const Instances::Row& row, double epsilon, Answer answer, double seconds) {
    for (const auto& [name, value] : answer.numbers) {
      std::vector<double>& values = verdicts_.numbers[name];
      values.resize(verdicts_.rows.size(), kNothing);
      values.push_back(value);
    }
    if (answer.witness) {
      verdicts_.witness_rows.push_back(static_cast<std::int64_t>(verdicts_.rows.size()));
      points_.insert(points_.end(), answer.witness->begin(), answer.witness->end());
    } else if (answer.fine_witness) {
      verdicts_.witness_rows.push_back(static_cast<std::int64_t>(verdicts_.rows.size()));
      points_.insert(points_.end(), answer.fine_witness->begin(), answer.fine_witness->end());
      fine_ = true;
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
    for (auto& [name, values] : verdicts_.numbers) values.resize(verdicts_.rows.size(), kNothing);
    point_shape.insert(point_shape.begin(), static_cast<std::int64_t>(verdicts_.witness_rows.size()));
    verdicts_.witnesses = fine_
                              ? Tensor::of(std::move(point_shape), std::move(points_))
                              : Tensor::of(std::move(point_shape), std::vector<float>(points_.begin(), points_.end()));
    return std::move(verdicts_);
  }

 private:
  Verdicts verdicts_;
  std::vector<double> points_;
  bool fine_ = false;  ///< some are no floats
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

Verdicts answer_all(std::string solver, const VerifyParams& params, Context& ctx, const Answerer& answerer) {
  const auto& network = ctx.in<Network>("network");
  const auto& instances = ctx.in<Instances>("instances");
  require_classes(network);
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

Verdicts verdict_on_property(std::string solver, double budget_s, const Network& network, PropertyVerdict verdict) {
  Verdicts verdicts;
  verdicts.solver = std::move(solver);
  verdicts.budget_s = budget_s;
  verdicts.rows.push_back({.image = 0,
                           .label = 0,
                           .target = {},
                           .epsilon = 0,
                           .verdict = verdict.verdict,
                           .seconds = verdict.seconds,
                           .bound = verdict.bound,
                           .witness_checked = false,
                           .message = std::move(verdict.message)});
  if (verdict.witness) {
    Shape shape = network.input_shape();
    shape.insert(shape.begin(), 1);
    verdicts.witnesses = Tensor::of(std::move(shape), *std::move(verdict.witness));
    verdicts.witness_rows = {0};
  }
  return verdicts;
}

}  // namespace espalier::abstract
