// SPDX-License-Identifier: Apache-2.0
// How a property is stored: three lists, one after the other, each with how long its parts are. The layout is in
// schemas/artifacts.md.
#include <cmath>
#include <set>
#include <utility>

#include <espalier/property.hpp>

#include "artifact/decoding.hpp"

namespace espalier::inline v1 {
namespace {

using artifact::column;
using artifact::vector_tensor;

std::int64_t count_of(std::size_t size) {
  return static_cast<std::int64_t>(size);
}

void require_bounds(const std::vector<double>& bounds, std::size_t box, std::string_view side, std::int64_t inputs) {
  if (count_of(bounds.size()) != inputs) {
    throw Error(Code::internal, fmt::format("box {} of the property has {} {} bounds, but there are {} inputs", box,
                                            bounds.size(), side, inputs));
  }
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (!std::isnan(bounds[i])) continue;
    throw Error(Code::numeric,
                fmt::format("the {} bound of input {} in box {} of the property is not a number", side, i, box));
  }
}

void require_constraint(const OutputConstraint& constraint, std::size_t at_case, std::int64_t outputs) {
  std::set<std::int64_t> named;
  for (const OutputConstraint::Term& term : constraint.terms) {
    if (!(term.output >= 0 && term.output < outputs)) {
      throw Error(Code::internal, fmt::format("case {} of the property names output {}, but there are {}", at_case,
                                              term.output, outputs));
    }
    if (!named.insert(term.output).second) {
      throw Error(Code::internal,
                  fmt::format("a constraint in case {} of the property names output {} twice", at_case, term.output));
    }
    if (term.factor != 0 && !std::isnormal(term.factor)) {
      throw Error(Code::numeric, fmt::format("a factor of output {} in case {} of the property is {}", term.output,
                                             at_case, term.factor));
    }
  }
  if (std::isnan(constraint.limit)) {
    throw Error(Code::numeric, fmt::format("a limit in case {} of the property is not a number", at_case));
  }
}

/// Every box's bounds of one side, row after row.
Tensor bounds_tensor(const Property& property, std::vector<double> Property::Box::*side) {
  std::vector<double> all;
  for (const Property::Box& box : property.boxes) all.insert(all.end(), (box.*side).begin(), (box.*side).end());
  return Tensor::of<double>({count_of(property.boxes.size()), property.inputs}, std::move(all));
}

std::span<const double> stored_bounds(const Fields& fields, std::string_view name, std::int64_t inputs) {
  const Tensor& t = fields.tensor(name);
  if (t.dtype() == DType::f64 && t.rank() == 2 && t.dim(1) == inputs) return t.as<double>();
  throw Error(Code::damaged, fmt::format("field '{}' is {} {}, not f64 [boxes, {}]", name, to_text(t.dtype()),
                                         to_text(t.shape()), inputs));
}

/// The boxes of a file; both sides must have as many.
std::vector<Property::Box> load_boxes(const Fields& fields, std::int64_t inputs) {
  const auto low = stored_bounds(fields, "box_low", inputs);
  const auto high = stored_bounds(fields, "box_high", inputs);
  const std::int64_t count = fields.tensor("box_low").dim(0);
  if (fields.tensor("box_high").dim(0) != count) throw Error(Code::damaged, "box_low and box_high differ in length");
  std::vector<Property::Box> boxes;
  for (std::int64_t b = 0; b < count; ++b) {
    const auto row = [&](std::span<const double> all) {
      const auto part = all.subspan(static_cast<std::size_t>(b * inputs), static_cast<std::size_t>(inputs));
      return std::vector<double>(part.begin(), part.end());
    };
    boxes.push_back({.low = row(low), .high = row(high)});
  }
  return boxes;
}

/// Hands out a list part by part. Throws when a part is longer than what is left, and at the end unless all was used.
class Portions {
 public:
  Portions(std::string_view what, std::size_t size) : what_(what), size_(count_of(size)) {}
  /// The first index of the next part of `count`.
  std::size_t take(std::int64_t count) {
    if (count < 0 || count > size_ - used_) fail();
    return static_cast<std::size_t>(std::exchange(used_, used_ + count));
  }
  void require_all_used() const {
    if (used_ != size_) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(Code::damaged, fmt::format("the property's parts do not add up to its {} {}", size_, what_));
  }
  std::string_view what_;
  std::int64_t size_;
  std::int64_t used_ = 0;
};

std::vector<OutputConstraint> load_constraints(const Fields& fields) {
  const auto limits = column<double>(fields, "limit");
  const auto sizes = column<std::int64_t>(fields, "constraint_terms", count_of(limits.size()));
  const auto outputs = column<std::int64_t>(fields, "term_output");
  const auto factors = column<double>(fields, "term_factor", count_of(outputs.size()));
  Portions terms("terms", outputs.size());
  std::vector<OutputConstraint> constraints;
  for (std::size_t c = 0; c < limits.size(); ++c) {
    OutputConstraint constraint{.terms = {}, .limit = limits[c]};
    const std::size_t first = terms.take(sizes[c]);
    for (std::size_t t = first; t < first + static_cast<std::size_t>(sizes[c]); ++t) {
      constraint.terms.push_back({.output = outputs[t], .factor = factors[t]});
    }
    constraints.push_back(std::move(constraint));
  }
  terms.require_all_used();
  return constraints;
}

std::vector<Property::Case> load_cases(const Fields& fields) {
  std::vector<OutputConstraint> constraints = load_constraints(fields);
  const auto boxes = column<std::int64_t>(fields, "case_box");
  const auto sizes = column<std::int64_t>(fields, "case_constraints", count_of(boxes.size()));
  Portions portions("constraints", constraints.size());
  std::vector<Property::Case> cases;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const auto first = constraints.begin() + static_cast<std::ptrdiff_t>(portions.take(sizes[i]));
    cases.push_back(
        {.box = boxes[i], .constraints = {std::make_move_iterator(first), std::make_move_iterator(first + sizes[i])}});
  }
  portions.require_all_used();
  return cases;
}

}  // namespace

