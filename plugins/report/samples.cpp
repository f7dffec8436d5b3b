// SPDX-License-Identifier: Apache-2.0
#include "samples.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <numeric>

#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/results.hpp>

#include "found.hpp"
#include "png.hpp"
#include "quantity.hpp"
#include "view.hpp"

namespace espalier::report {
namespace {

using Pixels = std::vector<std::uint8_t>;

std::uint8_t to_byte(double share) {
  return std::isnan(share) ? std::uint8_t{0} : static_cast<std::uint8_t>(std::lround(std::clamp(share, 0., 1.) * 255));
}

/// What two versions have in common: maker and network together counts before either of them.
struct Likeness {
  std::size_t same = 0;
  std::size_t alike = 0;

  friend auto operator<=>(const Likeness&, const Likeness&) = default;
};

Likeness likeness_of(const Found& a, const Found& b) {
  const Labels ours = without(a.gathered->labels, {"name"});
  const Labels theirs = without(b.gathered->labels, {"name"});
  Likeness out;
  out.same = a.maker == b.maker && ours == theirs ? 1 : 0;
  out.alike = a.maker == b.maker ? 1 : 0;
  for (const auto& label : ours) {
    const auto it = theirs.find(label.first);
    if (it != theirs.end() && it->second == label.second) ++out.alike;
  }
  return out;
}

/// Some of them, in their order, so that every network and every maker has its share: one after the other the version
/// that is least like those chosen before.
std::vector<const Found*> some_of(const std::vector<const Found*>& all, std::size_t most) {
  if (all.size() <= most) return all;
  std::vector<std::size_t> left(all.size());
  std::iota(left.begin(), left.end(), 0);
  std::vector<Likeness> likeness(all.size());
  while (left.size() > all.size() - most) {
    const auto best = std::ranges::min_element(left, {}, [&](std::size_t i) { return likeness[i]; });
    const Found& chosen = *all[*best];
    left.erase(best);
    for (const std::size_t i : left) {
      const Likeness added = likeness_of(*all[i], chosen);
      likeness[i].same += added.same;
      likeness[i].alike += added.alike;
    }
  }
  std::vector<const Found*> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!std::ranges::binary_search(left, i)) out.push_back(all[i]);
  }
  return out;
}

/// Whether the instances that have the same labels ask about an image; without instances all images will do.
bool is_asked(const Found& found, const std::vector<Gathered>& instances) {
  if (instances.empty()) return true;
  return std::ranges::any_of(instances, [&](const Gathered& g) {
    if (!agree(found.gathered->labels, g.labels)) return false;
    const auto& rows = g.as<Instances>().rows;
    return std::ranges::any_of(rows, [&](const auto& row) { return row.image == found.image; });
  });
}

/// One data set's images.
class Gallery {
 public:
  Gallery(const Dataset& dataset, const Labels& labels, const Shown& shown)
      : dataset_(dataset), labels_(labels), shown_(shown) {}

  void add(const Found& found, const std::vector<Gathered>& instances) {
    if (!agree(found.gathered->labels, labels_) || !is_asked(found, instances)) return;
    auto it = std::ranges::find(images_, found.image, &Image::index);
    if (it == images_.end()) it = images_.insert(it, Image{.index = found.image, .found = {}});
    it->found.push_back(&found);
  }

  std::string html() const {
    std::string out;
    for (std::size_t i = 0; i < std::min(images_.size(), shown_.images); ++i) out += sample(images_[i]);
    return out;
  }

 private:
  struct Image {
    std::int64_t index = 0;
    std::vector<const Found*> found;
  };

  std::string sample(const Image& image) const {
    const Pixels original = original_of(image.index);
    const auto label = dataset_.test.labels.as<std::int64_t>()[static_cast<std::size_t>(image.index)];
    const std::string name = class_name(label);
    const auto versions = some_of(image.found, shown_.versions);
    std::string which = labels_.empty() ? "" : escaped_html(dataset_.name) + ", ";
    std::string part;
    if (versions.size() < image.found.size()) {
      part = fmt::format("; {} of {} versions", versions.size(), image.found.size());
    }
    std::string out =
        fmt::format("<div class=\"sample\">\n<figure>{}<figcaption>{}test image {}: {}{}</figcaption></figure>\n",
                    picture(original, "original: " + name), which, image.index, escaped_html(name), part);
    for (const Found* found : versions) out += version(*found, original);
    return out + "</div>\n";
  }

  Pixels original_of(std::int64_t image) const {
    if (image < 0 || image >= dataset_.test.size()) {
      throw Error(
          Code::request,
          fmt::format("image {} was attacked, but '{}' has {} test images", image, dataset_.name, dataset_.test.size()),
          "give the data set that was attacked");
    }
    const Tensor one = dataset_.test.images.rows(image, image + 1);
    const auto bytes = one.as<std::uint8_t>();
    return {bytes.begin(), bytes.end()};
  }

  std::string class_name(std::int64_t number) const {
    if (number >= 0 && number < static_cast<std::int64_t>(dataset_.classes.size())) {
      return dataset_.classes[static_cast<std::size_t>(number)];
    }
    return fmt::format("class {}", number);
  }

  std::string picture(const Pixels& pixels, std::string_view alt) const {
    return fmt::format("<img alt=\"{}\" src=\"{}\">", escaped_html(alt), png_data_uri(dataset_.image_shape(), pixels));
  }

  /// The point, and what it changed: grey is no change, black and white are the largest change.
  std::string version(const Found& found, const Pixels& original) const {
    const auto values = values_of(found, original.size());
    double largest = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      largest = std::max(largest, std::abs(values[i] - original[i] / 255.));
    }
    Pixels changed;
    Pixels difference;
    for (std::size_t i = 0; i < values.size(); ++i) {
      changed.push_back(to_byte(values[i]));
      const double change = values[i] - original[i] / 255.;
      difference.push_back(to_byte(largest > 0 ? 0.5 + 0.5 * change / largest : 0.5));
    }
    const std::string there = found.to < 0 ? "another class" : class_name(found.to);
    const std::string who = labels_text(without(found.gathered->labels, {"name"}));
    return fmt::format(
        "<figure class=\"pair\">{} {}<figcaption>{}{}{}: {} &rarr; {}, distance {:.4g}</figcaption></figure>\n",
        picture(changed, "adversarial: " + there), picture(difference, "difference, amplified"), escaped_html(who),
        who.empty() ? "" : ", ", escaped_html(found.maker), escaped_html(class_name(found.from)), escaped_html(there),
        largest);
  }

  const Dataset& dataset_;
  const Labels& labels_;
  const Shown& shown_;
  std::vector<Image> images_;
};

}  // namespace

std::string html_samples(const std::vector<Gathered>& datasets, const std::vector<Gathered>& instances,
                         const Findings& findings, const Shown& shown) {
  const std::vector<Found> all = found_points(findings);
  std::string out;
  for (const Gathered& g : datasets) {
    Gallery gallery(g.as<Dataset>(), g.labels, shown);
    for (const Found& found : all) gallery.add(found, instances);
    out += gallery.html();
  }
  if (out.empty()) return out;
  return "<p>The test image, then for each attack and each counterexample of a verifier the adversarial image and what "
         "it changed, amplified: grey is no change. A verifier's answer tells the class there only where one was asked "
         "about.</p>\n<div class=\"samples\">\n" +
         out + "</div>\n";
}

}  // namespace espalier::report
