// SPDX-License-Identifier: Apache-2.0
#include "plots.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <espalier/results.hpp>

#include "html.hpp"
#include "vega.hpp"

namespace espalier::report {
namespace {

using Json = nlohmann::ordered_json;

std::string row_name(const Gathered& gathered, std::size_t index) {
  const std::string labels = labels_text(gathered.labels);
  return labels.empty() ? fmt::format("{}", index + 1) : labels;
}

/// Data points {row, series, value}; what is no number is not drawn.
void add(Json& data, const std::string& row, const std::string& series, double value) {
  if (std::isfinite(value)) data.push_back({{"row", row}, {"series", series}, {"value", value}});
}

std::size_t distinct(const Json& data, const char* field) {
  std::set<std::string> seen;
  for (const Json& point : data) seen.insert(point.at(field).get<std::string>());
  return seen.size();
}

/// What all plots have in common. The colours of text and lines are the page's.
Json frame(const Json& data, std::size_t height) {
  return {{"width", 560},
          {"height", height},
          {"padding", 5},
          {"autosize", "pad"},
          {"data", Json::array({{{"name", "points"}, {"values", data}}})},
          {"config", Json::parse(R"({"axis": {"labelColor": "currentColor", "titleColor": "currentColor",
             "domainColor": "currentColor", "tickColor": "currentColor", "gridColor": "currentColor",
             "gridOpacity": 0.15, "labelLimit": 260}, "legend": {"labelColor": "currentColor", "labelLimit": 300},
             "text": {"fill": "currentColor"}})")},
          {"legends", Json::parse(R"([{"fill": "colour", "orient": "top", "columns": 3}])")}};
}

/// A row a variant, in it a bar a series.
Json bars(const Json& data) {
  Json out = frame(data, distinct(data, "row") * (14 * distinct(data, "series") + 10));
  out["scales"] = Json::parse(R"([
    {"name": "y", "type": "band", "domain": {"data": "points", "field": "row"}, "range": "height", "padding": 0.15},
    {"name": "x", "domain": [0, 1], "range": "width"},
    {"name": "colour", "type": "ordinal", "domain": {"data": "points", "field": "series"},
     "range": {"scheme": "tableau10"}}])");
  out["axes"] = Json::parse(R"([{"orient": "left", "scale": "y"},
    {"orient": "bottom", "scale": "x", "grid": true, "format": ".0%"}])");
  out["marks"] = Json::parse(R"json([{"type": "group",
    "from": {"facet": {"data": "points", "name": "bars", "groupby": "row"}},
    "encode": {"enter": {"y": {"scale": "y", "field": "row"}}},
    "signals": [{"name": "height", "update": "bandwidth('y')"}],
    "scales": [{"name": "within", "type": "band", "range": "height", "domain": {"data": "points", "field": "series"}}],
    "marks": [{"type": "rect", "from": {"data": "bars"}, "encode": {"enter": {
      "y": {"scale": "within", "field": "series"}, "height": {"scale": "within", "band": 1},
      "x": {"scale": "x", "field": "value"}, "x2": {"scale": "x", "value": 0},
      "fill": {"scale": "colour", "field": "series"}}}}]}])json");
  return out;
}

/// A row a variant, its counts one after the other.
Json stacks(const Json& data) {
  Json out = frame(data, distinct(data, "row") * 24);
  out["data"][0]["transform"] = Json::parse(R"([{"type": "stack", "groupby": ["row"], "field": "value"}])");
  out["scales"] = Json::parse(R"([
    {"name": "y", "type": "band", "domain": {"data": "points", "field": "row"}, "range": "height", "padding": 0.2},
    {"name": "x", "domain": {"data": "points", "field": "y1"}, "range": "width"},
    {"name": "colour", "type": "ordinal", "domain": ["robust", "counterexample", "unknown", "timeout", "error"],
     "range": ["#2a9d6f", "#d1495b", "#9aa3b2", "#e9a23b", "#7a5195"]}])");
  out["axes"] = Json::parse(R"([{"orient": "left", "scale": "y"}, {"orient": "bottom", "scale": "x", "grid": true}])");
  out["marks"] = Json::parse(R"([{"type": "rect", "from": {"data": "points"}, "encode": {"enter": {
    "y": {"scale": "y", "field": "row"}, "height": {"scale": "y", "band": 1}, "x": {"scale": "x", "field": "y0"},
    "x2": {"scale": "x", "field": "y1"}, "fill": {"scale": "colour", "field": "series"}}}}])");
  return out;
}

/// A point a variant: weights against accuracy. Names are in the legend: beside the points they would lie on each
/// other.
Json points(const Json& data) {
  Json out = frame(data, 260);
  out["scales"] = Json::parse(R"([
    {"name": "colour", "type": "ordinal", "domain": {"data": "points", "field": "row"},
     "range": {"scheme": "tableau10"}},
    {"name": "x", "domain": {"data": "points", "field": "size"}, "range": "width", "zero": true, "nice": true},
    {"name": "y", "domain": {"data": "points", "field": "value"}, "range": "height", "zero": false, "nice": true}])");
  out["axes"] = Json::parse(R"([{"orient": "left", "scale": "y", "grid": true, "format": ".1%", "title": "accuracy"},
    {"orient": "bottom", "scale": "x", "grid": true, "title": "weights that are left"}])");
  out["marks"] = Json::parse(R"([
    {"type": "symbol", "from": {"data": "points"}, "encode": {"enter": {"x": {"scale": "x", "field": "size"},
      "y": {"scale": "y", "field": "value"}, "fill": {"scale": "colour", "field": "row"}, "size": {"value": 110},
      "opacity": {"value": 0.85}}}}])");
  return out;
}

