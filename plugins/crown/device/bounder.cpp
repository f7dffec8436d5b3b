// SPDX-License-Identifier: Apache-2.0
#include "bounder.hpp"

#include <cmath>
#include <limits>

#include <ATen/ops/abs.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "rows.hpp"

namespace espalier::crown::device {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

/// Closed lanes are dropped when so few are left; fewer would not pay for moving the others.
constexpr double kWorthPicking = 0.8;

/// A row for every lane.
at::Tensor rows_of(const at::Tensor& row, std::int64_t lanes) {
  return row.unsqueeze(0).expand({lanes, row.size(0)}).clone(at::MemoryFormat::Contiguous);
}

}  // namespace

std::size_t Bounder::bytes_of_lane(const Model& model) {
  const std::size_t elements = static_cast<std::size_t>(model.elements);
  const std::size_t columns = static_cast<std::size_t>(model.free.size());
  return 4 * (14 * elements + 6 * static_cast<std::size_t>(model.inputs) + 18 * columns + 32);
}

void Bounder::load(const Lanes& lanes) {
  const std::int64_t n = lanes.size();
  split_ = lanes.sign.ne(0);
  open_ = lanes.sign.gt(0).to(at::kFloat);
  relaxed_.low = rows_of(model_->low, n);
  relaxed_.high = rows_of(model_->high, n);
  relaxed_.offset = rows_of(model_->offset, n);
  relaxed_.beta = at::zeros_like(relaxed_.low);
  relaxed_.high.index_copy_(1, model_->columns, at::where(split_, open_, model_->free_high));
  relaxed_.offset.index_copy_(1, model_->columns, model_->free_offset.masked_fill(split_, 0));
  coefficients_ = at::zeros_like(relaxed_.low);
  slope_ = at::ones_like(relaxed_.low);
  moved_ = at::zeros_like(relaxed_.low);
  set_variables(lanes);
}

void Bounder::set_variables(const Lanes& lanes) {
  relaxed_.low.index_copy_(1, model_->columns, at::where(split_, open_, lanes.variable));
  relaxed_.beta.index_copy_(1, model_->columns, lanes.sign.mul(lanes.variable));
}

void Bounder::backward(const Lanes& lanes) {
  const Model& m = *model_;
  const int last = m.last();
  std::vector<bool> touched(m.values.size(), false);
  at::Tensor input = at::zeros({lanes.size(), m.inputs}, relaxed_.low.options());
  const auto push = [&](int v) {
    for (const Model::Value::Edge& edge : m.values[static_cast<std::size_t>(v)].edges) {
      const auto source = static_cast<std::size_t>(edge.source);
      const at::Tensor to = source == 0 ? input : m.part(coefficients_, edge.source);
      edge.product.backward(m.part(moved_, v), to, touched[source]);
      touched[source] = true;
    }
  };
  m.part(moved_, last).copy_(m.goals.index_select(0, lanes.goal));
  m.part(coefficients_, last).zero_();
  push(last);
  for (int v = last - 1; v > 0; --v) {
    if (!touched[static_cast<std::size_t>(v)]) continue;
    const at::Tensor a = m.part(coefficients_, v);
    at::Tensor p = m.part(moved_, v);
    if (m.values[static_cast<std::size_t>(v)].relu) {
      at::Tensor slope = m.part(slope_, v);
      at::where_out(slope, a.lt(0), m.part(relaxed_.high, v), m.part(relaxed_.low, v));
      at::mul_out(p, a, slope);
      p.sub_(m.part(relaxed_.beta, v));
    } else {
      p.copy_(a);
    }
    push(v);
  }
  // The side of the box where a x is smallest, and that product: groups of 8 in float, then in double.
  points_ = at::addcmul(m.centre, input.sign(), m.radius, -1);
  const at::Tensor smallest = at::mul(input, points_)
                                  .view({lanes.size(), m.inputs / Model::kGroup, Model::kGroup})
                                  .sum(2)
                                  .sum(1, false, at::kDouble);
  const at::Tensor constant = coefficients_.clamp_max(0).mul_(relaxed_.offset).sum(1, false, at::kDouble);
  const at::Tensor loss = moved_.abs().mv(m.slack).to(at::kDouble).mul_(m.error_scale).add_(m.underflow);
  const at::Tensor bound = moved_.to(at::kDouble).mv(m.bias).add_(constant).add_(smallest).sub_(loss);
  const at::Tensor known = bound.isfinite();
  bound_ = at::where(known, bound.sub(m.thresholds.index_select(0, lanes.goal)), kNothing);
  loss_ = at::where(known, loss, -kNothing).to(at::kFloat);
}

at::Tensor Bounder::bound_once(const Lanes& lanes) {
  load(lanes);
  backward(lanes);
  return bound_;
}

/// The relaxed network at the points, with the sides of the relaxation that the last bound chose.
void Bounder::forward() {
  const Model& m = *model_;
  before_ = at::empty_like(coefficients_);
  after_ = at::empty_like(coefficients_);
  const at::Tensor offset = relaxed_.offset.masked_fill(coefficients_.ge(0), 0);
  for (int v = 1; v < m.last(); ++v) {
    bool add = false;
    at::Tensor z = m.part(before_, v);
    if (!m.used[static_cast<std::size_t>(v)]) {
      z.zero_();
      m.part(after_, v).zero_();
      continue;
    }
    for (const Model::Value::Edge& edge : m.values[static_cast<std::size_t>(v)].edges) {
      edge.product.forward(edge.source == 0 ? points_ : m.part(after_, edge.source), z, add);
      add = true;
    }
    const Model::Value& value = m.values[static_cast<std::size_t>(v)];
    z.add_(m.rounded_bias.narrow(0, value.begin, value.size));
    at::Tensor y = m.part(after_, v);
    if (value.relu)
      at::addcmul_out(y, m.part(offset, v), m.part(slope_, v), z);
    else
      y.copy_(z);
  }
}