Fields Property::to_fields() const {
  validate();
  std::vector<std::int64_t> case_box, case_constraints, constraint_terms, term_output;
  std::vector<double> limits, factors;
  for (const Case& c : cases) {
    case_box.push_back(c.box);
    case_constraints.push_back(count_of(c.constraints.size()));
    for (const OutputConstraint& constraint : c.constraints) {
      limits.push_back(constraint.limit);
      constraint_terms.push_back(count_of(constraint.terms.size()));
      for (const OutputConstraint::Term& term : constraint.terms) {
        term_output.push_back(term.output);
        factors.push_back(term.factor);
      }
    }
  }
  const auto reals = [](std::vector<double> values) {
    const std::int64_t count = count_of(values.size());
    return Tensor::of<double>({count}, std::move(values));
  };
  Fields fields;
  fields.set("inputs", inputs);
  fields.set("outputs", outputs);
  fields.set("box_low", bounds_tensor(*this, &Box::low));
  fields.set("box_high", bounds_tensor(*this, &Box::high));
  fields.set("case_box", vector_tensor(std::move(case_box)));
  fields.set("case_constraints", vector_tensor(std::move(case_constraints)));
  fields.set("limit", reals(std::move(limits)));
  fields.set("constraint_terms", vector_tensor(std::move(constraint_terms)));
  fields.set("term_output", vector_tensor(std::move(term_output)));
  fields.set("term_factor", reals(std::move(factors)));
  return fields;
}

Property Property::from_fields(const Fields& fields) {
  return artifact::decoded<Property>(fields, [&] {
    Property out;
    out.inputs = fields.integer("inputs");
    out.outputs = fields.integer("outputs");
    out.boxes = load_boxes(fields, out.inputs);
    out.cases = load_cases(fields);
    return out;
  });
}

void Property::validate() const {
  if (inputs < 1 || outputs < 1) {
    throw Error(Code::internal, fmt::format("a property of {} inputs and {} outputs", inputs, outputs));
  }
  for (std::size_t b = 0; b < boxes.size(); ++b) {
    require_bounds(boxes[b].low, b, "lower", inputs);
    require_bounds(boxes[b].high, b, "upper", inputs);
  }
  for (std::size_t c = 0; c < cases.size(); ++c) {
    if (!(cases[c].box >= 0 && cases[c].box < count_of(boxes.size()))) {
      throw Error(Code::internal, fmt::format("case {} of the property is about box {}, but there are {}", c,
                                              cases[c].box, boxes.size()));
    }
    for (const OutputConstraint& constraint : cases[c].constraints) require_constraint(constraint, c, outputs);
  }
}

}  // namespace espalier::inline v1