/// A line a series over the epochs.
Json lines(const Json& data) {
  Json out = frame(data, 260);
  out["legends"][0] = Json::parse(R"({"stroke": "colour", "orient": "top", "columns": 2})");
  out["scales"] = Json::parse(R"([
    {"name": "x", "domain": {"data": "points", "field": "epoch"}, "range": "width", "zero": false},
    {"name": "y", "domain": {"data": "points", "field": "value"}, "range": "height", "zero": true, "nice": true},
    {"name": "colour", "type": "ordinal", "domain": {"data": "points", "field": "series"},
     "range": {"scheme": "tableau10"}}])");
  out["axes"] = Json::parse(R"([{"orient": "left", "scale": "y", "grid": true, "title": "loss"},
    {"orient": "bottom", "scale": "x", "title": "epoch", "tickMinStep": 1}])");
  out["marks"] = Json::parse(R"([{"type": "group",
    "from": {"facet": {"data": "points", "name": "line", "groupby": "series"}},
    "marks": [{"type": "line", "from": {"data": "line"}, "encode": {"enter": {"x": {"scale": "x", "field": "epoch"},
      "y": {"scale": "y", "field": "value"}, "stroke": {"scale": "colour", "field": "series"},
      "strokeWidth": {"value": 2}}}}]}])");
  return out;
}

Json shares_of(const Findings& findings) {
  Json data = Json::array();
  for (std::size_t i = 0; i < findings.metrics.size(); ++i) {
    const auto& values = findings.metrics[i].as<Metrics>().values;
    const auto it = values.find("accuracy");
    if (it != values.end()) add(data, row_name(findings.metrics[i], i), "accuracy", it->second);
  }
  for (std::size_t i = 0; i < findings.attacks.size(); ++i) {
    const auto& attacks = findings.attacks[i].as<Attacks>();
    if (attacks.rows.empty()) continue;
    add(data, row_name(findings.attacks[i], i), robustness_name(attacks), attacks.robustness());
  }
  return data;
}

Json sizes_of(const Findings& findings) {
  Json data = Json::array();
  for (std::size_t i = 0; i < findings.metrics.size(); ++i) {
    const auto& values = findings.metrics[i].as<Metrics>().values;
    const auto accuracy = values.find("accuracy");
    const auto size = values.find("remaining_weights");
    if (accuracy == values.end() || size == values.end()) continue;
    if (!std::isfinite(accuracy->second) || !std::isfinite(size->second)) continue;
    data.push_back({{"row", row_name(findings.metrics[i], i)}, {"size", size->second}, {"value", accuracy->second}});
  }
  return data;
}

Json counts_of(const Findings& findings) {
  Json data = Json::array();
  for (std::size_t i = 0; i < findings.verdicts.size(); ++i) {
    const auto counts = findings.verdicts[i].as<Verdicts>().counts();
    const auto& solver = findings.verdicts[i].as<Verdicts>().solver;
    for (std::size_t v = 0; v < counts.size(); ++v) {
      add(data, row_name(findings.verdicts[i], i) + ", " + solver, std::string(to_text(static_cast<Verdict>(v))),
          static_cast<double>(counts[v]));
    }
  }
  return data;
}

Json losses_of(const Findings& findings) {
  Json data = Json::array();
  for (std::size_t i = 0; i < findings.history.size(); ++i) {
    for (const auto& [name, values] : findings.history[i].as<Metrics>().series) {
      if (name.find("loss") == name.npos) continue;
      for (std::size_t epoch = 0; epoch < values.size(); ++epoch) {
        if (!std::isfinite(values[epoch])) continue;
        data.push_back({{"series", row_name(findings.history[i], i) + ": " + name},
                        {"epoch", epoch + 1},
                        {"value", values[epoch]}});
      }
    }
  }
  return data;
}

/// JSON that may stand in a script element: no name in it can end the element.
std::string in_script(const Json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

void draw(std::string& html, std::string_view heading, const Json& data, Json (*plot)(const Json&)) {
  if (data.empty()) return;
  html += fmt::format(
      "<div class=\"plot\"><h3>{}</h3><div></div></div>\n"
      "<script>espalier_draw({}, document.currentScript.previousElementSibling.lastElementChild)</script>\n",
      escaped_html(heading), in_script(plot(data)));
}

}  // namespace

std::string html_plots(const Findings& findings) {
  std::string out;
  draw(out, "Accuracy and robustness", shares_of(findings), bars);
  draw(out, "Size and accuracy", sizes_of(findings), points);
  draw(out, "Verdicts", counts_of(findings), stacks);
  draw(out, "Training loss", losses_of(findings), lines);
  if (out.empty()) return out;
  return fmt::format(
      "<noscript><p>The plots need JavaScript; the tables below have the same numbers.</p></noscript>\n"
      "<script>{}</script>\n{}",
      vega_script(), out);
}

}  // namespace espalier::report