/// A step of Adam (Kingma and Ba 2015) for slopes and multipliers at once.
void Bounder::ascend(Lanes& lanes, const Effort& effort, int iteration) {
  const double decay = std::pow(static_cast<double>(effort.decay), iteration);
  const at::Tensor z = before_.index_select(1, model_->columns);
  const at::Tensor a = coefficients_.index_select(1, model_->columns);
  const at::Tensor factor = at::where(split_, lanes.sign.neg(), a.clamp_min(0));
  const at::Tensor gradient = factor.mul(z);
  first_.mul_(kFirstDecay).add_(gradient, 1 - kFirstDecay);
  second_.mul_(kSecondDecay).addcmul_(gradient, gradient, 1 - kSecondDecay);
  const double first_correction = 1 / (1 - std::pow(kFirstDecay, iteration + 1));
  const double second_correction = 1 / (1 - std::pow(kSecondDecay, iteration + 1));
  const at::Tensor size = second_.mul(second_correction).sqrt_().add_(1e-12);
  const at::Tensor step = first_.div(size);
  const at::Tensor rate = at::where(split_, first_correction * decay * static_cast<double>(effort.beta_rate),
                                    first_correction * decay * static_cast<double>(effort.alpha_rate))
                              .to(at::kFloat);
  const at::Tensor most = at::where(split_, Rows::kMostMultiplier, 1.0).to(at::kFloat);
  lanes.variable = at::minimum(at::addcmul(lanes.variable, step, rate).clamp_min_(0), most);
}

void Bounder::keep_best(const Lanes& lanes) {
  if (!best_.defined()) {
    best_ = bound_;
    best_loss_ = loss_;
    best_variable_ = lanes.variable;
    return;
  }
  const at::Tensor better = bound_.gt(best_);
  best_ = at::where(better, bound_, best_);
  best_loss_ = at::where(better, loss_, best_loss_);
  best_variable_ = at::where(better.unsqueeze(1), lanes.variable, best_variable_);
}

void Bounder::pick(const at::Tensor& which, Lanes& lanes) {
  for (at::Tensor* t :
       {&lanes.goal, &lanes.sign, &lanes.variable, &relaxed_.low, &relaxed_.high, &relaxed_.offset, &relaxed_.beta,
        &split_, &open_, &coefficients_, &slope_, &points_, &best_, &best_loss_, &best_variable_, &first_, &second_}) {
    *t = t->index_select(0, which);
  }
  moved_ = at::zeros_like(coefficients_);
}

at::Tensor Bounder::improve(Lanes& lanes, const Effort& effort, at::Tensor& closed) {
  at::Tensor left = at::arange(lanes.size(), lanes.goal.options());
  best_ = at::Tensor();
  first_ = at::zeros_like(lanes.variable);
  second_ = at::zeros_like(lanes.variable);
  load(lanes);
  for (int i = 0; i < effort.iterations && lanes.size() > 0; ++i) {
    if (i > 0) {
      forward();
      ascend(lanes, effort, i - 1);
      set_variables(lanes);
    }
    backward(lanes);
    keep_best(lanes);
    const at::Tensor shut = best_.gt(0);
    const at::Tensor open = shut.logical_not().nonzero().flatten();
    const bool last = i + 1 == effort.iterations;
    const auto count = static_cast<double>(lanes.size());
    if (static_cast<double>(open.size(0)) > (last ? count - 1 : kWorthPicking * count)) continue;
    closed = at::minimum(closed, at::where(shut, best_, -kNothing).min());
    pick(open, lanes);
    left = left.index_select(0, open);
  }
  lanes.variable = best_variable_;
  return left;
}

at::Tensor Bounder::outputs() const {
  const Model& m = *model_;
  std::vector<at::Tensor> values(m.values.size());
  values[0] = points_;
  for (std::size_t v = 1; v < values.size(); ++v) {
    const Model::Value& value = m.values[v];
    at::Tensor z = at::empty({points_.size(0), value.size}, points_.options());
    bool add = false;
    for (const Model::Value::Edge& edge : value.edges) {
      edge.product.forward(values[static_cast<std::size_t>(edge.source)], z, add);
      add = true;
    }
    z.add_(m.rounded_bias.narrow(0, value.begin, value.size));
    values[v] = value.relu ? z.clamp_min_(0) : z;
  }
  return values.back();
}

at::Tensor Bounder::costs(const Lanes& lanes, float gap_weight) {
  forward();
  const at::Tensor a = coefficients_.index_select(1, model_->columns);
  const at::Tensor z = before_.index_select(1, model_->columns);
  const at::Tensor y = after_.index_select(1, model_->columns);
  const at::Tensor gap = y.sub(z.clamp_min(0)).mul_(a).abs_().mul_(static_cast<double>(gap_weight));
  const at::Tensor cost = at::addcmul(gap, a.neg().clamp_min_(0), model_->free_offset);
  return cost.nan_to_num_(0).masked_fill_(lanes.sign.ne(0), -1);
}

}  // namespace espalier::crown::device
