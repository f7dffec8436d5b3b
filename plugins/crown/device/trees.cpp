// SPDX-License-Identifier: Apache-2.0
#include "trees.hpp"

#include <limits>
#include <tuple>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/where.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include "retry.hpp"
#include "tensors.hpp"

namespace espalier::crown::device {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Lanes that keep a GPU busy; more only take memory. A CPU is busy when its caches are full.
constexpr std::int64_t kMostLanes = 1 << 16;
constexpr std::int64_t kMostCpuLanes = 512;
/// Points that a round shows to the host at most.
constexpr std::int64_t kMostPoints = 16;
/// Rows that stay free for every domain that is split when memory is filling up: deep enough for a dive.
constexpr std::int64_t kDepth = 64;

/// What every call sets on its thread.
struct Setting {
  explicit Setting(int threads) {
    if (at::get_num_threads() != threads) at::set_num_threads(threads);
  }
  c10::InferenceMode mode{true};
};

at::Tensor smallest_of(const at::Tensor& bounds, const at::Tensor& which) {
  const at::Tensor some = at::where(which, bounds, kInfinity);
  return some.numel() == 0 ? some.new_full({}, kInfinity) : some.min();
}

std::int64_t parents_in(const Model& model, std::size_t memory) {
  const auto lanes = static_cast<std::int64_t>(memory / Bounder::bytes_of_lane(model));
  const std::int64_t most = model.device().is_cpu() ? kMostCpuLanes : kMostLanes;
  return std::clamp<std::int64_t>(lanes, 2, most) / 2;
}

/// Every row so many times, one after the other. (LibTorch's own way waits for the device.)
at::Tensor repeated(const at::Tensor& rows, std::int64_t times) {
  std::vector<std::int64_t> shape = rows.sizes().vec();
  shape.insert(shape.begin() + 1, times);
  return rows.unsqueeze(1).expand(shape).flatten(0, 1);
}

int candidates_in(const Model& model, int wanted) {
  return std::min({wanted, Domain::kMostCandidates, static_cast<int>(model.free.size())});
}

}  // namespace

Trees::Trees(const DeviceProblem& problem, const DeviceOptions& options, const at::Device& device)
    : options_(options),
      model_(problem, device),
      bounder_(model_),
      store_(static_cast<std::int64_t>(model_.free.size()), candidates_in(model_, options.candidates),
             options.memory / 2, device),
      candidates_(candidates_in(model_, options.candidates)),
      most_parents_(parents_in(model_, options.memory / 4)),
      closed_(at::full({}, kInfinity, at::TensorOptions(at::kDouble).device(device))) {}

void Trees::put(const Domains& domains) {
  const Setting setting(options_.threads);
  store_.reserve(static_cast<std::int64_t>(domains.size()));
  store_.put(Rows::from_host(domains, model_.free, candidates_, model_.device()));
}

double Trees::worst() const {
  const Setting setting(options_.threads);
  return store_.worst();
}

double Trees::closed_bound() const {
  return closed_.item<double>();
}

Domains Trees::open_domains() const {
  const Setting setting(options_.threads);
  return store_.on_host().to_host(model_.free, false, model_.neurons);
}

DeviceRound Trees::round(std::int64_t parents) {
  const Setting setting(options_.threads);
  return with_fewer_when_full<c10::OutOfMemoryError>(
      most_parents_, [&](std::int64_t most) { return attempt(std::min(parents, most)); });
}

/// Every parent may leave two children, and is removed after they are put.
std::int64_t Trees::fitting(std::int64_t parents) const {
  if (store_.is_filling()) parents = std::min(parents, std::max<std::int64_t>(1, store_.room() / kDepth));
  return std::min(parents, store_.room() / 2);
}

/// Nothing is changed before everything is known, so that an attempt can be made again with fewer.
DeviceRound Trees::attempt(std::int64_t parents) {
  DeviceRound round;
  store_.reserve(parents);
  const std::int64_t count = std::min(fitting(parents), store_.open());
  if (count == 0) return round;
  const at::Tensor taken = store_.choose(count, !store_.is_filling());
  Children children = branch(store_.at(taken));
  round.bounded = 2 * count;
  at::Tensor closed = at::minimum(closed_, children.closed);
  Rows& rows = children.rows;
  if (rows.size() > 0) bound(rows, closed, round);
  if (rows.size() > 0) {
    const at::Tensor fixed = rows.candidates.select(1, 0).lt(0);
    const at::Tensor for_host = fixed.logical_or(rows.narrow.ge(options_.often));
    round.taken = rows.at(for_host.nonzero().flatten()).to_host(model_.free, true, model_.neurons);
    rows = rows.at(for_host.logical_not().nonzero().flatten());
  }
  store_.put(rows);
  store_.remove(taken);
  closed_ = closed;
  return round;
}

Lanes Trees::lanes_of(const Rows& rows) const {
  return {rows.goal, rows.order.sign().to(at::kFloat), rows.variable.to(at::kFloat)};
}

