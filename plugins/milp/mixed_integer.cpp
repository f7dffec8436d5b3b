// SPDX-License-Identifier: Apache-2.0
#include "mixed_integer.hpp"

#include <cmath>

#include "linear_program/units.hpp"

namespace espalier::milp {

using linear::Interval;
using linear::Neuron;
using linear::Terms;

MixedInteger mixed_integer(const linear::Encoding& encoding, const linear::Terms& objective) {
  MixedInteger out;
  const linear::Program& relaxed = encoding.program;
  for (const Interval& bounds : relaxed.columns()) out.program.add_column(bounds);
  std::vector<bool> is_chord(relaxed.row_count(), false);
  for (const Neuron& neuron : encoding.neurons) {
    is_chord[static_cast<std::size_t>(neuron.chord)] = true;
    const std::int32_t binary = out.program.add_column({0, 1});
    const auto high = [&](std::int32_t column) { return relaxed.columns()[static_cast<std::size_t>(column)].high; };
    // positive <= high * binary, negative <= high * (1 - binary): together they are tighter than the chord.
    out.program.add_row(Terms{{neuron.positive, 1}, {binary, -high(neuron.positive)}}, {-HUGE_VAL, 0});
    out.program.add_row(Terms{{neuron.negative, 1}, {binary, high(neuron.negative)}},
                        {-HUGE_VAL, high(neuron.negative)});
    out.binaries.push_back(binary);
  }
  for (std::size_t i = 0; i < relaxed.row_count(); ++i) {
    if (!is_chord[i]) out.program.add_row(relaxed.row(i), relaxed.ranges()[i]);
  }
  const double unit = linear::unit_of(linear::largest_factor(objective));
  for (const linear::Term& t : objective) out.objective.push_back({t.column, t.factor / unit});
  out.program.add_row(out.objective, {-HUGE_VAL, 0});
  return out;
}

}  // namespace espalier::milp
