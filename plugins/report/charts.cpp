// SPDX-License-Identifier: Apache-2.0
#include "charts.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <espalier/report.hpp>

namespace espalier::report {
namespace {

using Json = nlohmann::ordered_json;
using Names = std::vector<std::string>;

constexpr int kPageWidth = 940;
constexpr int kGap = 24;            // between panels
constexpr std::size_t kStyles = 5;  // dashes and shapes that can be told apart
constexpr std::size_t kColours = 10;

Names distinct(const Json& points, const char* field) {
  Names out;
  for (const Json& point : points) {
    if (!point.contains(field)) continue;
    auto value = point.at(field).get<std::string>();
    if (std::ranges::find(out, value) == out.end()) out.push_back(std::move(value));
  }
  return out;
}

Json domain_of(const Json& points, const char* field, const Axis& axis) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Json& point : points) {
    low = std::min(low, point.at(field).get<double>());
    high = std::max(high, point.at(field).get<double>());
  }
  if (axis.zero) low = std::min(low, 0.0);
  return {low, high};
}

/// One facet of a plot, and what it shares with the others.
class Chart {
 public:
  Chart(const Plot& plot, const Json& all, std::string facet)
      : plot_(plot), all_(all), panels_(distinct(all, "panel")), facets_(distinct(all, "facet").size()) {
    if (!has_rows()) styles_ = distinct(all, "style");
    if (styles_.size() > kStyles) styles_.clear();
    for (const Json& point : all) {
      if (point.at("facet").get<std::string>() == facet) points_.push_back(needed(point));
    }
    rows_ = distinct(points_, "row");
    const auto panels = static_cast<int>(panels_.size());
    const int alone = facets_ > 1 ? 420 : 560;  // two facets beside each other
    width_ = panels == 1 ? alone : std::max(130, (kPageWidth - kGap * (panels - 1)) / panels);
    height_ = has_rows() ? static_cast<int>(rows_.size()) * row_height() : panels == 1 ? 260 : 200;
  }

  /// `with_legend`: the facets of a plot share one.
  Json specification(bool with_legend) const {
    Json out = {{"width", static_cast<int>(panels_.size()) * (width_ + kGap) - kGap},
                {"height", height_},
                {"padding", 5},
                {"autosize", "pad"},
                {"config", config()},
                {"data", Json::array({{{"name", "points"}, {"values", points_}}})},
                {"scales", scales()},
                {"axes", Json::array({left_axis(false)})},
                {"marks", Json::array({panel()})}};
    if (with_legend) out["legends"] = legends();
    return out;
  }

 private:
  bool has_rows() const { return plot_.form == Form::bars || plot_.form == Form::stacks; }
  bool has_lines() const { return plot_.form == Form::steps || plot_.form == Form::lines; }

  bool has_limits() const {
    return std::ranges::any_of(all_, [](const Json& point) { return point.contains("limit"); });
  }

  /// A page has many points.
  Json needed(Json point) const {
    point.erase("facet");
    if (has_rows()) return point.erase("id"), point.erase("y"), point.erase("style"), point;
    return point.erase("row"), point;
  }

  int row_height() const {
    if (plot_.form == Form::stacks) return rows_.size() > 12 ? 16 : 24;
    const auto bars = static_cast<int>(distinct(all_, "colour").size());
    return bars * (rows_.size() > 6 ? 7 : 14) + 8;
  }

