// SPDX-License-Identifier: Apache-2.0
#include "samples.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "html.hpp"
#include "png.hpp"
#include "tables.hpp"

namespace espalier::report {
namespace {

using Pixels = std::vector<std::uint8_t>;

std::uint8_t to_byte(double share) {
  return std::isnan(share) ? std::uint8_t{0} : static_cast<std::uint8_t>(std::lround(std::clamp(share, 0., 1.) * 255));
}

const Attacks::Row& row_of_point(const Attacks& attacks, std::size_t point) {
  const std::int64_t row = attacks.point_rows[point];
  if (row >= 0 && row < static_cast<std::int64_t>(attacks.rows.size())) {
    return attacks.rows[static_cast<std::size_t>(row)];
  }
  throw Error(Code::request,
              fmt::format("a point of attack '{}' belongs to row {} of {}", attacks.method, row, attacks.rows.size()));
}

std::vector<std::int64_t> images_with_points(const std::vector<Gathered>& attacks) {
  std::vector<std::int64_t> out;
  for (const Gathered& g : attacks) {
    for (std::size_t i = 0; i < g.as<Attacks>().point_rows.size(); ++i) {
      const std::int64_t image = row_of_point(g.as<Attacks>(), i).image;
      if (std::ranges::find(out, image) == out.end()) out.push_back(image);
    }
  }
  return out;
}

std::vector<std::int64_t> chosen_images(const Instances* instances, const std::vector<Gathered>& attacks,
                                        std::int64_t count) {
  std::vector<std::int64_t> out = images_with_points(attacks);
  if (instances != nullptr) {
    const auto is_asked = [&](std::int64_t image) {
      return std::ranges::any_of(instances->rows, [&](const auto& row) { return row.image == image; });
    };
    std::erase_if(out, [&](std::int64_t image) { return !is_asked(image); });
  }
  if (out.size() > static_cast<std::size_t>(count)) out.resize(static_cast<std::size_t>(count));
  return out;
}

Pixels original_of(const Dataset& dataset, std::int64_t image) {
  if (image < 0 || image >= dataset.test.size()) {
    throw Error(
        Code::request,
        fmt::format("image {} was attacked, but '{}' has {} test images", image, dataset.name, dataset.test.size()),
        "give the data set that was attacked");
  }
  const Tensor one = dataset.test.images.rows(image, image + 1);
  const auto bytes = one.as<std::uint8_t>();
  return {bytes.begin(), bytes.end()};
}

std::vector<float> point_of(const Attacks& attacks, std::size_t point, std::size_t elements) {
  const auto at = static_cast<std::int64_t>(point);
  if (attacks.points.rank() > 0 && at < attacks.points.dim(0)) {
    auto values = attacks.points.rows(at, at + 1).to_floats();
    if (values.size() == elements) return values;
  }
  throw Error(Code::request,
              fmt::format("the points of attack '{}' are {}, the images have {} values", attacks.method,
                          to_text(attacks.points.shape()), elements),
              "give the data set that was attacked");
}

std::string class_name(const Dataset& dataset, std::int64_t number) {
  if (number >= 0 && number < static_cast<std::int64_t>(dataset.classes.size())) {
    return dataset.classes[static_cast<std::size_t>(number)];
  }
  return fmt::format("class {}", number);
}

std::string picture(const Shape& shape, const Pixels& pixels, std::string_view alt) {
  return fmt::format("<img alt=\"{}\" src=\"{}\">", escaped_html(alt), png_data_uri(shape, pixels));
}

/// The point, and what it changed: grey is no change, black and white are the largest change.
std::string html_point(const Dataset& dataset, const Gathered& gathered, std::size_t point, const Pixels& original) {
  const Attacks& attacks = gathered.as<Attacks>();
  const Attacks::Row& row = row_of_point(attacks, point);
  const auto values = point_of(attacks, point, original.size());
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) largest = std::max(largest, std::abs(values[i] - original[i] / 255.));
  Pixels changed;
  Pixels difference;
  for (std::size_t i = 0; i < values.size(); ++i) {
    changed.push_back(to_byte(values[i]));
    const double change = values[i] - original[i] / 255.;
    difference.push_back(to_byte(largest > 0 ? 0.5 + 0.5 * change / largest : 0.5));
  }
  const auto name = class_name(dataset, row.adversarial_class);
  const std::string who = labels_text(gathered.labels);
  return fmt::format(
      "<figure class=\"pair\">{} {}<figcaption>{}{}{}: {} &rarr; {}, distance {:.4g}</figcaption></figure>\n",
      picture(dataset.image_shape(), changed, "adversarial: " + name),
      picture(dataset.image_shape(), difference, "difference, amplified"), escaped_html(who), who.empty() ? "" : ", ",
      escaped_html(attacks.method), escaped_html(class_name(dataset, row.predicted)), escaped_html(name), row.distance);
}

std::string html_sample(const Dataset& dataset, const std::vector<Gathered>& attacks, std::int64_t image) {
  const Pixels original = original_of(dataset, image);
  const auto label = dataset.test.labels.as<std::int64_t>()[static_cast<std::size_t>(image)];
  const auto name = class_name(dataset, label);
  std::string out =
      fmt::format("<div class=\"sample\">\n<figure>{}<figcaption>test image {}: {}</figcaption></figure>\n",
                  picture(dataset.image_shape(), original, "original: " + name), image, escaped_html(name));
  for (const Gathered& g : attacks) {
    const Attacks& found = g.as<Attacks>();
    for (std::size_t i = 0; i < found.point_rows.size(); ++i) {
      if (row_of_point(found, i).image == image) out += html_point(dataset, g, i, original);
    }
  }
  return out + "</div>\n";
}

}  // namespace

std::string html_samples(const Dataset& dataset, const Instances* instances, const std::vector<Gathered>& attacks,
                         std::int64_t count) {
  std::string out;
  for (const auto image : chosen_images(instances, attacks, count)) out += html_sample(dataset, attacks, image);
  if (out.empty()) return out;
  return "<p>The test image, then for each attack the adversarial image and what it changed, amplified: grey is no "
         "change.</p>\n<div class=\"samples\">\n" +
         out + "</div>\n";
}

}  // namespace espalier::report
