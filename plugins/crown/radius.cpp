// SPDX-License-Identifier: Apache-2.0
// The largest radius that can be proven and the smallest that can be refuted, by bisection. Tjeng et al. 2019 ask a
// solver for the same number, the minimal distortion, in one question.
#include "radius.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::crown {
namespace {

/// Largest difference of two coordinates, rounded up.
double distance(std::span<const float> a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max({largest, abstract::sum_up(a[i], -b[i]), abstract::sum_up(b[i], -double{a[i]})});
  }
  return largest;
}

/// The next radius to ask about strictly between two others: in the middle by ratio, as radii of images spread over
/// orders of magnitude, but no lower than `floor`. Nothing when none is worth a question.
std::optional<double> between(double low, double high, double floor) {
  if (!(high - low > floor)) return std::nullopt;
  const double middle = std::sqrt(std::max(low, floor)) * std::sqrt(high);
  return low < middle && middle < high ? middle : low + (high - low) / 2;
}

/// What is left of the time of one image.
class Clock {
 public:
  Clock(double budget_s, const std::function<void()>& check_stop) : budget_s_(budget_s), check_stop_(check_stop) {}

  bool is_over() const { return budget_s_ > 0 && !(seconds() < budget_s_); }
  /// One question may take a quarter of the budget: a radius that is hard is left open, and others are tried.
  abstract::Used question() const {
    const double begin = seconds();
    const double limit = std::min(budget_s_ / 4, budget_s_ - begin);
    return [this, begin, limit] {
      check_stop_();
      if (budget_s_ == 0) return 0.0;
      return limit > 0 ? (seconds() - begin) / limit : 1.0;
    };
  }

 private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double budget_s_;
  const std::function<void()>& check_stop_;
};

/// The search for one image.
class Bracket {
 public:
  Bracket(const Verifier& verifier, const abstract::Verifier& witnesses, const RadiusOptions& options,
          const abstract::Question& about, std::span<const float> centre, abstract::Interval clip)
      : verifier_(verifier), witnesses_(witnesses), options_(options), about_(about), centre_(centre), clip_(clip) {}

  Radius find(const Clock& clock) {
    ask(0, clock);
    if (known_.attacked > 0) ask(options_.largest, clock);
    while (!clock.is_over()) {
      const auto next = next_radius();
      if (!next) break;
      ask(*next, clock);
    }
    return known_;
  }

 private:
  /// Below the radii that were left open there may be one to prove, above them one to refute; the larger gap first.
  std::optional<double> next_radius() const {
    const double high = std::min(known_.attacked, options_.largest);
    if (open_.empty()) return between(known_.proven, high, options_.tolerance);
    const double first = *open_.begin();
    const double last = *open_.rbegin();
    const auto below = between(known_.proven, first, options_.tolerance);
    const auto above = between(last, high, options_.tolerance);
    return below && (!above || first - known_.proven >= high - last) ? below : above;
  }

  void ask(double radius, const Clock& clock) {
    const abstract::Box box(centre_, radius, clip_);
    const abstract::Question question{.label = about_.label, .target = about_.target, .box = &box};
    ++known_.questions;
    const Decision answer = verifier_.decide(question, options_.threads, clock.question());
    switch (answer.verdict) {
      case Verdict::robust:
        known_.proven = std::max(known_.proven, radius);
        break;
      case Verdict::counterexample:
        refute(question, radius, *answer.witness, clock);
        break;
      default:
        open_.insert(radius);
    }
    std::erase_if(open_, [&](double r) { return r <= known_.proven || r >= known_.attacked; });
    require_order();
  }

  /// By the witness and by the nearest point that is one too on the way from it to the centre.
  void refute(const abstract::Question& question, double radius, const std::vector<double>& witness,
              const Clock& clock) {
    constexpr int kHalvings = 10;
    known_.attacked = std::min({known_.attacked, radius, distance(centre_, witness)});
    double low = 0;
    double high = 1;
    for (int i = 0; i < kHalvings && !clock.is_over(); ++i) {
      const double share = low + (high - low) / 2;
      std::vector<double> point;
      for (std::size_t k = 0; k < witness.size(); ++k) {
        point.push_back(double{centre_[k]} + share * (witness[k] - double{centre_[k]}));
      }
      const auto found = witnesses_.counterexample_near(question, point);
      (found ? high : low) = share;
      if (found)
        known_.attacked =
            std::min(known_.attacked, distance(centre_, {found->witness->begin(), found->witness->end()}));
    }
  }

  void require_order() const {
    if (known_.proven < known_.attacked || known_.proven == 0) return;
    throw Error(Code::internal,
                fmt::format("a counterexample at distance {} lies within the radius {} that was proven",
                            known_.attacked, known_.proven),
                "please report the network and the image");
  }

  const Verifier& verifier_;
  const abstract::Verifier& witnesses_;
  const RadiusOptions& options_;
  const abstract::Question& about_;
  std::span<const float> centre_;
  abstract::Interval clip_;
  Radius known_;
  std::set<double> open_;  ///< radii that got no answer, all between what is proven and what is attacked
};

}  // namespace

Radius RadiusSearch::find(const abstract::Question& about, std::span<const float> centre, abstract::Interval clip,
                          const std::function<void()>& check_stop) const {
  const Clock clock(options_.budget_s, check_stop);
  return Bracket(verifier_, witnesses_, options_, about, centre, clip).find(clock);
}

}  // namespace espalier::crown
