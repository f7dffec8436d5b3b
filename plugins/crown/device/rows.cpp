// SPDX-License-Identifier: Apache-2.0
#include "rows.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <ATen/ops/empty.h>

#include "tensors.hpp"

namespace espalier::crown::device {
namespace {

/// Where every neuron's column is.
std::vector<std::int32_t> columns_of(const std::vector<std::int32_t>& free) {
  std::vector<std::int32_t> column(free.empty() ? 0 : static_cast<std::size_t>(*std::ranges::max_element(free)) + 1,
                                   -1);
  for (std::size_t i = 0; i < free.size(); ++i)
    column[static_cast<std::size_t>(free[i])] = static_cast<std::int32_t>(i);
  return column;
}

/// One row of a domain's splits, in the order in which they were made.
void read_splits(const std::int16_t* order, const float* variable, const std::vector<std::int32_t>& free, Domain& d) {
  std::vector<std::pair<int, std::size_t>> splits;
  for (std::size_t k = 0; k < free.size(); ++k) {
    if (order[k] != 0) splits.emplace_back(std::abs(int{order[k]}), k);
  }
  std::ranges::sort(splits);
  for (const auto& [position, k] : splits) {
    d.literals.push_back({free[k], order[k] > 0 ? 1 : -1});
    d.multipliers.push_back(variable[k]);
  }
}

}  // namespace

Rows Rows::at(const at::Tensor& index) const {
  Rows picked;
  const auto to = fields(picked);
  const auto from = fields(*this);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = from[i]->index_select(0, index);
  return picked;
}

void Rows::write(const at::Tensor& index, const Rows& from) {
  const auto here = fields(*this);
  const auto there = fields(from);
  for (std::size_t i = 0; i < here.size(); ++i) here[i]->index_copy_(0, index, *there[i]);
}

Rows Rows::empty(std::int64_t rows, std::int64_t columns, int candidates, const at::Device& device) {
  const auto of = [&](at::IntArrayRef shape, at::ScalarType type) {
    return at::empty(shape, at::TensorOptions(type).device(device));
  };
  return {.goal = of({rows}, at::kLong),
          .bound = of({rows}, at::kDouble),
          .loss = of({rows}, at::kFloat),
          .narrow = of({rows}, at::kShort),
          .variable = of({rows, columns}, at::kHalf),
          .order = of({rows, columns}, at::kShort),
          .candidates = of({rows, candidates}, at::kInt)};
}

std::size_t Rows::bytes_of_one(std::int64_t columns, int candidates) {
  return 8 + 8 + 4 + 2 + 4 * static_cast<std::size_t>(columns) + 4 * static_cast<std::size_t>(candidates);
}

Rows Rows::from_host(const Domains& domains, const std::vector<std::int32_t>& free, int candidates,
                     const at::Device& device) {
  const std::vector<std::int32_t> column = columns_of(free);
  std::vector<std::int64_t> goal;
  std::vector<double> bound;
  std::vector<float> loss;
  std::vector<std::int16_t> narrow;
  std::vector<float> variable;
  std::vector<std::int16_t> order(domains.size() * free.size(), 0);
  std::vector<std::int32_t> next;
  for (const Domain& d : domains) {
    const std::size_t row = goal.size() * free.size();
    goal.push_back(static_cast<std::int64_t>(d.goal));
    bound.push_back(d.bound);
    loss.push_back(d.loss);
    narrow.push_back(static_cast<std::int16_t>(std::min(d.narrow, 1000)));
    for (const std::int32_t n : free) variable.push_back(Domain::unpacked(d.slopes[static_cast<std::size_t>(n)]));
    for (std::size_t i = 0; i < d.literals.size(); ++i) {
      const std::size_t at = row + static_cast<std::size_t>(column[static_cast<std::size_t>(d.literals[i].neuron)]);
      order[at] = static_cast<std::int16_t>(d.literals[i].sign * static_cast<int>(i + 1));
      variable[at] = d.multipliers[i];
    }
    for (int i = 0; i < candidates; ++i) {
      const auto c = static_cast<std::size_t>(i);
      next.push_back(i < d.candidate_count ? column[static_cast<std::size_t>(d.candidates[c])] : -1);
    }
  }
  const auto rows = static_cast<std::int64_t>(domains.size());
  const auto width = static_cast<std::int64_t>(free.size());
  return {.goal = tensor_of(goal, device),
          .bound = tensor_of(bound, device),
          .loss = tensor_of(loss, device),
          .narrow = tensor_of(narrow, device),
          .variable = tensor_of(variable, {rows, width}, device).clamp_max_(kMostMultiplier).to(at::kHalf),
          .order = tensor_of(order, {rows, width}, device),
          .candidates = tensor_of(next, {rows, candidates}, device)};
}

Domains Rows::to_host(const std::vector<std::int32_t>& free, bool with_slopes, int neurons) const {
  const auto goals = numbers_of<std::int64_t>(goal);
  const auto bounds = numbers_of<double>(bound);
  const auto losses = numbers_of<float>(loss);
  const auto narrows = numbers_of<std::int16_t>(narrow);
  const auto variables = numbers_of<float>(variable.to(at::kFloat));
  const auto orders = numbers_of<std::int16_t>(order);
  const auto next = numbers_of<std::int32_t>(candidates);
  const std::size_t width = next.size() / std::max<std::size_t>(goals.size(), 1);
  Domains domains(goals.size());
  for (std::size_t i = 0; i < domains.size(); ++i) {
    Domain& d = domains[i];
    d.goal = static_cast<std::size_t>(goals[i]);
    d.bound = bounds[i];
    d.loss = losses[i];
    d.narrow = narrows[i];
    const std::size_t row = i * free.size();
    read_splits(orders.data() + row, variables.data() + row, free, d);
    if (!with_slopes) continue;
    d.slopes.assign(static_cast<std::size_t>(neurons), 0);
    for (std::size_t k = 0; k < free.size(); ++k) {
      if (orders[row + k] == 0) d.slopes[static_cast<std::size_t>(free[k])] = Domain::packed(variables[row + k]);
    }
    for (std::size_t c = 0; c < width && next[i * width + c] >= 0; ++c) {
      d.candidates[c] = free[static_cast<std::size_t>(next[i * width + c])];
      d.candidate_count = static_cast<int>(c) + 1;
    }
  }
  return domains;
}

}  // namespace espalier::crown::device
