// SPDX-License-Identifier: Apache-2.0
#include "unstable.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <abstract/relaxation.hpp>

#include "forward.hpp"

namespace espalier::measure {
namespace {

Batch<Interval> boxes_in_lanes(const Boxes& boxes, std::size_t first, std::size_t elements, double epsilon) {
  Batch<Interval> out(elements);
  const std::size_t count = std::min(kLanes, boxes.centres.size() / elements - first);
  for (std::size_t lane = 0; lane < count; ++lane) {
    for (std::size_t i = 0; i < elements; ++i) {
      const double centre = boxes.centres[(first + lane) * elements + i];
      out[i][lane] = {std::max(centre - epsilon, boxes.clip_low), std::min(centre + epsilon, boxes.clip_high)};
    }
  }
  return out;
}

std::int64_t count_unstable(const Network& network, const std::vector<Batch<Interval>>& values, std::size_t lanes) {
  std::int64_t count = 0;
  for (const Layer& layer : network.layers()) {
    if (!std::holds_alternative<Relu>(layer.op)) continue;
    for (const Lanes<Interval>& neuron : values[static_cast<std::size_t>(layer.inputs[0])]) {
      count += std::count_if(neuron.begin(), neuron.begin() + static_cast<std::ptrdiff_t>(lanes),
                             [](const Interval& bounds) {
                               return abstract::is_unstable({bounds.low, bounds.high});
                             });
    }
  }
  return count;
}

}  // namespace

double unstable_neurons(const Network& network, const Boxes& boxes, double epsilon, Context& ctx) {
  const auto elements = static_cast<std::size_t>(element_count(network.input_shape()));
  const std::size_t samples = boxes.centres.size() / elements;
  std::int64_t total = 0;
  for (std::size_t first = 0; first < samples; first += kLanes) {
    ctx.check_stop();
    const auto values = forward(network, boxes_in_lanes(boxes, first, elements, epsilon));
    total += count_unstable(network, values, std::min(kLanes, samples - first));
  }
  return static_cast<double>(total) / static_cast<double>(samples);
}

}  // namespace espalier::measure
