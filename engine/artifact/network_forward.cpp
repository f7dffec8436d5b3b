// SPDX-License-Identifier: Apache-2.0
// The reference semantics of a network: what the other analyses bound and what witnesses are replayed on. Every product
// and sum is in double, in one fixed order, so that a replay gives the same answer everywhere.
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

#include "artifact/plain.hpp"

namespace espalier::inline v1 {

std::vector<std::int64_t> sources(const Transpose& op, const Shape& in) {
  const std::size_t rank = in.size();
  Shape strides(rank, 1);  // of the input's axes
  for (std::size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * in[i];
  std::vector<std::int64_t> out{0};
  for (const std::int64_t axis : op.order) {
    const auto a = static_cast<std::size_t>(axis);
    std::vector<std::int64_t> longer;
    longer.reserve(out.size() * static_cast<std::size_t>(in[a]));
    for (const std::int64_t base : out) {
      for (std::int64_t i = 0; i < in[a]; ++i) longer.push_back(base + i * strides[a]);
    }
    out = std::move(longer);
  }
  return out;
}

std::vector<std::int64_t> sources(const Pad& op, const Shape& in) {
  std::vector<std::int64_t> out;
  for (std::int64_t c = 0; c < in[0]; ++c) {
    for (std::int64_t y = -op.before[0]; y < in[1] + op.after[0]; ++y) {
      for (std::int64_t x = -op.before[1]; x < in[2] + op.after[1]; ++x) {
        const bool inside = y >= 0 && y < in[1] && x >= 0 && x < in[2];
        out.push_back(inside ? (c * in[1] + y) * in[2] + x : -1);
      }
    }
  }
  return out;
}

std::vector<double> Network::forward(std::span<const double> input) const {
  if (static_cast<std::int64_t>(input.size()) != element_count(input_shape_)) {
    throw Error(Code::internal,
                fmt::format("{} values for a network with inputs of shape {}", input.size(), to_text(input_shape_)));
  }
  using Double = artifact::Plain<double>;
  std::vector<Double::Number> numbers;
  numbers.reserve(input.size());
  for (const double x : input) numbers.emplace_back(x);
  std::vector<double> out;
  for (const Double::Number y : artifact::Walk<Double>(*this).outputs(std::move(numbers))) out.push_back(y.value);
  return out;
}

}  // namespace espalier::inline v1
