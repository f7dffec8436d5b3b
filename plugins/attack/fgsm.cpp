// SPDX-License-Identifier: Apache-2.0
// The gradient sign method (Goodfellow et al. 2015) as Foolbox 0.8, 2 and 3 do it.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "describe.hpp"
#include "model.hpp"
#include "stages.hpp"
#include "task.hpp"

namespace espalier::attack {
namespace {

struct Params {
  double epsilon = 0.1;
  std::string mode = "search_v08";
  std::vector<std::int64_t> target;
  std::int64_t limit = 0;
  std::int64_t keep = 1000;
};

constexpr std::int64_t kBatch = 1000;
constexpr int kGrid = 1000;        // steps of the grid on (0, 1]
constexpr int kRefineBelow = 20;   // Foolbox 2 searches again after a hit at one of so many first steps,
constexpr int kRefinedSteps = 20;  // in so many

/// Rows that are attacked together, each along its own direction.
class Batch {
 public:
  Batch(Task& task, const Model& model, std::vector<std::int64_t> rows)
      : task_(task), model_(model), rows_(std::move(rows)) {
    std::vector<float> centres;
    for (const auto row : rows_) centres.insert(centres.end(), task.centre(row).begin(), task.centre(row).end());
    const auto loss = [&](std::int64_t i, std::span<const float> scores, std::span<float> coefficient) {
      cross_entropy(scores, task_.goal(rows_[static_cast<std::size_t>(i)]), coefficient);
    };
    direction_ = model.gradient(centres, static_cast<std::int64_t>(rows_.size()), loss).gradient;
  }

  std::vector<std::size_t> everything() const {
    std::vector<std::size_t> all(rows_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  /// One step of each entry's radius; the entries for which it found something.
  std::vector<bool> step(const std::vector<std::size_t>& entries, const std::vector<double>& radius) {
    const std::size_t pixels = task_.pixels();
    std::vector<float> points(entries.size() * pixels);
    for (std::size_t e = 0; e < entries.size(); ++e)
      move(entries[e], radius[e], std::span(points).subspan(e * pixels, pixels));
    const auto scores = model_.scores(points, static_cast<std::int64_t>(entries.size()));
    std::vector<bool> hit(entries.size());
    for (std::size_t e = 0; e < entries.size(); ++e) {
      hit[e] = task_.offer(rows_[entries[e]], std::span(points).subspan(e * pixels, pixels),
                           std::span(scores).subspan(e * task_.classes(), task_.classes()));
    }
    return hit;
  }

 private:
  void move(std::size_t entry, double radius, std::span<float> point) const {
    const std::size_t pixels = task_.pixels();
    for (std::size_t i = 0; i < pixels; ++i) {
      const float g = direction_[entry * pixels + i];
      const int sign = (g > 0 ? 1 : 0) - (g < 0 ? 1 : 0);
      const PixelRange range = task_.range(rows_[entry], i, radius);
      point[i] = sign == 0 ? range.centre : range.nearest(range.centre + sign * radius);
    }
  }

  Task& task_;
  const Model& model_;
  std::vector<std::int64_t> rows_;
  std::vector<float> direction_;
};

/// Takes out the entries that were hit.
void drop(std::vector<std::size_t>& entries, std::vector<double>& radius, const std::vector<bool>& hit) {
  std::size_t kept = 0;
  for (std::size_t e = 0; e < entries.size(); ++e) {
    if (hit[e]) continue;
    entries[kept] = entries[e];
    radius[kept++] = radius[e];
  }
  entries.resize(kept);
  radius.resize(kept);
}

/// The smallest radius of the grid that does it, image by image. One grid radius at or above epsilon is looked at: the
/// clip to [0, 1] can keep its point within epsilon, and those of all larger radii are then the same.
void search(Batch& batch, const Params& p, Context& ctx) {
  auto entries = batch.everything();
  std::vector<double> radius(entries.size());
  std::vector<std::size_t> again;
  std::vector<double> again_radius;
  for (int i = 1; i <= kGrid && !entries.empty(); ++i) {
    ctx.check_stop();
    const double r = static_cast<double>(i) / kGrid;
    std::fill(radius.begin(), radius.end(), r);
    const auto hit = batch.step(entries, radius);
    for (std::size_t e = 0; e < hit.size(); ++e) {
      if (!hit[e] || p.mode != "search" || i > kRefineBelow) continue;
      again.push_back(entries[e]);
      again_radius.push_back(r);
    }
    drop(entries, radius, hit);
    if (r >= p.epsilon) break;
  }
  for (int i = 1; i < kRefinedSteps && !again.empty(); ++i) {
    ctx.check_stop();
    auto r = again_radius;
    for (double& x : r) x = x * i / kRefinedSteps;
    drop(again, again_radius, batch.step(again, r));
  }
}

void run(const Params& p, Context& ctx) {
  const Model model(ctx.in<Network>("network"), ctx);
  Task task({p.epsilon, p.limit, p.target, p.keep}, ctx);
  for (std::int64_t begin = 0; begin < task.size(); begin += kBatch) {
    ctx.check_stop();
    std::vector<std::int64_t> rows;
    const std::int64_t end = std::min(task.size(), begin + kBatch);
    for (std::int64_t row = begin; row < end; ++row) {
      if (task.attackable(row)) rows.push_back(row);
    }
    Batch batch(task, model, std::move(rows));
    if (p.mode == "fixed") {
      const auto all = batch.everything();
      batch.step(all, std::vector<double>(all.size(), p.epsilon));
    } else {
      search(batch, p, ctx);
    }
    ctx.progress(static_cast<double>(end), static_cast<double>(task.size()));
  }
  ctx.out("attacks", task.result("fgsm"));
}

}  // namespace

void describe_fgsm(PluginBuilder& plugin) {
  auto stage = plugin.stage("fgsm", run);
  stage.doc(
      "Moves every image along the sign of its gradient. Only images that are classified correctly are attacked.");
  describe_attack(stage);
  stage
      .param(
          "mode", &Params::mode,
          "fixed: one step of epsilon, as Foolbox 3; search_v08: the smallest of 0.001, 0.002, ... that does it, as "
          "Foolbox 0.8; search: refined in 20 steps after an early hit, as Foolbox 2. One difference: where a network "
          "is so sure that the label's share rounds to 1 in single precision, the gradient of Foolbox is 0 and it "
          "finds nothing; here the direction is still known, so more can be found")
      .choices({"fixed", "search_v08", "search"});
}

}  // namespace espalier::attack
