// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <espalier/network.hpp>
#include <espalier/results.hpp>

/// What is said about one image of one network, and whether all of it can be true.
namespace espalier::measure {

using Labels = std::map<std::string, std::string>;
/// "variant=baseline, epsilon=0.1"; "no labels".
std::string labels_text(const Labels& labels);

/// A row of an answer.
struct Said {
  std::string who;  ///< with the labels that it has beyond its network's
  const Verdicts::Row* row = nullptr;
};

/// An input that the network does not classify as `label`: a counterexample's witness, or what an attack found.
struct Found {
  std::string who;
  std::int64_t label = 0;
  std::optional<std::int64_t> beats;  ///< the class whose score is the label's or more; absent: some class
  double epsilon = 0;                 ///< it lies within this radius
  std::optional<double> distance;     ///< its own, rounded
  std::vector<float> point;           ///< empty when it was not kept
};

/// Where the boxes around an image lie. Borrows the centre.
struct Place {
  std::span<const float> centre;
  double clip_low = 0;
  double clip_high = 1;
};

/// Throws Error unless a point that was kept is what was said of it, over the reals. False when only rounding made an
/// attack believe so.
bool is_violation(const Network& network, const Found& found);

/// Why both cannot be true: that the network is robust around the image, and that the point was found. Empty when they
/// can. Needs: `robust` is about the same image and label, and a kept point is a violation.
std::string contradiction(const Network& network, const Said& robust, const Found& found,
                          const std::optional<Place>& at);

}  // namespace espalier::measure