  /// The colours of text and lines are the page's.
  static Json config() {
    return Json::parse(R"({"axis": {"labelColor": "currentColor", "titleColor": "currentColor",
      "domainColor": "currentColor", "tickColor": "currentColor", "gridColor": "currentColor", "gridOpacity": 0.15,
      "labelLimit": 260, "labelOverlap": true, "titlePadding": 8},
      "legend": {"labelColor": "currentColor", "titleColor": "currentColor", "labelLimit": 300, "orient": "top",
        "columns": 5, "symbolStrokeWidth": 2},
      "title": {"color": "currentColor", "fontSize": 11, "fontWeight": "bold", "anchor": "start", "offset": 4}})");
  }

  Json scales() const {
    Json places = Json::array();
    for (std::size_t i = 0; i < panels_.size(); ++i) places.push_back(static_cast<int>(i) * (width_ + kGap));
    Json out = {{{"name", "panel"}, {"type", "ordinal"}, {"domain", panels_}, {"range", std::move(places)}},
                colour_scale()};
    if (has_rows()) {
      out.push_back({{"name", "y"}, {"type", "band"}, {"domain", rows_}, {"range", {0, height_}}, {"padding", 0.15}});
    } else {
      out.push_back(value_scale("y", plot_.y, {height_, 0}));
    }
    out.push_back(value_scale("x", plot_.x, {0, width_}));
    if (styles_.size() > 1) out.push_back(style_scale());
    return out;
  }

  Json colour_scale() const {
    if (plot_.form == Form::stacks) {
      return {{"name", "colour"},
              {"type", "ordinal"},
              {"domain", {"robust", "counterexample", "unknown", "timeout", "error"}},
              {"range", {"#2a9d6f", "#d1495b", "#9aa3b2", "#e9a23b", "#7a5195"}}};
    }
    const Names colours = distinct(all_, "colour");
    return {{"name", "colour"},
            {"type", "ordinal"},
            {"domain", colours},
            {"range", {{"scheme", colours.size() > kColours ? "tableau20" : "tableau10"}}}};
  }

  Json style_scale() const {
    Json out = {{"name", "style"}, {"type", "ordinal"}, {"domain", styles_}};
    if (has_lines()) {
      out["range"] = Json::parse("[[1, 0], [6, 3], [2, 2], [10, 3, 2, 3], [1, 4]]");
    } else {
      out["range"] = {"circle", "square", "triangle-up", "cross", "diamond"};
    }
    return out;
  }

  Json value_scale(const char* name, const Axis& axis, Json range) const {
    Json domain = domain_of(all_, name, axis);
    if (plot_.form == Form::bars) domain = {0, 1};
    if (plot_.form == Form::stacks) domain = {0, longest_row()};
    return {{"name", name},
            {"type", axis.log ? "log" : "linear"},
            {"domain", std::move(domain)},
            {"range", std::move(range)},
            {"nice", !has_rows()},
            {"zero", axis.zero}};
  }

  double longest_row() const {
    std::map<std::string, double> lengths;
    for (const Json& point : all_) {
      lengths[point.at("facet").dump() + point.at("panel").dump() + point.at("row").dump()] +=
          point.at("x").get<double>();
    }
    double out = 0;
    for (const auto& [row, length] : lengths) out = std::max(out, length);
    return out;
  }

  /// With labels outside of all panels, or as a grid in each.
  Json left_axis(bool grid) const {
    Json out = {{"orient", "left"}, {"scale", "y"}, {"zindex", 0}};
    if (plot_.y.log) out["tickCount"] = 5;
    if (!grid) {
      if (!plot_.y.title.empty()) out["title"] = plot_.y.title;
      if (!plot_.y.format.empty()) out["format"] = plot_.y.format;
      if (has_rows()) out["labelOverlap"] = false;
      return out;
    }
    out.update({{"grid", true}, {"gridScale", "x"}, {"labels", false}, {"ticks", false}, {"domain", false}});
    return out;
  }

  Json bottom_axis() const {
    Json out = {{"orient", "bottom"}, {"scale", "x"}, {"grid", true}, {"gridScale", "y"}, {"zindex", 0}};
    out["labelFlush"] = true;  // panels stand close: the label of one's end would run into that of the next one's begin
    out["tickCount"] = width_ > 300 ? 8 : 4;
    if (!plot_.x.title.empty()) out["title"] = plot_.x.title;
    if (!plot_.x.format.empty()) out["format"] = plot_.x.format;
    if (has_rows()) out.erase("gridScale");
    return out;
  }

  Json legends() const {
    const char* channel = has_lines() ? "stroke" : "fill";
    Json colour = {{channel, "colour"}};
    if (has_lines()) colour["symbolType"] = "stroke";
    Json out = Json::array();
    if (plot_.form == Form::stacks || distinct(all_, "colour").size() > 1) out.push_back(std::move(colour));
    if (styles_.size() > 1 && has_lines()) {
      out.push_back({{"strokeDash", "style"}, {"symbolType", "stroke"}, {"symbolStrokeColor", "currentColor"}});
    } else if (styles_.size() > 1) {
      out.push_back({{"shape", "style"}, {"symbolFillColor", "currentColor"}, {"symbolStrokeWidth", 0}});
    }
    return out;
  }

  Json panel() const {
    Json axes = Json::array({bottom_axis()});
    if (!has_rows()) axes.push_back(left_axis(true));
    Json out = {
        {"type", "group"},
        {"from", {{"facet", {{"data", "points"}, {"name", "own"}, {"groupby", "panel"}}}}},
        {"encode",
         {{"enter",
           {{"x", {{"scale", "panel"}, {"field", "panel"}}},
            {"width", {{"value", width_}}},
            {"height", {{"value", height_}}}}}}},
        {"signals", Json::array({{{"name", "width"}, {"value", width_}}, {{"name", "height"}, {"value", height_}}})},
        {"axes", std::move(axes)},
        {"marks", marks()}};
    if (panels_.size() > 1 || !panels_.front().empty()) out["title"] = {{"text", {{"signal", "parent.panel"}}}};
    if (plot_.form == Form::stacks) {
      out["data"] = Json::parse(
          R"([{"name": "stacked", "source": "own", "transform": [{"type": "stack", "groupby": ["row"], "field": "x"}]}])");
    } else if (has_limits()) {
      out["data"] = Json::parse(R"json([{"name": "limits", "source": "own",
        "transform": [{"type": "filter", "expr": "isValid(datum.limit)"},
          {"type": "aggregate", "groupby": ["limit"]}]}])json");
    }
    return out;
  }

  Json marks() const {
    switch (plot_.form) {
      case Form::bars:
        return bars();
      case Form::stacks:
        return Json::parse(R"([{"type": "rect", "from": {"data": "stacked"}, "encode": {"enter": {
          "y": {"scale": "y", "field": "row"}, "height": {"scale": "y", "band": 1}, "x": {"scale": "x", "field": "y0"},
          "x2": {"scale": "x", "field": "y1"}, "fill": {"scale": "colour", "field": "colour"},
          "tooltip": {"field": "name"}}}}])");
      case Form::scatter:
        return symbols();
      case Form::steps:
        return paths("step-after");
      case Form::lines:
        return paths("linear");
    }
    return Json::array();
  }

  static Json bars() {
    return Json::parse(R"json([{"type": "group",
      "from": {"facet": {"data": "own", "name": "bars", "groupby": "row"}},
      "encode": {"enter": {"y": {"scale": "y", "field": "row"}}},
      "signals": [{"name": "height", "update": "bandwidth('y')"}],
      "scales": [{"name": "within", "type": "band", "range": [0, {"signal": "bandwidth('y')"}],
        "domain": {"data": "points", "field": "colour"}}],
      "marks": [{"type": "rect", "from": {"data": "bars"}, "encode": {"enter": {
        "y": {"scale": "within", "field": "colour"}, "height": {"scale": "within", "band": 1},
        "x": {"scale": "x", "field": "x"}, "x2": {"scale": "x", "value": 0},
        "fill": {"scale": "colour", "field": "colour"}, "tooltip": {"field": "name"}}}}]}])json");
  }

  Json symbols() const {
    Json out = Json::parse(R"([{"type": "symbol", "from": {"data": "own"}, "encode": {"enter": {
      "x": {"scale": "x", "field": "x"}, "y": {"scale": "y", "field": "y"},
      "fill": {"scale": "colour", "field": "colour"}, "size": {"value": 70}, "opacity": {"value": 0.8},
      "tooltip": {"field": "name"}}}}])");
    if (styles_.size() > 1) out[0]["encode"]["enter"]["shape"] = {{"scale", "style"}, {"field", "style"}};
    return out;
  }

  Json paths(const char* interpolate) const {
    Json line = Json::parse(R"({"type": "line", "from": {"data": "line"}, "encode": {"enter": {
      "x": {"scale": "x", "field": "x"}, "y": {"scale": "y", "field": "y"},
      "stroke": {"scale": "colour", "field": "colour"}, "strokeWidth": {"value": 1.8}, "opacity": {"value": 0.85},
      "tooltip": {"field": "name"}}}})");
    Json& enter = line["encode"]["enter"];
    enter["interpolate"] = {{"value", interpolate}};
    if (styles_.size() > 1) enter["strokeDash"] = {{"scale", "style"}, {"field", "style"}};
    Json out = Json::array({{{"type", "group"},
                             {"from", {{"facet", {{"data", "own"}, {"name", "line"}, {"groupby", {"id", "style"}}}}}},
                             {"marks", Json::array({std::move(line)})}}});
    if (has_limits()) {
      out.push_back(Json::parse(R"({"type": "rule", "from": {"data": "limits"}, "encode": {"enter": {
        "x": {"scale": "x", "field": "limit"}, "y": {"value": 0}, "y2": {"signal": "height"},
        "stroke": {"value": "currentColor"}, "strokeDash": {"value": [3, 3]}, "opacity": {"value": 0.7}}}})"));
      out.push_back(Json::parse(R"json({"type": "text", "from": {"data": "limits"}, "encode": {"enter": {
        "x": {"scale": "x", "field": "limit"}, "y": {"signal": "height"}, "dx": {"value": -4}, "dy": {"value": -4},
        "text": {"signal": "'limit ' + format(datum.limit, '~g') + ' s'"}, "align": {"value": "right"},
        "baseline": {"value": "bottom"}, "fill": {"value": "currentColor"}, "opacity": {"value": 0.7}}}})json"));
    }
    return out;
  }

  const Plot& plot_;
  const Json& all_;
  Json points_ = Json::array();
  Names panels_;
  std::size_t facets_ = 0;
  Names rows_;
  Names styles_;
  int width_ = 0;  ///< of a panel
  int height_ = 0;
};

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

}  // namespace

std::string html_plot(const Plot& plot, const Json& points) {
  if (points.empty()) return {};
  std::string out = fmt::format("<div class=\"plot\"><h3>{}</h3>\n", escaped_html(plot.heading));
  if (!plot.text.empty()) out += "<p class=\"note\">" + escaped_html(plot.text) + "</p>\n";
  out += "<div class=\"facets\">\n";
  bool first = true;
  for (const std::string& facet : distinct(points, "facet")) {
    out += "<div class=\"facet\">";
    if (!facet.empty()) out += "<h4>" + escaped_html(facet) + "</h4>";
    out += "<div></div></div>\n";
    out += fmt::format(
        "<script>espalier_draw({}, document.currentScript.previousElementSibling.lastElementChild)</script>\n",
        in_script(Chart(plot, points, facet).specification(std::exchange(first, false))));
  }
  return out + "</div></div>\n";
}

}  // namespace espalier::report
