// SPDX-License-Identifier: Apache-2.0
#include "linear_form.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace espalier::exchange {

void LinearForm::collect() {
  std::ranges::stable_sort(terms, {}, &Term::variable);
  std::vector<Term> sums;
  for (Term& term : terms) {
    if (!sums.empty() && sums.back().variable == term.variable) {
      sums.back().factor = sums.back().factor + term.factor;
    } else {
      sums.push_back(std::move(term));
    }
  }
  std::erase_if(sums, [](const Term& term) { return term.factor.is_zero(); });
  terms = std::move(sums);
}

LinearForm& LinearForm::operator+=(LinearForm other) {
  if (terms.size() < other.terms.size()) std::swap(terms, other.terms);  // deep nests stay cheap
  std::ranges::move(other.terms, std::back_inserter(terms));
  constant = constant + other.constant;
  return *this;
}

LinearForm& LinearForm::operator*=(const Number& factor) {
  for (Term& term : terms) term.factor = term.factor * factor;
  constant = constant * factor;
  return *this;
}

LinearForm& LinearForm::operator/=(const Number& divisor) {
  for (Term& term : terms) term.factor = term.factor / divisor;
  constant = constant / divisor;
  return *this;
}

void LinearForm::negate() {
  for (Term& term : terms) term.factor = -term.factor;
  constant = -constant;
}

}  // namespace espalier::exchange
