// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <variant>
#include <vector>

#include <espalier/property.hpp>

#include "disjunction.hpp"
#include "expressions.hpp"
#include "linear_form.hpp"

namespace espalier::exchange {

/// X_index <= value, or >= value.
struct InputBound {
  std::uint32_t index = 0;
  bool is_upper = false;
  double value = 0;
};
using Condition = std::variant<InputBound, OutputConstraint>;

/// What form <= 0 says. Needs: the form is collected and has terms. Throws Error, naming the place, where a property
/// cannot say it.
Condition condition_of(LinearForm form, const NamedText& file, std::uint32_t offset);

/// The cases of a formula as a property. `inputs` is where each input was declared, for messages.
Property property_of(Disjunction formula, std::span<const Condition> conditions, std::span<const std::uint32_t> inputs,
                     std::size_t outputs, const NamedText& file);

[[noreturn]] void refuse_size(const NamedText& file, std::uint32_t offset);

}  // namespace espalier::exchange
