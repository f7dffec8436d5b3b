// SPDX-License-Identifier: Apache-2.0
#include "box_search.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include <abstract/rounding.hpp>

#include "clip.hpp"
#include "combination.hpp"
#include "form_network.hpp"
#include "frontier.hpp"
#include "point_evaluator.hpp"
#include "team.hpp"
#include "zonotope.hpp"

namespace espalier::crown {
namespace {

using abstract::Interval;
using abstract::Intervals;
using End = SearchResult::End;

/// A goal this near to failing, in plain double, is worth an exact look.
constexpr int kHalvingsToCheck = 16;
/// Where a goal is 0 along a face, parts without end are stuck; a proof is out of reach with the first of them.
constexpr std::size_t kMostStuck = 64;
constexpr double kNearTie = 0x1p-40;
/// Halving a side as narrow as this cannot help: bounds are off by kFloor at least.
constexpr double kNarrowest = abstract::kFloor * 0x1p20;

/// A part of the box, and the cases that may still show up in it.
struct Part {
  InputBox box;
  std::vector<std::size_t> open;
  double bound = -HUGE_VAL;
  int halvings = 0;
};
using Parts = std::vector<Part>;

/// What a part has on the heap.
std::size_t bytes_of(const Part& part) {
  constexpr std::size_t kAllocation = 16;  // what an allocation costs besides
  return 3 * kAllocation + 2 * part.box.low.capacity() * sizeof(double) + part.open.capacity() * sizeof(std::size_t);
}

/// What all workers share.
struct Shared {
  const FormNetwork& network;
  std::span<const Case> cases;
  std::vector<std::size_t> first_goal;  ///< of each case, in the network's goals
  const BoxSearchOptions& options;
  const TryInput& try_input;
  const MayContinue& may_continue;
  Frontier<Part> frontier;
  std::atomic<std::int64_t> boxes{0};
  std::atomic<End> end{End::proven};
  std::mutex mutex{};
  Parts stuck{};
  double closed{HUGE_VAL};  ///< the smallest bound of what was closed
};

class Worker {
 public:
  explicit Worker(Shared& shared) : shared_(shared), zonotope_(shared.network), evaluator_(shared.network) {}

  void work() {
    try {
      work_on_all();
      const std::lock_guard lock(shared_.mutex);
      shared_.closed = std::min(shared_.closed, closed_);
    } catch (...) {
      shared_.frontier.stop();  // the others would wait for what this one has taken
      throw;
    }
  }

 private:
  void work_on_all() {
    constexpr std::size_t kMost = 16;
    while (true) {
      Parts parts = shared_.frontier.take(kMost);
      if (parts.empty()) return;
      Parts open;
      for (Part& part : parts) {
        if (may_go_on()) {
          bound(part, open);
        } else {
          open.push_back(std::move(part));
        }
      }
      look_at_points();
      shared_.frontier.give_back(std::move(open));
      if (shared_.end != End::proven) return shared_.frontier.stop();
    }
  }

  bool may_go_on() {
    const std::int64_t most = shared_.options.most_boxes;
    if (most > 0 && shared_.boxes >= most) end(End::given_up);
    if (!shared_.may_continue()) end(End::out_of_time);
    return shared_.end == End::proven;
  }

  void end(End how) {
    End none = End::proven;
    shared_.end.compare_exchange_strong(none, how);
  }

  /// Bounds a part; what stays open of it becomes two.
  void bound(Part& part, Parts& open) {
    ++shared_.boxes;
    zonotope_.bound(part.box.low, part.box.high);
    const std::size_t n = zonotope_.directions().size();
    hull_.assign(n, {HUGE_VAL, -HUGE_VAL});
    scores_.assign(n, 0);
    part.bound = HUGE_VAL;
    std::erase_if(part.open, [&](std::size_t c) { return refutes(part, c); });
    if (part.open.empty() || !cut(part.box)) return;
    if (++part.halvings % kHalvingsToCheck == 0 && is_hopeless(part)) return note_stuck(std::move(part));
    split(std::move(part), open);
  }

