// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <cstddef>

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sparse_coo_tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "tensors.hpp"

namespace espalier::crown::device {
namespace {

/// A dense product does a few ten times more in the same time.
constexpr double kDenseShare = 0.03;
constexpr double kAlwaysDense = 1 << 18;

at::Tensor dense_matrix(const DeviceProblem::Edge& edge, std::int64_t rows, std::int64_t columns,
                        const at::Device& device) {
  std::vector<float> weights(static_cast<std::size_t>(rows * columns), 0.0F);
  for (const DeviceProblem::Term& t : edge.terms)
    weights[static_cast<std::size_t>(t.row * columns + t.column)] += t.weight;
  return tensor_of(weights, {rows, columns}, device);
}

at::Tensor sparse_matrix(const DeviceProblem::Edge& edge, std::int64_t rows, std::int64_t columns,
                         const at::Device& device) {
  const std::size_t count = edge.terms.size();
  std::vector<std::int64_t> places(2 * count);
  std::vector<float> weights(count);
  for (std::size_t i = 0; i < count; ++i) {
    places[i] = edge.terms[i].row;
    places[count + i] = edge.terms[i].column;
    weights[i] = edge.terms[i].weight;
  }
  const auto terms = static_cast<std::int64_t>(count);
  return at::sparse_coo_tensor(tensor_of(places, {2, terms}, device), tensor_of(weights, device), {rows, columns})
      .coalesce();
}

void multiply(const at::Tensor& sparse, const at::Tensor& x, at::Tensor y, bool add) {
  const at::Tensor product = at::mm(sparse, x.t()).t();
  if (add)
    y.add_(product);
  else
    y.copy_(product);
}

}  // namespace

Product::Product(const DeviceProblem::Edge& edge, std::int64_t rows, std::int64_t columns, const at::Device& device) {
  const double places = static_cast<double>(rows) * static_cast<double>(columns);
  if (places <= kAlwaysDense || static_cast<double>(edge.terms.size()) > kDenseShare * places) {
    dense_ = dense_matrix(edge, rows, columns, device);
  } else {
    sparse_ = sparse_matrix(edge, rows, columns, device);
    transposed_ = sparse_.t().coalesce();
  }
}

void Product::forward(const at::Tensor& x, at::Tensor y, bool add) const {
  if (!dense_.defined()) return multiply(sparse_, x, y, add);
  if (add)
    y.addmm_(x, dense_.t());
  else
    at::mm_out(y, x, dense_.t());
}

void Product::backward(const at::Tensor& p, at::Tensor a, bool add) const {
  if (!dense_.defined()) return multiply(transposed_, p, a, add);
  if (add)
    a.addmm_(p, dense_);
  else
    at::mm_out(a, p, dense_);
}

Model::Model(const DeviceProblem& problem, const at::Device& device) {
  const std::size_t count = problem.values.size();
  real_inputs = problem.values[0].size;
  inputs = (real_inputs + kGroup - 1) / kGroup * kGroup;
  used.assign(count, false);
  used.back() = true;
  for (std::size_t v = count; v-- > 1;) {
    for (const DeviceProblem::Edge& e : problem.values[v].edges) {
      if (used[v]) used[static_cast<std::size_t>(e.source)] = true;
    }
  }
  std::vector<double> biases;
  std::vector<float> rounded, slacks, lows, highs, offsets;
  std::vector<std::int64_t> element_of(problem.low.size(), -1);
  for (std::size_t v = 0; v < count; ++v) {
    const DeviceProblem::Value& from = problem.values[v];
    Value& value = values.emplace_back();
    value.size = v == 0 ? inputs : from.size;
    if (v == 0) continue;
    value.begin = elements;
    value.relu = from.relu && v + 1 < count;
    elements += value.size;
    biases.insert(biases.end(), from.bias.begin(), from.bias.end());
    rounded.insert(rounded.end(), from.rounded_bias.begin(), from.rounded_bias.end());
    slacks.insert(slacks.end(), from.slack.begin(), from.slack.end());
    for (std::size_t i = 0; i < static_cast<std::size_t>(from.size); ++i) {
      const std::size_t n = static_cast<std::size_t>(from.neurons) + i;
      if (value.relu) element_of[n] = value.begin + static_cast<std::int64_t>(i);
      lows.push_back(value.relu ? problem.low[n] : 1.0F);
      highs.push_back(value.relu ? problem.high[n] : 1.0F);
      offsets.push_back(value.relu ? problem.offset[n] : 0.0F);
    }
    for (const DeviceProblem::Edge& e : from.edges) {
      if (!used[v]) continue;
      const std::int64_t width = values[static_cast<std::size_t>(e.source)].size;
      value.edges.push_back({e.source, Product(e, value.size, width, device)});
    }
  }
  std::vector<std::int64_t> places;
  for (const std::int32_t n : problem.free) {
    const std::int64_t element = element_of[static_cast<std::size_t>(n)];
    if (element < 0) continue;
    free.push_back(n);
    places.push_back(element);
  }
  centre = at::zeros({inputs}, at::TensorOptions(at::kFloat).device(device));
  radius = at::zeros_like(centre);
  centre.narrow(0, 0, real_inputs).copy_(tensor_of(problem.centre, device));
  radius.narrow(0, 0, real_inputs).copy_(tensor_of(problem.radius, device));
  bias = tensor_of(biases, device);
  rounded_bias = tensor_of(rounded, device);
  slack = tensor_of(slacks, device);
  low = tensor_of(lows, device);
  high = tensor_of(highs, device);
  offset = tensor_of(offsets, device);
  columns = tensor_of(places, device);
  free_high = high.index_select(0, columns);
  free_offset = offset.index_select(0, columns);
  const auto outputs = values.back().size;
  goals = tensor_of(problem.goals, {static_cast<std::int64_t>(problem.thresholds.size()), outputs}, device);
  thresholds = tensor_of(problem.thresholds, device);
  // A device may take numbers below 2^-126 for 0: 2^23 times what gradual underflow loses.
  underflow = problem.underflow * 0x1p23;
  error_scale = problem.error_scale;
  neurons = static_cast<int>(problem.low.size());
}

at::Tensor Model::part(const at::Tensor& all, int value) const {
  const Value& v = values[static_cast<std::size_t>(value)];
  return all.narrow(1, v.begin, v.size);
}

}  // namespace espalier::crown::device
