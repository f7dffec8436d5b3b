// SPDX-License-Identifier: Apache-2.0
// Projected gradient descent (Madry et al. 2018) on several losses at once.
#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "describe.hpp"
#include "model.hpp"
#include "stages.hpp"
#include "task.hpp"

namespace espalier::attack {
namespace {

struct Params {
  double epsilon = 0.1;
  std::int64_t restarts = 5;
  std::int64_t steps = 50;
  double step = 0.25;
  double decay = 0.97;
  std::vector<std::string> losses = {"cross_entropy", "dlr", "margin"};
  std::vector<std::int64_t> target;
  std::int64_t seed = 1;
  std::int64_t limit = 0;
  std::int64_t keep = 1000;
};

/// What one of the points of an image ascends. `other` is the margin's class.
struct Climb {
  std::string loss;
  std::int64_t other = 0;
};

std::vector<Climb> climbs_of(const Params& p, const Goal& goal, std::int64_t classes) {
  std::vector<Climb> out;
  for (const std::string& loss : p.losses) {
    if (loss != "margin") {
      out.push_back({loss, 0});
      continue;
    }
    for (std::int64_t other = 0; other < classes; ++other) {
      if (other != goal.label && (!goal.target || *goal.target == other)) out.push_back({loss, other});
    }
  }
  return out;
}

void write_gradient(const Climb& climb, const Goal& goal, std::span<const float> scores, std::span<float> out) {
  if (climb.loss == "cross_entropy") return cross_entropy(scores, goal, out);
  if (climb.loss == "dlr") return logits_ratio(scores, goal, out);
  margin(goal, climb.other, out);
}

/// All points of one image: each loss from each start.
class Swarm {
 public:
  Swarm(const Params& p, Task& task, const Model& model, std::int64_t row)
      : p_(p), task_(task), model_(model), row_(row) {
    const auto climbs = climbs_of(p, task.goal(row), static_cast<std::int64_t>(task.classes()));
    // Of its own for every image, so that what is found for one does not change the others.
    std::seed_seq seed{static_cast<std::uint32_t>(p.seed), static_cast<std::uint32_t>(p.seed >> 32),
                       static_cast<std::uint32_t>(row)};
    std::mt19937_64 random(seed);
    for (std::int64_t start = 0; start < p.restarts; ++start) {
      for (const Climb& climb : climbs) {
        climbs_.push_back(climb);
        add_start(start == 0, random);
      }
    }
    centre_starts_ = climbs.size();
  }

  void run(Context& ctx) {
    double length = p_.step * p_.epsilon;
    for (std::int64_t i = 0; i < p_.steps && !task_.found(row_); ++i) {
      ctx.check_stop();
      const auto at = model_.gradient(points_, count(), [&](std::int64_t c, auto scores, auto out) {
        write_gradient(climbs_[static_cast<std::size_t>(c)], task_.goal(row_), scores, out);
      });
      if (offer(at.scores)) return;
      // From the centre a full step first: with cross-entropy that is the gradient sign method.
      for (std::size_t c = 0; c < climbs_.size(); ++c) {
        move(c, i == 0 && c < centre_starts_ ? p_.epsilon : length, at.gradient);
      }
      length *= p_.decay;
    }
    offer(model_.scores(points_, count()));
  }

 private:
  std::int64_t count() const { return static_cast<std::int64_t>(climbs_.size()); }

  void add_start(bool at_centre, std::mt19937_64& random) {
    for (std::size_t i = 0; i < task_.pixels(); ++i) {
      const PixelRange range = task_.range(row_, i, p_.epsilon);
      const double uniform = at_centre ? 0 : static_cast<double>(random() >> 11) * 0x1p-52 - 1;
      points_.push_back(range.nearest(range.centre + uniform * p_.epsilon));
    }
  }

  void move(std::size_t c, double length, std::span<const float> gradient) {
    for (std::size_t i = 0; i < task_.pixels(); ++i) {
      const std::size_t at = c * task_.pixels() + i;
      const int sign = (gradient[at] > 0 ? 1 : 0) - (gradient[at] < 0 ? 1 : 0);
      if (sign != 0) points_[at] = task_.range(row_, i, p_.epsilon).nearest(points_[at] + sign * length);
    }
  }

  /// Whether one of the points does it.
  bool offer(std::span<const float> scores) {
    for (std::size_t c = 0; c < climbs_.size(); ++c) {
      const auto point = std::span<const float>(points_).subspan(c * task_.pixels(), task_.pixels());
      if (task_.offer(row_, point, scores.subspan(c * task_.classes(), task_.classes()))) return true;
    }
    return false;
  }

  const Params& p_;
  Task& task_;
  const Model& model_;
  std::int64_t row_;
  std::vector<Climb> climbs_;
  std::size_t centre_starts_ = 0;
  std::vector<float> points_;
};

void run(const Params& p, Context& ctx) {
  const Model model(ctx.in<Network>("network"), ctx);
  Task task({p.epsilon, p.limit, p.target, p.keep}, ctx);
  for (std::int64_t row = 0; row < task.size(); ++row) {
    ctx.check_stop();
    if (task.attackable(row)) Swarm(p, task, model, row).run(ctx);
    ctx.progress(static_cast<double>(row + 1), static_cast<double>(task.size()));
  }
  ctx.out("attacks", task.result("pgd"));
}

}  // namespace

void describe_pgd(PluginBuilder& plugin) {
  auto stage = plugin.stage("pgd", run);
  stage.doc(
      "Projected gradient descent: sign steps from the image and from random points of the box, on several losses "
      "at once, until something is found. Only images that are classified correctly are attacked.");
  describe_attack(stage);
  stage.param("restarts", &Params::restarts, "starting points; the first is the image, the others are random")
      .range(1, 10000)
      .param("steps", &Params::steps, "steps from each start")
      .range(1, 1000000)
      .param("step", &Params::step,
             "length of the first step, as a share of epsilon; the very first from the image is "
             "as long as epsilon")
      .range(0, 2)
      .param("decay", &Params::decay, "what the length is multiplied with after each step")
      .range(0, 1)
      .param("losses", &Params::losses, "what is ascended; margin counts once for every other class")
      .choices({"cross_entropy", "dlr", "margin"})
      .param("seed", &Params::seed, "of the random starts")
      .range(0, 9e15);
}

}  // namespace espalier::attack
