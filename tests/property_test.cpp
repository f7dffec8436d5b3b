// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <limits>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/property.hpp>

#include "support/hostile_fields.hpp"

using espalier::Error;
using espalier::Property;

namespace {

const double kInfinity = std::numeric_limits<double>::infinity();

/// Two boxes, three cases: with two constraints, with one, and with none.
Property some_property() {
  Property p;
  p.inputs = 2;
  p.outputs = 3;
  p.boxes = {{.low = {0, -1}, .high = {1, 0.1}}, {.low = {2, -kInfinity}, .high = {1, kInfinity}}};
  p.cases = {
      {.box = 0, .constraints = {{.terms = {{0, 1}, {2, -1}}, .limit = 0}, {.terms = {{1, 0.5}}, .limit = kInfinity}}},
      {.box = 1, .constraints = {{.terms = {}, .limit = -3}}},
      {.box = 0, .constraints = {}}};
  return p;
}

void check_same(const Property& a, const Property& b) {
  CHECK(a.inputs == b.inputs);
  CHECK(a.outputs == b.outputs);
  CHECK(a.boxes == b.boxes);
  CHECK(a.cases == b.cases);
}

}  // namespace

TEST_CASE("a property is stored and read back") {
  const Property p = some_property();
  check_same(Property::from_fields(p.to_fields()), p);
  Property nothing;
  nothing.inputs = 1;
  nothing.outputs = 1;
  check_same(Property::from_fields(nothing.to_fields()), nothing);
}

TEST_CASE("a property that makes no sense is refused") {
  const auto refused = [](const std::function<void(Property&)>& change) {
    Property bad = some_property();
    change(bad);
    CHECK_THROWS_AS(bad.to_fields(), Error);
  };
  refused([](Property& p) { p.inputs = 3; });
  refused([](Property& p) { p.inputs = 0; });
  refused([](Property& p) { p.outputs = 2; });
  refused([](Property& p) { p.boxes[0].low[1] = std::nan(""); });
  refused([](Property& p) { p.boxes[1].high.pop_back(); });
  refused([](Property& p) { p.cases[1].box = 2; });
  refused([](Property& p) { p.cases[1].box = -1; });
  refused([](Property& p) { p.cases[0].constraints[0].terms[0].factor = kInfinity; });
  refused([](Property& p) { p.cases[0].constraints[0].terms[0].factor = std::nan(""); });
  refused([](Property& p) { p.cases[0].constraints[0].terms[1].output = -1; });
  refused([](Property& p) { p.cases[0].constraints[0].terms[1].output = 0; });
  refused([](Property& p) { p.cases[0].constraints[1].limit = std::nan(""); });
}

TEST_CASE("a property survives damaged fields") {
  espalier::testing::check_survives_damage(some_property(), 1000);
}
