// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fit.hpp>
#include <espalier/results.hpp>

#include "question.hpp"

namespace espalier::abstract {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

void verify(std::string solver, Domain domain, const VerifyParams& params, Context& ctx) {
  const auto& network = ctx.in<Network>("network");
  const auto& instances = ctx.in<Instances>("instances");
  require_classes(network);
  require_fit(network, instances);
  const Verifier verifier(network);
  const auto pixels = static_cast<std::size_t>(element_count(network.input_shape()));
  const auto centres = instances.centres.as<float>();
  Collector collector(std::move(solver), params.budget_s);
  for (std::size_t i = 0; i < instances.rows.size(); ++i) {
    ctx.check_stop();
    const auto start = Clock::now();
    const Instances::Row& row = instances.rows[i];
    const Box box(centres.subspan(i * pixels, pixels), params.epsilon, {instances.clip_low, instances.clip_high});
    const MayContinue in_budget = [&] {
      ctx.check_stop();
      return params.budget_s == 0 || seconds_since(start) < params.budget_s;
    };
    Answer answer = verifier.answer({.label = row.label, .target = row.target, .box = &box}, domain, in_budget);
    collector.add(row, params.epsilon, std::move(answer), seconds_since(start));
    ctx.progress(static_cast<double>(i + 1), static_cast<double>(instances.rows.size()));
  }
  ctx.out("verdicts", collector.take(network.input_shape()));
}

}  // namespace

void verify_with_intervals(const VerifyParams& params, Context& ctx) {
  verify("abstract.intervals", Domain::intervals, params, ctx);
}

void verify_with_deeppoly(const VerifyParams& params, Context& ctx) {
  verify("abstract.deeppoly", Domain::deeppoly, params, ctx);
}

}  // namespace espalier::abstract
