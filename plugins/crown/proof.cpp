// SPDX-License-Identifier: Apache-2.0
#include "proof.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include <espalier/error.hpp>

namespace espalier::crown {
namespace {

/// Calls with every column and its name in a file; Proof may be constant.
template <class AnyProof, class Visit>
void for_columns(AnyProof& p, Visit&& visit) {
  visit("boxes/low", p.box_low);
  visit("boxes/high", p.box_high);
  visit("scopes/box", p.scope_box);
  visit("scopes/parent", p.scope_parent);
  visit("scopes/case", p.scope_case);
  visit("scopes/phase_start", p.scope_phase_start);
  visit("scopes/phases", p.scope_phases);
  visit("claims/scope", p.claim_scope);
  visit("claims/neuron", p.claim_neuron);
  visit("claims/side", p.claim_side);
  visit("claims/bound", p.claim_bound);
  visit("claims/slopes", p.claim_slopes);
  visit("claims/leaf_start", p.claim_leaf_start);
  visit("sloped/start", p.sloped_start);
  visit("sloped/neurons", p.sloped);
  visit("sloped/above", p.slopes_above);
  visit("leaves/phase_start", p.leaf_phase_start);
  visit("leaves/phases", p.leaf_phases);
  visit("leaves/multipliers", p.multipliers);
  visit("leaves/slope_start", p.leaf_slope_start);
  visit("leaves/slopes", p.slopes);
  visit("leaves/weight_start", p.leaf_weight_start);
  visit("leaves/weight_constraint", p.weight_constraint);
  visit("leaves/weights", p.weights);
}

template <class T>
std::vector<T> flat(const std::vector<T>& values) {
  return values;
}
std::vector<std::int32_t> flat(const std::vector<Proof::Neuron>& neurons) {
  std::vector<std::int32_t> out;
  for (const Proof::Neuron& n : neurons) out.insert(out.end(), {n.relu, n.element});
  return out;
}
std::vector<std::int32_t> flat(const std::vector<Proof::Phase>& phases) {
  std::vector<std::int32_t> out;
  for (const Proof::Phase& p : phases) out.insert(out.end(), {p.neuron.relu, p.neuron.element, p.sign});
  return out;
}

template <class T>
constexpr std::int64_t kWidth = 1;
template <>
constexpr std::int64_t kWidth<Proof::Neuron> = 2;
template <>
constexpr std::int64_t kWidth<Proof::Phase> = 3;

template <class T>
void unflatten(const Tensor& tensor, std::vector<T>& out) {
  const auto values = tensor.as<T>();
  out.assign(values.begin(), values.end());
}
void unflatten(const Tensor& tensor, std::vector<Proof::Neuron>& out) {
  const auto v = tensor.as<std::int32_t>();
  for (std::size_t i = 0; i < v.size(); i += 2) out.push_back({v[i], v[i + 1]});
}
void unflatten(const Tensor& tensor, std::vector<Proof::Phase>& out) {
  const auto v = tensor.as<std::int32_t>();
  for (std::size_t i = 0; i < v.size(); i += 3) out.push_back({{v[i], v[i + 1]}, v[i + 2]});
}

}  // namespace

void Proof::append(const Proof& other) {
  const auto add = [](auto& column, const auto& more) { column.insert(column.end(), more.begin(), more.end()); };
  const auto add_rows = [](std::vector<std::int64_t>& column, const std::vector<std::int64_t>& more,
                           std::size_t first) {
    for (const std::int64_t row : more) column.push_back(row < 0 ? row : row + static_cast<std::int64_t>(first));
  };
  const auto add_starts = [](std::vector<std::int64_t>& column, const std::vector<std::int64_t>& more) {
    const std::int64_t first = column.back();
    for (std::size_t i = 1; i < more.size(); ++i) column.push_back(first + more[i]);
  };
  const std::size_t boxes = box_low.size() / static_cast<std::size_t>(property.inputs);
  const std::size_t scopes = scope_box.size();
  const std::size_t lists = sloped_start.size() - 1;
  add(box_low, other.box_low);
  add(box_high, other.box_high);
  add_rows(scope_box, other.scope_box, boxes);
  add_rows(scope_parent, other.scope_parent, scopes);
  add(scope_case, other.scope_case);
  add_starts(scope_phase_start, other.scope_phase_start);
  add(scope_phases, other.scope_phases);
  add_rows(claim_scope, other.claim_scope, scopes);
  add(claim_neuron, other.claim_neuron);
  add(claim_side, other.claim_side);
  add(claim_bound, other.claim_bound);
  add_rows(claim_slopes, other.claim_slopes, lists);
  add_starts(claim_leaf_start, other.claim_leaf_start);
  add_starts(sloped_start, other.sloped_start);
  add(sloped, other.sloped);
  add(slopes_above, other.slopes_above);
  add_starts(leaf_phase_start, other.leaf_phase_start);
  add(leaf_phases, other.leaf_phases);
  add(multipliers, other.multipliers);
  add_starts(leaf_slope_start, other.leaf_slope_start);
  add(slopes, other.slopes);
  add_starts(leaf_weight_start, other.leaf_weight_start);
  add(weight_constraint, other.weight_constraint);
  add(weights, other.weights);
}

Fields Proof::to_fields() const {
  Fields fields;
  const Fields of_property = empty() ? Fields() : property.to_fields();
  for (const auto& [name, field] : of_property.all()) fields.set("property/" + name, field);
  for_columns(*this, [&]<class T>(const char* name, const std::vector<T>& column) {
    const auto rows = static_cast<std::int64_t>(column.size());
    const Shape shape = kWidth<T> == 1 ? Shape{rows} : Shape{rows, kWidth<T>};
    fields.set(name, Tensor::of(shape, flat(column)));
  });
  return fields;
}

Proof Proof::from_fields(const Fields& fields) {
  constexpr std::string_view kPrefix = "property/";
  Fields of_property;
  for (const auto& [name, field] : fields.all()) {
    if (name.starts_with(kPrefix)) of_property.set(name.substr(kPrefix.size()), field);
  }
  Proof proof;
  if (!of_property.all().empty()) proof.property = Property::from_fields(of_property);
  for_columns(proof, [&]<class T>(const char* name, std::vector<T>& column) {
    const Tensor& tensor = fields.tensor(name);
    const bool fits = kWidth<T> == 1 ? tensor.rank() == 1 : tensor.rank() == 2 && tensor.dim(1) == kWidth<T>;
    if (!fits) {
      throw Error(Code::damaged, "field '" + std::string(name) + "' of a Proof has shape " + to_text(tensor.shape()) +
                                     ", not " + std::to_string(kWidth<T>) + " numbers a row");
    }
    column.clear();
    unflatten(tensor, column);
  });
  return proof;
}

}  // namespace espalier::crown
