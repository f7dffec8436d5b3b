// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace espalier::report {

enum class Form {
  bars,     ///< a row for each `row`, in it a bar for each `colour` as long as `x`, from 0 to 1
  stacks,   ///< a row for each `row`, its verdicts one after the other, each as long as `x`
  scatter,  ///< a symbol a point
  steps,    ///< a staircase for each `id`
  lines,    ///< a line for each `id`
};

struct Axis {
  std::string title{};
  std::string format{};  ///< as d3-format
  bool log = false;
  bool zero = false;  ///< begins at zero
};

/// Points {facet, panel, row, colour, style, name, id, x, y} in a form. Facets are drawn below each other, panels
/// beside each other; all have the same scales. `style` is the dash of a line or the shape of a symbol, `name` what a
/// pointer resting on the thing shows. A `limit`, in seconds, is drawn as a labelled upright line.
struct Plot {
  std::string heading;
  std::string text{};  ///< how to read it; may be empty
  Form form = Form::scatter;
  Axis x{};
  Axis y{};
};

/// Empty without points.
std::string html_plot(const Plot& plot, const nlohmann::ordered_json& points);

}  // namespace espalier::report
