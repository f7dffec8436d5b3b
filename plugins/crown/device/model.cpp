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
  note_used(problem);
  add_values(problem, device);
  add_input(problem, device);
  add_neurons(problem, device);
  const auto outputs = values.back().size;
  goals = tensor_of(problem.goals, {static_cast<std::int64_t>(problem.thresholds.size()), outputs}, device);
  thresholds = tensor_of(problem.thresholds, device);
  // A device may take numbers below 2^-126 for 0: 2^23 times what gradual underflow loses.
  underflow = problem.underflow * 0x1p23;
  error_scale = problem.error_scale;
}

/// Values that goals depend on.
void Model::note_used(const DeviceProblem& problem) {
  used.assign(problem.values.size(), false);
  used.back() = true;
  for (std::size_t v = problem.values.size(); v-- > 1;) {
    for (const DeviceProblem::Edge& e : problem.values[v].edges) {
      if (used[v]) used[static_cast<std::size_t>(e.source)] = true;
    }
  }
}

/// The values' places among all elements, their edges, and what is added to each element.
void Model::add_values(const DeviceProblem& problem, const at::Device& device) {
  real_inputs = problem.values[0].size;
  inputs = (real_inputs + kGroup - 1) / kGroup * kGroup;
  values.push_back({.begin = 0, .size = inputs, .relu = false, .edges = {}});
  std::vector<double> biases;
  std::vector<float> rounded, slacks;
  for (std::size_t v = 1; v < problem.values.size(); ++v) {
    const DeviceProblem::Value& from = problem.values[v];
    const bool relu = from.relu && v + 1 < problem.values.size();
    Value& value = values.emplace_back(Value{.begin = elements, .size = from.size, .relu = relu, .edges = {}});
    elements += value.size;
    biases.insert(biases.end(), from.bias.begin(), from.bias.end());
    rounded.insert(rounded.end(), from.rounded_bias.begin(), from.rounded_bias.end());
    slacks.insert(slacks.end(), from.slack.begin(), from.slack.end());
    for (const DeviceProblem::Edge& e : from.edges) {
      if (!used[v]) continue;
      const std::int64_t width = values[static_cast<std::size_t>(e.source)].size;
      value.edges.push_back({e.source, Product(e, value.size, width, device)});
    }
  }
  bias = tensor_of(biases, device);
  rounded_bias = tensor_of(rounded, device);
  slack = tensor_of(slacks, device);
}

/// The box, padded with points at 0.
void Model::add_input(const DeviceProblem& problem, const at::Device& device) {
  centre = at::zeros({inputs}, at::TensorOptions(at::kFloat).device(device));
  radius = at::zeros_like(centre);
  centre.narrow(0, 0, real_inputs).copy_(tensor_of(problem.centre, device));
  radius.narrow(0, 0, real_inputs).copy_(tensor_of(problem.radius, device));
}

/// The lines over every element, as over an open neuron where there is no ReLU, and the neurons that may be split.
void Model::add_neurons(const DeviceProblem& problem, const at::Device& device) {
  const auto all = static_cast<std::size_t>(elements);
  std::vector<float> lows(all, 1), highs(all, 1), offsets(all, 0);
  std::vector<std::int64_t> element_of(problem.low.size(), -1);
  for (std::size_t v = 1; v < values.size(); ++v) {
    for (std::int64_t i = 0; values[v].relu && i < values[v].size; ++i) {
      const auto n = static_cast<std::size_t>(problem.values[v].neurons + i);
      element_of[n] = values[v].begin + i;
      const auto element = static_cast<std::size_t>(element_of[n]);
      lows[element] = problem.low[n];
      highs[element] = problem.high[n];
      offsets[element] = problem.offset[n];
    }
  }
  std::vector<std::int64_t> places;
  for (const std::int32_t n : problem.free) {
    const std::int64_t element = element_of[static_cast<std::size_t>(n)];
    if (element < 0) continue;
    free.push_back(n);
    places.push_back(element);
  }
  low = tensor_of(lows, device);
  high = tensor_of(highs, device);
  offset = tensor_of(offsets, device);
  columns = tensor_of(places, device);
  free_high = high.index_select(0, columns);
  free_offset = offset.index_select(0, columns);
  neurons = static_cast<int>(problem.low.size());
}

at::Tensor Model::part(const at::Tensor& all, int value) const {
  const Value& v = values[static_cast<std::size_t>(value)];
  return all.narrow(1, v.begin, v.size);
}

}  // namespace espalier::crown::device