  /// Whether rounding alone leaves a case open at the middle of a part: then no part around it can be closed. Seldom
  /// so, and asked only of parts that were halved often.
  bool is_hopeless(const Part& part) {
    std::vector<double> middle;
    for (std::size_t i = 0; i < part.box.low.size(); ++i) {
      middle.push_back(std::midpoint(part.box.low[i], part.box.high[i]));
    }
    zonotope_.bound(middle, middle);
    const bool hopeless =
        std::any_of(part.open.begin(), part.open.end(), [&](std::size_t c) { return !(find_planes(c) > 0); });
    zonotope_.bound(part.box.low, part.box.high);  // split() looks at its directions
    return hopeless;
  }

  /// Whether a case cannot show up in the part. If it may, notes where, what the bounds suffer from, and a point.
  bool refutes(Part& part, std::size_t c) {
    const double bound = find_planes(c);
    closed_ = std::min(closed_, std::max(bound, 0.0));  // what clips cut away is above 0, nobody knows how far
    if (bound > 0) return true;
    noise_.assign(hull_.size(), {-1, 1});
    if (!clip(planes_, noise_) || !clip(planes_, noise_)) return true;
    for (std::size_t d = 0; d < hull_.size(); ++d) {
      hull_[d] = {std::min(hull_[d].low, noise_[d].low), std::max(hull_[d].high, noise_[d].high)};
    }
    for (std::size_t g = shared_.first_goal[c]; g < shared_.first_goal[c + 1]; ++g) zonotope_.add_scores(g, scores_);
    part.bound = std::min(part.bound, bound);
    note_point(part.box, c, planes_.empty() ? std::span<const double>() : planes_.back().slopes);
    return false;
  }

  /// The planes below the goals of a case, the highest of them last; its certified bound.
  double find_planes(std::size_t c) {
    planes_.clear();
    const std::size_t first = shared_.first_goal[c];
    const std::size_t count = shared_.first_goal[c + 1] - first;
    if (count == 0) return -HUGE_VAL;
    std::size_t best = first;
    for (std::size_t g = first; g < first + count; ++g) {
      if (zonotope_.goal_bound(g) > zonotope_.goal_bound(best)) best = g;
      planes_.push_back(zonotope_.goal_plane(g));
    }
    const double bound = zonotope_.goal_bound(best);
    if (count == 1 || bound > 0) return bound;
    combination_.find(zonotope_, first, count, best);
    planes_.push_back(combination_.plane());
    return std::max(bound, combination_.bound());
  }

  /// Cuts the box to the hull of what the clips left; false when that is nothing.
  bool cut(InputBox& box) const {
    for (std::size_t d = 0; d < hull_.size(); ++d) {
      const auto& [input, centre, radius] = zonotope_.directions()[d];
      const auto i = static_cast<std::size_t>(input);
      if (hull_[d].low > -1) box.low[i] = std::max(box.low[i], -moved(-centre, radius, -hull_[d].low));
      if (hull_[d].high < 1) box.high[i] = std::min(box.high[i], moved(centre, radius, hull_[d].high));
      if (box.low[i] > box.high[i]) return false;
    }
    return true;
  }

  /// At least centre + radius noise.
  static double moved(double centre, double radius, double noise) {
    const double by = radius * noise;
    return abstract::sum_up(centre, by + 2 * abstract::kUnit * std::abs(by) + abstract::kFloor);
  }

  /// Halves a part across the direction with the highest score, or the widest, that can be halved.
  void split(Part part, Parts& open) {
    std::optional<std::size_t> best;
    std::pair<double, double> best_score;
    for (std::size_t d = 0; d < hull_.size(); ++d) {
      const auto i = static_cast<std::size_t>(zonotope_.directions()[d].input);
      if (!has_middle(part.box, i)) continue;
      const double share = scores_[d] * (hull_[d].high - hull_[d].low);
      const std::pair score{share > 0 ? share : 0, part.box.high[i] - part.box.low[i]};
      if (!best || score > best_score) {
        best = i;
        best_score = score;
      }
    }
    if (!best) return note_stuck(std::move(part));
    const double middle = std::midpoint(part.box.low[*best], part.box.high[*best]);
    Part& lower = open.emplace_back(part);
    lower.box.high[*best] = middle;
    Part& upper = open.emplace_back(std::move(part));
    upper.box.low[*best] = middle;
  }

