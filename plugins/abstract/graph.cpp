// SPDX-License-Identifier: Apache-2.0
#include "graph.hpp"

#include <algorithm>

#include "rounding.hpp"

namespace espalier::abstract {
namespace {

Graph::Step step_of(const Network& network, std::size_t layer) {
  const Layer& l = network.layers()[layer];
  const Shape& in = network.value_shape(l.inputs[0]);
  const Shape& out = network.value_shape(static_cast<int>(layer) + 1);
  return std::visit(Overloaded{
                        [](const Linear& op) -> Graph::Step { return affine_map(op); },
                        [&](const Conv2d& op) -> Graph::Step { return affine_map(op, in, out); },
                        [&](const BatchNorm& op) -> Graph::Step { return affine_map(op, in); },
                        [&](const AvgPool& op) -> Graph::Step { return affine_map(op, in, out); },
                        [](const Relu& op) -> Graph::Step { return op; },
                        [](const Add& op) -> Graph::Step { return op; },
                        [](const Flatten& op) -> Graph::Step { return op; },
                        [](const Affine& op) -> Graph::Step { return affine_map(op); },
                        [](const Reshape&) -> Graph::Step { return Flatten{}; },
                        [&](const Transpose& op) -> Graph::Step { return moving_map(sources(op, in), in); },
                        [&](const Pad& op) -> Graph::Step { return moving_map(sources(op, in), in); },
                    },
                    l.op);
}

/// Pairs of a window and an element inside of the image that it covers, along one axis.
double covered(std::int64_t windows, std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
               std::int64_t padding) {
  double pairs = 0;
  for (std::int64_t k = 0; k < kernel; ++k) {
    // 0 <= w stride + place < size
    const std::int64_t place = k * dilation - padding;
    const std::int64_t first = place >= 0 ? 0 : (-place + stride - 1) / stride;
    const std::int64_t behind = place >= size ? 0 : (size - place + stride - 1) / stride;
    pairs += static_cast<double>(std::max<std::int64_t>(0, std::min(windows, behind) - first));
  }
  return pairs;
}

/// Weights of 0 make no terms.
double share_of_weights(const Tensor& weight) {
  const auto values = weight.as<float>();
  return 1 - static_cast<double>(std::ranges::count(values, 0.0F)) / static_cast<double>(values.size());
}

/// Terms of the map that an operation becomes.
double products_of(const Op& op, const Shape& in, const Shape& out) {
  const auto each = [&] { return static_cast<double>(std::min(element_count(in), element_count(out))); };
  return std::visit(
      Overloaded{
          [](const Linear& o) { return share_of_weights(o.weight) * static_cast<double>(o.weight.size()); },
          [&](const Conv2d& o) {
            double products = share_of_weights(o.weight) * static_cast<double>(o.weight.dim(0) * o.weight.dim(1));
            for (std::size_t a = 0; a < 2; ++a) {
              products *= covered(out[a + 1], in[a + 1], o.weight.dim(static_cast<int>(a) + 2), o.stride[a],
                                  o.dilation[a], o.padding[a]);
            }
            return products;
          },
          [&](const AvgPool& o) {
            double products = static_cast<double>(out[0]);
            for (std::size_t a = 0; a < 2; ++a) {
              products *= covered(out[a + 1], in[a + 1], o.kernel[a], o.stride[a], 1, o.padding[a]);
            }
            return products;
          },
          [&](const BatchNorm&) { return each(); },
          [&](const Affine&) { return each(); },
          [&](const Transpose&) { return each(); },
          [&](const Pad&) { return each(); },
          [](const auto&) { return 0.0; },
      },
      op);
}

}  // namespace

double expected_bytes(const Network& network) {
  constexpr double kOfElement = sizeof(Interval) + 2 * sizeof(double) + sizeof(std::int32_t);
  double bytes = kOfElement * static_cast<double>(element_count(network.input_shape()));
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const Layer& layer = network.layers()[i];
    const Shape& out = network.value_shape(static_cast<int>(i) + 1);
    const double products = products_of(layer.op, network.value_shape(layer.inputs[0]), out);
    bytes += sizeof(Columns::Term) * products + kOfElement * static_cast<double>(element_count(out));
  }
  return bytes;
}

Graph::Graph(const Network& network) {
  sizes_.push_back(element_count(network.input_shape()));
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    nodes_.push_back({step_of(network, i), network.layers()[i].inputs});
    sizes_.push_back(element_count(network.value_shape(static_cast<int>(i) + 1)));
  }
  traits_.resize(sizes_.size());
  note_uses();
  note_ranges();
  note_live();
  // A coefficient collects at most one product from every element behind it, a constant two (bias, ReLU offset).
  std::int64_t elements = 0;
  for (const std::int64_t n : sizes_) elements += n;
  gamma_ = abstract::gamma(2 * elements + 16);
}

void Graph::note_uses() {
  std::vector<bool> used(traits_.size(), false);
  for (const Node& node : nodes_) {
    const bool relu = std::holds_alternative<Relu>(node.step);
    for (const int v : node.inputs) {
      Traits& t = traits_[static_cast<std::size_t>(v)];
      t.feeds_relu = t.feeds_relu || relu;
      t.feeds_only_relu = t.feeds_only_relu && relu;
      used[static_cast<std::size_t>(v)] = true;
    }
  }
  for (std::size_t v = 0; v < traits_.size(); ++v) traits_[v].feeds_only_relu = traits_[v].feeds_only_relu && used[v];
}

void Graph::note_ranges() {
  traits_[0].independent = true;
  traits_[0].exact = true;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Traits& in = traits_[static_cast<std::size_t>(nodes_[i].inputs[0])];
    Traits& out = traits_[i + 1];
    const auto* map = std::get_if<AffineMap>(&nodes_[i].step);
    const bool adds = std::holds_alternative<Add>(nodes_[i].step);
    const bool elementwise = !adds && (map == nullptr || map->elementwise);
    out.independent = elementwise && in.independent;
    out.exact = elementwise ? in.exact : map != nullptr && in.independent;
  }
}

void Graph::note_live() {
  for (const std::int64_t n : sizes_) live_.emplace_back(static_cast<std::size_t>(n), false);
  live_.back().assign(live_.back().size(), true);
  for (int v = output(); v > 0; --v) {
    const std::vector<bool>& after = live(v);
    const auto* map = std::get_if<AffineMap>(&node(v).step);
    for (const int in : node(v).inputs) {
      std::vector<bool>& before = live_[static_cast<std::size_t>(in)];
      for (std::size_t k = 0; k < before.size(); ++k) {
        if (before[k]) continue;
        before[k] =
            map == nullptr ? after[k] : std::ranges::any_of(map->weights.column(k), [&](const Columns::Term& t) {
              return after[static_cast<std::size_t>(t.row)];
            });
      }
    }
  }
}

}  // namespace espalier::abstract
