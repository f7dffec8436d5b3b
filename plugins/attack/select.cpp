// SPDX-License-Identifier: Apache-2.0
// The images of Guidotti et al. 2020, section 5.1: attacked with success on all variants of a network, or on none.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/results.hpp>

#include "stages.hpp"

namespace espalier::attack {
namespace {

struct Params {
  std::int64_t count = 20;
  double found_share = 0.5;
  double epsilon = 0.1;
  std::string targets = "none";
};

/// An image on which all attacks agree. `adversarial` is the class that the first of them found.
struct Choice {
  std::int64_t image = 0;
  std::int64_t label = 0;
  std::int64_t adversarial = 0;
  bool found = false;
};

using RowOfImage = std::map<std::int64_t, const Attacks::Row*>;

std::vector<Choice> common_images(const std::vector<Gathered>& all) {
  std::vector<RowOfImage> others;
  for (std::size_t a = 1; a < all.size(); ++a) {
    RowOfImage& rows = others.emplace_back();
    for (const auto& row : all[a].as<Attacks>().rows) rows.emplace(row.image, &row);
  }
  std::map<std::int64_t, Choice> out;  // by image: the lowest index comes first
  for (const auto& row : all[0].as<Attacks>().rows) {
    const bool common = row.predicted == row.label && std::ranges::all_of(others, [&](const RowOfImage& rows) {
                          const auto it = rows.find(row.image);
                          if (it == rows.end()) return false;
                          const Attacks::Row& o = *it->second;
                          return o.predicted == o.label && o.label == row.label && o.found == row.found;
                        });
    if (common) out.emplace(row.image, Choice{row.image, row.label, row.adversarial_class, row.found});
  }
  std::vector<Choice> list;
  for (const auto& [image, choice] : out) list.push_back(choice);
  return list;
}

/// "#1: 120 images, 100 correct, 80 found; #2: ..."
std::string counts_text(const std::vector<Gathered>& all) {
  std::string text;
  for (std::size_t a = 0; a < all.size(); ++a) {
    const auto& rows = all[a].as<Attacks>().rows;
    const auto correct = std::ranges::count_if(rows, [](const auto& r) { return r.predicted == r.label; });
    const auto found = std::ranges::count_if(rows, [](const auto& r) { return r.found; });
    text +=
        fmt::format("{}#{}: {} images, {} correct, {} found", a == 0 ? "" : "; ", a + 1, rows.size(), correct, found);
  }
  return text;
}

std::int64_t found_wanted(const Params& p) {
  return std::llround(p.found_share * static_cast<double>(p.count));
}

/// The lowest images of each kind, in order; one kind makes up for what the other lacks.
std::vector<Choice> choose(const Params& p, const std::vector<Choice>& common, Context& ctx) {
  const auto with = static_cast<std::int64_t>(std::ranges::count_if(common, &Choice::found));
  const auto without = static_cast<std::int64_t>(common.size()) - with;
  const std::int64_t wanted = found_wanted(p);
  std::int64_t found = std::min(wanted, with);
  const std::int64_t not_found = std::min(p.count - found, without);
  found = std::min(p.count - not_found, with);
  if (found != wanted || found + not_found != p.count) {
    ctx.log(fmt::format("{} images with and {} without an adversarial, {} and {} were asked for", found, not_found,
                        wanted, p.count - wanted));
  }
  std::vector<Choice> out;
  std::int64_t left[2] = {not_found, found};
  for (const Choice& choice : common) {
    if (left[choice.found ? 1 : 0]-- > 0) out.push_back(choice);
  }
  return out;
}

/// One question an image; or as in the paper's Marabou column, which asks about one class at a time: for images with an
/// adversarial the class of that, and for one without all others. The paper has 19 questions everywhere, so images with
/// an adversarial that make up for others are not asked about.
std::vector<Instances::Row> questions(const Params& p, const std::vector<Choice>& chosen, std::int64_t classes,
                                      Context& ctx) {
  std::vector<Instances::Row> rows;
  for (const Choice& c : chosen) {
    if (p.targets == "none") {
      rows.push_back({c.image, c.label, {}, p.epsilon});
    } else if (c.found && std::ssize(rows) < found_wanted(p)) {
      rows.push_back({c.image, c.label, c.adversarial, p.epsilon});
    }
  }
  if (p.targets == "none") return rows;
  const auto not_found = std::ranges::find(chosen, false, &Choice::found);
  if (not_found == chosen.end()) {
    ctx.log("no image without an adversarial was chosen, so none is asked about class by class");
    return rows;
  }
  for (std::int64_t target = 0; target < classes; ++target) {
    if (target != not_found->label) rows.push_back({not_found->image, not_found->label, target, p.epsilon});
  }
  return rows;
}

Instances with_centres(std::vector<Instances::Row> rows, const Dataset& dataset) {
  const auto pixels = static_cast<std::size_t>(element_count(dataset.image_shape()));
  const auto bytes = dataset.test.images.as<std::uint8_t>();
  const auto labels = dataset.test.labels.as<std::int64_t>();
  std::vector<float> centres;
  for (const auto& row : rows) {
    if (row.image < 0 || row.image >= dataset.test.size() || labels[static_cast<std::size_t>(row.image)] != row.label) {
      throw Error(Code::request,
                  fmt::format("the attacks tell of an image {} with label {}, the test split of '{}' has none such",
                              row.image, row.label, dataset.name),
                  "give the data set that was attacked");
    }
    for (const auto byte : bytes.subspan(static_cast<std::size_t>(row.image) * pixels, pixels)) {
      centres.push_back(static_cast<float>(byte) / 255.0F);
    }
  }
  Shape shape{static_cast<std::int64_t>(rows.size())};
  for (const auto side : dataset.image_shape()) shape.push_back(side);
  Instances out;
  out.rows = std::move(rows);
  out.centres = Tensor::of(shape, std::move(centres));
  return out;
}

void run(const Params& p, Context& ctx) {
  const auto& all = ctx.all("attacks");
  if (all.empty()) throw Error(Code::request, "'attacks' is empty", "give one attack for every variant");
  const auto& dataset = ctx.in<Dataset>("dataset");
  const auto chosen = choose(p, common_images(all), ctx);
  if (chosen.empty()) {
    throw Error(Code::missing, "no image is found by all attacks or by none: " + counts_text(all),
                "attack more images, or another radius");
  }
  ctx.out("instances",
          with_centres(questions(p, chosen, static_cast<std::int64_t>(dataset.classes.size()), ctx), dataset));
}

}  // namespace

void describe_select(PluginBuilder& plugin) {
  plugin.stage("select", run)
      .revision(2)
      .doc(
          "Chooses test images on which an attack does the same to all variants of a network: all classify them "
          "correctly, and it finds an adversarial for all of them or for none. The lowest images first.")
      .inputs<Attacks>("attacks", "one attack for every variant")
      .input<Dataset>("dataset", "the data set that was attacked")
      .output<Instances>("instances", "the images as questions to a verifier")
      .param("count", &Params::count, "how many images; fewer when there are not as many")
      .at_least(1)
      .param("found_share", &Params::found_share,
             "share of the images for which an adversarial was found; one kind makes up for what the other lacks")
      .range(0, 1)
      .param("epsilon", &Params::epsilon, "radius of the questions")
      .range(0, 1)
      .param("targets", &Params::targets,
             "none: is any other class possible; marabou: of the images with an adversarial, no more than "
             "found_share of count, only the class that the first attack found, and one image without an adversarial "
             "asked about all its other classes: 10 + 9 questions when 20 images of ten classes are asked for")
      .choices({"none", "marabou"});
}

}  // namespace espalier::attack
