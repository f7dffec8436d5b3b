// SPDX-License-Identifier: Apache-2.0
#include "exact_numbers.hpp"

#include <algorithm>

namespace espalier::crown {
namespace {

using abstract::AffineMap;

std::size_t at(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

Rational number(const Tensor& t, std::size_t i) {
  return Rational(double{t.as<float>()[i]});
}

bool is_own(const AffineMap& map) {
  return map.weight_error == 0 && std::ranges::all_of(map.bias_error, [](double e) { return e == 0; });
}

/// y_k = factors[k / area] x_k + biases[k / area].
ExactMap by_element(const AffineMap& map, std::size_t area, const std::vector<Rational>& factors,
                    const std::vector<Rational>& biases) {
  ExactMap exact;
  for (const auto& term : map.weights.terms) exact.weights.push_back(factors[at(term.row) / area]);
  for (std::size_t k = 0; k < map.bias.size(); ++k) exact.bias.push_back(biases[k / area]);
  return exact;
}

std::optional<ExactMap> exact_map(const BatchNorm& op, const AffineMap& map) {
  std::vector<Rational> factors;
  std::vector<Rational> biases;
  const auto channels = at(op.gamma.size());
  for (std::size_t c = 0; c < channels; ++c) {
    const auto root = exact_root(number(op.variance, c) + Rational(op.epsilon));
    if (!root) return std::nullopt;
    factors.push_back(number(op.gamma, c) / *root);
    biases.push_back(number(op.beta, c) - factors.back() * number(op.mean, c));
  }
  return by_element(map, map.bias.size() / channels, factors, biases);
}

ExactMap exact_map(const Affine& op, const AffineMap& map) {
  std::vector<Rational> factors;
  std::vector<Rational> biases;
  for (std::size_t k = 0; k < map.bias.size(); ++k) {
    const Rational divisor = op.divisor.empty() ? Rational(1) : number(op.divisor, k);
    factors.push_back(number(op.scale, k) / divisor);
    biases.push_back(number(op.shift, k));
  }
  return by_element(map, 1, factors, biases);
}

ExactMap exact_map(const AvgPool& op, const AffineMap& map) {
  const Rational share = Rational(1) / Rational(op.kernel[0] * op.kernel[1]);
  return {std::vector<Rational>(map.weights.terms.size(), share), std::vector<Rational>(map.bias.size(), Rational(0))};
}

}  // namespace

bool ExactNumbers::usable() const {
  std::call_once(once_, [this] { work_out(); });
  return usable_;
}

const ExactMap* ExactNumbers::of(int value) const {
  std::call_once(once_, [this] { work_out(); });
  const auto& map = maps_[at(value)];
  return map ? &*map : nullptr;
}

void ExactNumbers::work_out() const {
  constexpr std::size_t kMostTerms = 150'000;
  maps_.resize(at(graph_.values()));
  std::size_t terms = 0;
  for (int v = 1; v < graph_.values(); ++v) {
    const auto* map = std::get_if<AffineMap>(&graph_.node(v).step);
    if (map != nullptr) terms += map->weights.terms.size();
    if (map == nullptr || is_own(*map)) continue;
    const Op& op = network_.layers()[at(v) - 1].op;
    std::optional<ExactMap>& exact = maps_[at(v)];
    if (const auto* norm = std::get_if<BatchNorm>(&op)) exact = exact_map(*norm, *map);
    if (const auto* scaling = std::get_if<Affine>(&op)) exact = exact_map(*scaling, *map);
    if (const auto* mean = std::get_if<AvgPool>(&op)) exact = exact_map(*mean, *map);
    usable_ = usable_ && exact.has_value();
  }
  usable_ = usable_ && terms <= kMostTerms;
}

}  // namespace espalier::crown
