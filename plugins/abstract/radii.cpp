// SPDX-License-Identifier: Apache-2.0
#include "radii.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::abstract {
namespace {

/// Who tells of radii, and in which series.
struct Teller {
  std::string_view who;
  std::string_view proven;
  std::string_view broken;
};
constexpr std::array<Teller, 2> kTellers{
    {{"crown.radius", "proven_radius", "attacked_radius"}, {"milp.distortion", "distortion_low", "distortion_high"}}};

constexpr const char* kHint = "give the metrics of crown.radius or milp.distortion, made by this version";

const std::vector<double>& series_of(const Metrics& metrics, std::string_view name) {
  if (const auto found = metrics.series.find(name); found != metrics.series.end()) return found->second;
  throw Error(Code::request, fmt::format("'radii' has no series '{}'", name), kHint);
}

double value_of(const Metrics& metrics, std::string_view name) {
  if (const auto found = metrics.values.find(name); found != metrics.values.end()) return found->second;
  throw Error(Code::request, fmt::format("'radii' has no value '{}'", name), kHint);
}

/// A series with an entry an image, each of which is what it stands for.
template <class Is>
const std::vector<double>& column_of(const Metrics& metrics, std::string_view name, Is is) {
  const std::vector<double>& column = series_of(metrics, name);
  const std::size_t images = series_of(metrics, "image").size();
  if (column.size() != images) {
    throw Error(Code::request,
                fmt::format("series '{}' of 'radii' has {} entries for {} images", name, column.size(), images), kHint);
  }
  const auto wrong = std::ranges::find_if_not(column, is);
  if (wrong == column.end()) return column;
  throw Error(Code::request,
              fmt::format("entry {} of series '{}' of 'radii' is {}", wrong - column.begin(), name, *wrong), kHint);
}

// All of these say no to NaN.
bool is_whole(double x) {
  return std::floor(x) == x && std::abs(x) <= 0x1p53;
}
bool is_index(double x) {
  return is_whole(x) && x >= 0;
}
bool is_target(double x) {
  return is_whole(x) && x >= -1;
}
bool is_distance(double x) {
  return x >= 0;
}
bool is_radius(double x) {
  return is_distance(x) && std::isfinite(x);
}

/// The network's digest, as a series of its bytes: a double has no room for more than a part of it.
Digest network_in(const Metrics& metrics) {
  Digest digest;
  const std::vector<double>& bytes = series_of(metrics, "network");
  const bool all_bytes = std::ranges::all_of(bytes, [](double x) { return is_index(x) && x <= 255; });
  if (bytes.size() != digest.bytes.size() || !all_bytes) {
    throw Error(Code::request, "series 'network' of 'radii' is no digest of a network", kHint);
  }
  std::ranges::transform(bytes, digest.bytes.begin(), [](double x) { return static_cast<std::uint8_t>(x); });
  return digest;
}

}  // namespace

Digest content_of(const Network& network) {
  return network.to_fields().digest(Network::kKind, Network::kFormat);
}

double pixels_of(std::span<const float> image) {
  const Digest digest = Hasher().bytes(std::as_bytes(image)).finish();
  double number = 0;
  for (std::size_t i = 0; i < 6; ++i) number = number * 256 + digest.bytes[i];
  return number * 16 + digest.bytes[6] / 16;
}

Metrics metrics_of(const Radii& radii) {
  const Teller& teller = *std::ranges::find(kTellers, radii.who, &Teller::who);
  Metrics metrics;
  metrics.values = {{"clip_low", radii.clip.low}, {"clip_high", radii.clip.high}};
  metrics.series["network"].assign(radii.network.bytes.begin(), radii.network.bytes.end());
  const auto put = [&](std::string_view name, auto value_of_row) {
    std::ranges::transform(radii.rows, std::back_inserter(metrics.series[std::string(name)]), value_of_row);
  };
  using Row = Radii::Row;
  put("image", [](const Row& row) { return static_cast<double>(row.image); });
  put("label", [](const Row& row) { return static_cast<double>(row.label); });
  put("target", [](const Row& row) { return static_cast<double>(row.target.value_or(-1)); });
  put("pixels", [](const Row& row) { return row.pixels; });
  put(teller.proven, [](const Row& row) { return row.proven; });
  put(teller.broken, [](const Row& row) { return row.broken; });
  return metrics;
}

Radii radii_in(const Metrics& metrics) {
  const Teller& teller = metrics.series.contains(kTellers[1].proven) ? kTellers[1] : kTellers[0];
  const auto& image = column_of(metrics, "image", is_index);
  const auto& label = column_of(metrics, "label", is_index);
  const auto& target = column_of(metrics, "target", is_target);
  const auto& pixels = column_of(metrics, "pixels", is_index);
  const auto& proven = column_of(metrics, teller.proven, is_radius);
  const auto& broken = column_of(metrics, teller.broken, is_distance);
  Radii out{.who = std::string(teller.who),
            .network = network_in(metrics),
            .clip = {value_of(metrics, "clip_low"), value_of(metrics, "clip_high")},
            .rows = {}};
  for (std::size_t i = 0; i < image.size(); ++i) {
    Radii::Row row{.image = static_cast<std::int64_t>(image[i]),
                   .label = static_cast<std::int64_t>(label[i]),
                   .target = {},
                   .proven = proven[i],
                   .broken = broken[i],
                   .pixels = pixels[i]};
    if (target[i] >= 0) row.target = static_cast<std::int64_t>(target[i]);
    out.rows.push_back(row);
  }
  return out;
}

void require_network(const Radii& radii, const Network& network, const std::string& whose) {
  const Digest other = content_of(network);
  if (radii.network == other) return;
  throw Error(Code::request,
              fmt::format("'radii' of {} are of the network {}, but {} is {}", radii.who, radii.network.brief(), whose,
                          other.brief()),
              "give the radii of the same network: a radius says nothing of others");
}

void require_clip(const Radii& radii, Interval clip, const std::string& whose) {
  if (radii.clip.low == clip.low && radii.clip.high == clip.high) return;
  throw Error(Code::request,
              fmt::format("'radii' of {} are of pixels in [{}, {}], but those of {} are in [{}, {}]", radii.who,
                          radii.clip.low, radii.clip.high, whose, clip.low, clip.high),
              "search for the radii with the same instances");
}

void require_pixels(const Radii::Row& row, std::span<const float> image, const std::string& whose) {
  if (row.pixels == pixels_of(image)) return;
  throw Error(Code::request,
              fmt::format("image {}, label {}, has other pixels in 'radii' than in {}", row.image, row.label, whose),
              "give radii of images of the same data set");
}

}  // namespace espalier::abstract
