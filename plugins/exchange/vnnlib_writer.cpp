// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "vnnlib.hpp"

namespace espalier::exchange {
namespace {

/// The shortest decimal that reads back to the same double.
std::string number(double value) {
  if (!std::isfinite(value)) {
    throw Error(Code::unsupported, fmt::format("VNN-LIB has no word for the number {}", value),
                "give the property finite bounds and limits");
  }
  return fmt::format("{}", value);
}

std::string comparison(const OutputConstraint& constraint) {
  const auto& terms = constraint.terms;
  const auto is = [&](std::size_t i, double factor) { return terms[i].factor == factor; };
  if (terms.size() == 1 && is(0, 1)) return fmt::format("(<= Y_{} {})", terms[0].output, number(constraint.limit));
  if (terms.size() == 1 && is(0, -1)) {
    return fmt::format("(>= Y_{} {})", terms[0].output, number(0 - constraint.limit));  // never -0
  }
  if (terms.size() == 2 && constraint.limit == 0 && is(0, 1) && is(1, -1)) {
    return fmt::format("(<= Y_{} Y_{})", terms[0].output, terms[1].output);
  }
  if (terms.size() == 2 && constraint.limit == 0 && is(0, -1) && is(1, 1)) {
    return fmt::format("(<= Y_{} Y_{})", terms[1].output, terms[0].output);
  }
  std::string sum = terms.empty() ? "0" : "(+";
  for (const auto& term : terms) sum += fmt::format(" (* {} Y_{})", number(term.factor), term.output);
  return fmt::format("(<= {}{} {})", sum, terms.empty() ? "" : ")", number(constraint.limit));
}

std::vector<std::string> bounds(const Property::Box& box) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < box.low.size(); ++i) {
    all.push_back(fmt::format("(>= X_{} {})", i, number(box.low[i])));
    all.push_back(fmt::format("(<= X_{} {})", i, number(box.high[i])));
  }
  return all;
}

std::vector<std::string> comparisons(const Property::Case& c) {
  std::vector<std::string> all;
  for (const OutputConstraint& constraint : c.constraints) all.push_back(comparison(constraint));
  return all;
}

void assert_each(const std::vector<std::string>& formulas, std::string& out) {
  for (const std::string& formula : formulas) fmt::format_to(std::back_inserter(out), "(assert {})\n", formula);
}

}  // namespace

std::string vnnlib_text(const Property& property) {
  property.validate();
  std::string out;
  for (std::int64_t i = 0; i < property.inputs; ++i) out += fmt::format("(declare-const X_{} Real)\n", i);
  for (std::int64_t i = 0; i < property.outputs; ++i) out += fmt::format("(declare-const Y_{} Real)\n", i);
  if (property.cases.empty()) return out + "(assert false)\n";
  const auto box_of = [&](const Property::Case& c) -> const Property::Box& {
    return property.boxes[static_cast<std::size_t>(c.box)];
  };
  const Property::Case& first = property.cases[0];
  const bool one_box = std::ranges::all_of(property.cases, [&](const auto& c) { return c.box == first.box; });
  if (one_box) assert_each(bounds(box_of(first)), out);
  if (property.cases.size() == 1) {
    assert_each(comparisons(first), out);
    return out;
  }
  out += "(assert (or\n";
  for (const Property::Case& c : property.cases) {
    std::vector<std::string> all = comparisons(c);
    if (!one_box || all.empty()) {
      const std::vector<std::string> own = bounds(box_of(c));  // said again where there is nothing else to say
      all.insert(all.begin(), own.begin(), own.end());
    }
    out += fmt::format("  (and {})\n", fmt::join(all, " "));
  }
  return out + "))\n";
}

}  // namespace espalier::exchange