  static bool has_middle(const InputBox& box, std::size_t i) {
    const double middle = std::midpoint(box.low[i], box.high[i]);
    return box.low[i] < middle && middle < box.high[i] && box.high[i] - box.low[i] > kNarrowest;
  }

  void note_stuck(Part part) {
    const std::lock_guard lock(shared_.mutex);
    shared_.stuck.push_back(std::move(part));
    if (shared_.stuck.size() >= kMostStuck) end(End::stuck);
  }

  /// Remembers the corner where a plane is lowest.
  void note_point(const InputBox& box, std::size_t c, std::span<const double> slopes) {
    for (std::size_t i = 0; i < box.low.size(); ++i) {
      evaluator_.input(i, points_.size()) = std::midpoint(box.low[i], box.high[i]);
    }
    for (std::size_t d = 0; d < slopes.size(); ++d) {
      const auto i = static_cast<std::size_t>(zonotope_.directions()[d].input);
      if (slopes[d] != 0) evaluator_.input(i, points_.size()) = slopes[d] > 0 ? box.low[i] : box.high[i];
    }
    points_.push_back(c);
    if (points_.size() == PointEvaluator::kPoints) look_at_points();
  }

  void look_at_points() {
    if (points_.empty()) return;
    evaluator_.run();
    for (std::size_t p = 0; p < points_.size() && shared_.end != End::violated; ++p) {
      if (may_show(points_[p], p) && shared_.try_input(points_[p], point(p))) shared_.end = End::violated;
    }
    points_.clear();
  }

  bool may_show(std::size_t c, std::size_t p) const {
    const Case& goals = shared_.cases[c];
    for (std::size_t g = 0; g < goals.size(); ++g) {
      const double value = evaluator_.goal(shared_.first_goal[c] + g, p);
      if (!(value <= kNearTie * (1 + std::abs(goals[g].threshold)))) return false;
    }
    return true;
  }

  std::vector<double> point(std::size_t p) {
    std::vector<double> x(static_cast<std::size_t>(shared_.network.inputs()));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = evaluator_.input(i, p);
    return x;
  }

  Shared& shared_;
  Zonotope zonotope_;
  PointEvaluator evaluator_;
  std::vector<std::size_t> points_;  ///< the case of each point that waits in the evaluator
  Intervals hull_;                   ///< of the noise that any open case leaves
  Intervals noise_;
  std::vector<double> scores_;
  std::vector<Plane> planes_;
  Combination combination_;
  double closed_ = HUGE_VAL;
};

}  // namespace

BoxSearchResult box_search(const abstract::Graph& graph, const InputBox& box, std::span<const Case> cases,
                           const BoxSearchOptions& options, const TryInput& try_input,
                           const MayContinue& may_continue) {
  const FormNetwork network(graph, cases);
  Shared shared{.network = network,
                .cases = cases,
                .first_goal = {0},
                .options = options,
                .try_input = try_input,
                .may_continue = may_continue,
                .frontier = Frontier<Part>(options.memory, options.threads)};
  for (const Case& goals : cases) shared.first_goal.push_back(shared.first_goal.back() + goals.size());
  Part whole{.box = box, .open = std::vector<std::size_t>(cases.size())};
  std::iota(whole.open.begin(), whole.open.end(), std::size_t{0});
  shared.frontier.put({std::move(whole)});
  in_parallel(options.threads, [&](int) { Worker(shared).work(); });
  BoxSearchResult result;
  result.boxes = shared.boxes;
  result.bound = std::min(shared.frontier.worst(), shared.closed);
  for (Part& part : shared.stuck) {
    result.bound = std::min(result.bound, part.bound);
    result.stuck.push_back(std::move(part.box));
  }
  result.end = shared.end == End::proven && !result.stuck.empty() ? End::stuck : shared.end.load();
  return result;
}

bool suits_box_search(const InputBox& box) {
  constexpr int kMostInputs = 16;
  int varying = 0;
  for (std::size_t i = 0; i < box.low.size(); ++i) varying += box.low[i] < box.high[i] ? 1 : 0;
  return varying <= kMostInputs;
}

}  // namespace espalier::crown