/// Both sides of every candidate of every parent: [parents, candidates, 2].
at::Tensor Trees::bounds_of_trials(const Rows& parents) {
  const std::int64_t each = 2 * candidates_;
  const Lanes lanes = lanes_of(parents);
  const at::Tensor column = repeated(parents.candidates.flatten(), 2).to(at::kLong).unsqueeze(1);
  const at::Tensor here = at::arange(static_cast<std::int64_t>(model_.free.size()), column.options()).eq(column);
  at::Tensor side = at::empty({candidates_, 2}, lanes.sign.options());
  side.select(1, 0).fill_(1);
  side.select(1, 1).fill_(-1);
  side = side.view({1, each}).expand({parents.size(), each}).reshape({-1, 1});
  const Lanes trials{repeated(lanes.goal, each), at::where(here, side, repeated(lanes.sign, each)),
                     repeated(lanes.variable, each).masked_fill(here, 0)};
  return bounder_.bound_once(trials).view({parents.size(), candidates_, 2});
}

/// Tries the candidates of every parent with one evaluation of both children each, and chooses the best (filtered smart
/// branching, De Palma et al. 2021).
Trees::Trials Trees::try_candidates(const Rows& parents) {
  const std::int64_t a_part = std::max<std::int64_t>(1, 2 * most_parents_ / (2 * candidates_));
  std::vector<at::Tensor> parts;
  for (std::int64_t begin = 0; begin < parents.size(); begin += a_part) {
    const std::int64_t count = std::min(a_part, parents.size() - begin);
    parts.push_back(bounds_of_trials(parents.at(at::arange(begin, begin + count, parents.goal.options()))));
  }
  const at::Tensor bounds = at::cat(parts);
  // What is above 0 is closed and cannot get better.
  const at::Tensor capped = bounds.clamp_max(0);
  const at::Tensor score =
      capped.sum(2).add_(std::get<0>(capped.max(2)), 0.1).clamp_min_(std::numeric_limits<double>::lowest());
  const at::Tensor best = score.masked_fill(parents.candidates.lt(0), -kInfinity).argmax(1, /*keepdim=*/true);
  const at::Tensor both = best.unsqueeze(2).expand({parents.size(), 1, 2});
  return {parents.candidates.gather(1, best).to(at::kLong), bounds.gather(1, both).squeeze(1)};
}

Trees::Children Trees::branch(const Rows& parents) {
  const Trials trials = try_candidates(parents);
  const at::Tensor bounds = trials.bounds.flatten();
  const at::Tensor shut = bounds.gt(0);
  const at::Tensor open = shut.logical_not().nonzero().flatten();
  const at::Tensor parent = open.div(2, "floor");
  Rows children = parents.at(parent);
  const at::Tensor here = at::arange(static_cast<std::int64_t>(model_.free.size()), parent.options())
                              .eq(trials.column.index_select(0, parent));
  const at::Tensor depth = std::get<0>(children.order.abs().max(1, /*keepdim=*/true)).add_(1);
  const at::Tensor side = open.remainder(2).mul_(-2).add_(1).to(at::kShort).unsqueeze(1);
  children.order = at::where(here, depth.mul(side), children.order);
  children.variable.masked_fill_(here, 0);
  return {std::move(children), smallest_of(bounds, shut)};
}

void Trees::bound(Rows& rows, at::Tensor& closed, DeviceRound& round) {
  Lanes lanes = lanes_of(rows);
  rows = rows.at(bounder_.improve(lanes, options_.effort, closed));
  if (rows.size() == 0) return;
  const at::Tensor& best = bounder_.best();
  rows.loss = at::where(best.lt(rows.bound), rows.loss, bounder_.best_loss());
  rows.bound = at::maximum(rows.bound, best);
  const at::Tensor wide = rows.bound.add(rows.loss).le(0);
  rows.narrow = rows.narrow.add(1).clamp_max_(1000).masked_fill_(wide, 0);
  rows.variable = lanes.variable.to(at::kHalf);
  const auto [costs, columns] = bounder_.costs(lanes, options_.gap_weight).topk(candidates_, 1);
  rows.candidates = columns.masked_fill(costs.lt(0), -1).to(at::kInt);
  find_points(lanes, round);
}

/// Where the network, as it is, may fail a goal: the points with the lowest values.
void Trees::find_points(const Lanes& lanes, DeviceRound& round) const {
  const at::Tensor factors = model_.goals.index_select(0, lanes.goal);
  const at::Tensor values =
      bounder_.outputs().mul(factors).sum(1, false, at::kDouble).sub_(model_.thresholds.index_select(0, lanes.goal));
  const auto [lowest, which] = values.topk(std::min(kMostPoints, lanes.size()), 0, /*largest=*/false);
  const auto shown = numbers_of<double>(lowest);
  const std::int64_t count = std::ranges::count_if(shown, [](double value) { return value <= 0; });
  if (count == 0) return;
  const at::Tensor rows = which.index_select(0, lowest.le(0).nonzero().flatten());
  const auto goals = numbers_of<std::int64_t>(lanes.goal.index_select(0, rows));
  const at::Tensor points = bounder_.points().index_select(0, rows).narrow(1, 0, model_.real_inputs).cpu().contiguous();
  for (std::size_t i = 0; i < goals.size(); ++i) {
    const float* first = points.data_ptr<float>() + static_cast<std::int64_t>(i) * model_.real_inputs;
    round.points.push_back({static_cast<std::size_t>(goals[i]), {first, first + model_.real_inputs}});
  }
}

}  // namespace espalier::crown::device
