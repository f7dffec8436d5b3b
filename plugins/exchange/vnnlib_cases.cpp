// SPDX-License-Identifier: Apache-2.0
#include "vnnlib_cases.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace espalier::exchange {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kMostBounds = std::size_t{1} << 23;  ///< in all boxes together

double in_range(const Number& number, const NamedText& file, std::uint32_t offset) {
  const double value = number.nearest();
  if (!std::isfinite(value)) file.fail(Code::unsupported, offset, "a number here is too large for a double");
  return value;
}

double factor_of(const Number& number, const NamedText& file, std::uint32_t offset) {
  const double value = in_range(number, file, offset);
  if (!std::isnormal(value)) file.fail(Code::unsupported, offset, "a factor here is too small for a double");
  // Whoever bounds such a sum takes 1 as it is.
  if (std::abs(value) == 1 && !number.is_unit()) {
    file.fail(Code::unsupported, offset, "a factor here is nearer to 1 than doubles can tell, but is not 1");
  }
  return value;
}

/// factor X + constant <= 0.
InputBound bound_of(const LinearForm::Term& term, const Number& constant, const NamedText& file, std::uint32_t offset) {
  const Number border = -(constant / term.factor);
  return {
      .index = term.variable.index, .is_upper = !term.factor.is_negative(), .value = in_range(border, file, offset)};
}

using Box = Property::Box;

void apply(const InputBound& bound, Box& box) {
  double& low = box.low[bound.index];
  double& high = box.high[bound.index];
  if (bound.is_upper) {
    high = std::min(high, bound.value);
  } else {
    low = std::max(low, bound.value);
  }
}

/// Collects the cases of a property; equal boxes are one.
class Cases {
 public:
  Cases(std::span<const Condition> conditions, std::span<const std::uint32_t> inputs, std::size_t outputs,
        const NamedText& file)
      : conditions_(conditions), inputs_(inputs), file_(file) {
    property_.inputs = static_cast<std::int64_t>(inputs.size());
    property_.outputs = static_cast<std::int64_t>(outputs);
    common_box_ = {.low = std::vector<double>(inputs.size(), -kInfinity),
                   .high = std::vector<double>(inputs.size(), kInfinity)};
  }

  void add_common(const Conditions& common) { split(common, common_box_, common_constraints_); }

  void add(const Conditions& own) {
    std::vector<OutputConstraint> constraints = common_constraints_;
    const bool has_bounds =
        std::ranges::any_of(own, [&](std::uint32_t c) { return std::holds_alternative<InputBound>(conditions_[c]); });
    std::int64_t index = 0;
    if (has_bounds) {
      Box box = common_box_;
      split(own, box, constraints);
      index = index_of(std::move(box));
    } else {
      split(own, common_box_, constraints);  // no bound among them: the box stays as it is
      if (!common_index_) common_index_ = index_of(common_box_);
      index = *common_index_;
    }
    property_.cases.push_back({.box = index, .constraints = std::move(constraints)});
  }

  Property take() { return std::move(property_); }

 private:
  void split(const Conditions& conditions, Box& box, std::vector<OutputConstraint>& constraints) const {
    for (const std::uint32_t c : conditions) {
      if (const auto* bound = std::get_if<InputBound>(&conditions_[c])) {
        apply(*bound, box);
      } else {
        constraints.push_back(std::get<OutputConstraint>(conditions_[c]));
      }
    }
  }

  std::int64_t index_of(Box box) {
    require_bounds(box);
    const auto next = static_cast<std::int64_t>(property_.boxes.size());
    const auto [it, is_new] = known_.try_emplace({box.low, box.high}, next);
    if (!is_new) return it->second;
    if ((property_.boxes.size() + 1) * inputs_.size() > kMostBounds) refuse_size(file_, 0);
    property_.boxes.push_back(std::move(box));
    return next;
  }

  void require_bounds(const Box& box) const {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (std::isfinite(box.low[i]) && std::isfinite(box.high[i])) continue;
      file_.fail(Code::unsupported, inputs_[i],
                 fmt::format("input X_{} has no {} bound{}", i, std::isfinite(box.low[i]) ? "upper" : "lower",
                             property_.cases.empty() ? "" : fmt::format(" in case {}", property_.cases.size())),
                 "every input needs both bounds in every case: (assert (<= X_i ...)) and (assert (>= X_i ...))");
    }
  }

  std::span<const Condition> conditions_;
  std::span<const std::uint32_t> inputs_;
  const NamedText& file_;
  Property property_;
  Box common_box_;
  std::vector<OutputConstraint> common_constraints_;
  std::optional<std::int64_t> common_index_;
  std::map<std::pair<std::vector<double>, std::vector<double>>, std::int64_t> known_;
};

}  // namespace

void refuse_size(const NamedText& file, std::uint32_t offset) {
  file.fail(Code::unsupported, offset,
            fmt::format("more than {} cases, {} comparisons or {} bounds once 'and' is multiplied out over 'or'",
                        kMostCases, kMostConditions, kMostBounds),
            "split the property into several files");
}

Condition condition_of(LinearForm form, const NamedText& file, std::uint32_t offset) {
  if (form.terms.size() == 1 && form.terms[0].variable.kind == Variable::Kind::input) {
    return bound_of(form.terms[0], form.constant, file, offset);
  }
  OutputConstraint constraint{.terms = {}, .limit = in_range(-form.constant, file, offset)};
  for (const LinearForm::Term& term : form.terms) {
    if (term.variable.kind == Variable::Kind::input) {
      file.fail(Code::unsupported, offset,
                fmt::format("this compares input X_{} with another variable", term.variable.index),
                "a comparison may bound one input by a number, or be about outputs alone");
    }
    constraint.terms.push_back(
        {.output = static_cast<std::int64_t>(term.variable.index), .factor = factor_of(term.factor, file, offset)});
  }
  return constraint;
}

Property property_of(Disjunction formula, std::span<const Condition> conditions, std::span<const std::uint32_t> inputs,
                     std::size_t outputs, const NamedText& file) {
  sort(formula);
  Cases cases(conditions, inputs, outputs, file);
  cases.add_common(formula.common);
  for (const Conditions& own : formula.cases) cases.add(own);
  return cases.take();
}

}  // namespace espalier::exchange
