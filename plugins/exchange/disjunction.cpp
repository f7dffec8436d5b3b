// SPDX-License-Identifier: Apache-2.0
#include "disjunction.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace espalier::exchange {
namespace {

/// Moves the shorter list behind the longer: the order does not matter until the end, and deep nests stay cheap.
template <class T>
void merge(std::vector<T>& into, std::vector<T> from) {
  if (into.size() < from.size()) std::swap(into, from);
  into.insert(into.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void require_allowed(std::size_t cases, std::size_t conditions) {
  if (cases > kMostCases || conditions > kMostConditions) throw TooManyCases("");
}

/// (a or b) and (c or d) is (a and c) or (a and d) or (b and c) or (b and d).
void multiply(Disjunction& left, const Disjunction& right) {
  // Neither factor is beyond the limits, so these products fit 64 bits.
  const std::size_t conditions = left.conditions * right.cases.size() + right.conditions * left.cases.size();
  require_allowed(left.cases.size() * right.cases.size(), conditions);
  std::vector<Conditions> cases;
  cases.reserve(left.cases.size() * right.cases.size());
  for (const Conditions& a : left.cases) {
    for (const Conditions& b : right.cases) {
      Conditions& both = cases.emplace_back();
      both.reserve(a.size() + b.size());
      both.insert(both.end(), a.begin(), a.end());
      both.insert(both.end(), b.begin(), b.end());
    }
  }
  left.cases = std::move(cases);
  left.conditions = conditions;
}

/// Puts what is common into every case.
void distribute(Disjunction& formula) {
  formula.conditions += formula.cases.size() * formula.common.size();
  require_allowed(formula.cases.size(), formula.conditions);
  if (formula.common.empty()) return;
  if (formula.cases.size() == 1) return merge(formula.cases[0], std::move(formula.common));
  for (Conditions& c : formula.cases) c.insert(c.end(), formula.common.begin(), formula.common.end());
}

}  // namespace

Disjunction all_of(std::vector<Disjunction> parts) {
  const bool never = std::ranges::any_of(parts, [](const Disjunction& part) { return part.cases.empty(); });
  if (never) return Disjunction::never();
  Disjunction all = Disjunction::always();
  for (Disjunction& part : parts) {
    merge(all.common, std::move(part.common));
    if (part.cases.size() == 1) {
      merge(all.common, std::move(part.cases[0]));
    } else if (all.cases.size() == 1) {  // and that one is without conditions
      all.cases = std::move(part.cases);
      all.conditions = part.conditions;
    } else {
      multiply(all, part);
    }
  }
  return all;
}

Disjunction any_of(std::vector<Disjunction> parts) {
  std::erase_if(parts, [](const Disjunction& part) { return part.cases.empty(); });
  if (parts.size() == 1) return std::move(parts[0]);
  Disjunction any;
  for (Disjunction& part : parts) {
    distribute(part);
    any.conditions += part.conditions;
    merge(any.cases, std::move(part.cases));
    require_allowed(any.cases.size(), any.conditions);
  }
  return any;
}

void sort(Disjunction& formula) {
  std::ranges::sort(formula.common);
  for (Conditions& c : formula.cases) std::ranges::sort(c);
  std::ranges::sort(formula.cases);
}

}  // namespace espalier::exchange
