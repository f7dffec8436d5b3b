// SPDX-License-Identifier: Apache-2.0
#include "plots.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <espalier/results.hpp>

#include "charts.hpp"
#include "vega.hpp"

namespace espalier::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kShortest = 1e-4;  // seconds: below, a clock tells little, and a logarithm would tell much

/// What a thing with such labels is called; those without labels are counted.
std::string name_of(const View& view, const Labels& labels, std::size_t index) {
  const std::string name = view.row(labels);
  return name.empty() ? fmt::format("{}", index + 1) : name;
}

/// A point with all that does not depend on the plot.
Json point_of(const View& view, const Labels& labels, std::size_t index, double x, double y) {
  const std::string name = name_of(view, labels, index);
  const std::string colour = view.colour_of(labels);
  return {{"facet", view.facet(labels)},
          {"panel", ""},
          {"row", name},
          {"colour", colour.empty() ? name : colour},
          {"style", view.style(labels)},
          {"name", name},
          {"id", index},
          {"x", x},
          {"y", y}};
}

/// What is no number is not drawn.
void add(Json& points, Json point) {
  if (std::isfinite(point["x"].get<double>()) && std::isfinite(point["y"].get<double>())) {
    points.push_back(std::move(point));
  }
}

void add_share(Json& points, const View& view, const Labels& labels, std::size_t index, const std::string& what,
               double share) {
  Json point = point_of(view, labels, index, share, 0);
  point["colour"] = what;
  point["name"] = fmt::format("{}: {} {:.4f}", point["row"].get<std::string>(), what, share);
  add(points, std::move(point));
}

Json shares_of(const Findings& findings, const View& view) {
  Json out = Json::array();
  for (std::size_t i = 0; i < findings.metrics.size(); ++i) {
    const auto& values = findings.metrics[i].as<Metrics>().values;
    const auto it = values.find("accuracy");
    if (it != values.end()) add_share(out, view, findings.metrics[i].labels, i, "accuracy", it->second);
  }
  for (std::size_t i = 0; i < findings.attacks.size(); ++i) {
    const auto& attacks = findings.attacks[i].as<Attacks>();
    if (attacks.rows.empty()) continue;
    add_share(out, view, without(findings.attacks[i].labels, {"name"}), i, robustness_name(attacks),
              attacks.robustness());
  }
  return out;
}

Json sizes_of(const Findings& findings, const View& view) {
  Json out = Json::array();
  for (std::size_t i = 0; i < findings.metrics.size(); ++i) {
    const auto& values = findings.metrics[i].as<Metrics>().values;
    const auto accuracy = values.find("accuracy");
    const auto size = values.find("remaining_weights");
    if (accuracy == values.end() || size == values.end()) continue;
    add(out, point_of(view, findings.metrics[i].labels, i, size->second, accuracy->second));
  }
  return out;
}

Json counts_of(const Findings& findings, const View& view) {
  Json out = Json::array();
  for (std::size_t i = 0; i < findings.verdicts.size(); ++i) {
    const Gathered& g = findings.verdicts[i];
    const auto counts = g.as<Verdicts>().counts();
    for (std::size_t v = 0; v < counts.size(); ++v) {
      const std::string verdict(to_text(static_cast<Verdict>(v)));
      Json point = point_of(view, without(g.labels, {"name"}), i, static_cast<double>(counts[v]), 0);
      point["panel"] = verifier_of(g);
      point["colour"] = verdict;
      point["name"] = fmt::format("{}, {}: {} {}", point["row"].get<std::string>(), verifier_of(g), counts[v], verdict);
      add(out, std::move(point));
    }
  }
  return out;
}

std::vector<double> solved_seconds(const Verdicts& verdicts) {
  std::vector<double> out;
  for (const auto& row : verdicts.rows) {
    if (row.verdict != Verdict::robust && row.verdict != Verdict::counterexample) continue;
    out.push_back(std::max(row.seconds, kShortest));
  }
  std::ranges::sort(out);
  return out;
}

/// The last moment that the plot shows.
double last_second(const Findings& findings) {
  double out = kShortest * 10;
  for (const Gathered& g : findings.verdicts) {
    const auto& verdicts = g.as<Verdicts>();
    out = std::max(out, verdicts.budget_s);
    for (const auto& row : verdicts.rows) out = std::max(out, std::isfinite(row.seconds) ? row.seconds : 0);
  }
  return out;
}

/// For every time, how many questions were decided by then.
Json solved_over_time(const Findings& findings, const View& view) {
  Json out = Json::array();
  const double last = last_second(findings);
  for (std::size_t i = 0; i < findings.verdicts.size(); ++i) {
    const Gathered& g = findings.verdicts[i];
    const auto& verdicts = g.as<Verdicts>();
    const auto times = solved_seconds(verdicts);
    const auto step = [&](double seconds, std::size_t solved) {
      Json point = point_of(view, without(g.labels, {"name"}), i, seconds, static_cast<double>(solved));
      point["panel"] = verifier_of(g);
      if (verdicts.budget_s > 0) point["limit"] = verdicts.budget_s;
      add(out, std::move(point));
    };
    step(kShortest, 0);
    for (std::size_t k = 0; k < times.size(); ++k) step(times[k], k + 1);
    step(last, times.size());
  }
  return out;
}

/// The value that was measured of what the verdicts are about: metrics whose labels the verdicts have, too.
std::optional<double> measured(const Findings& findings, const Labels& labels, const std::string& value) {
  for (const Gathered& g : findings.metrics) {
    const auto& values = g.as<Metrics>().values;
    const auto it = values.find(value);
    const bool about = std::ranges::all_of(without(g.labels, {"name"}), [&](const auto& label) {
      const auto own = labels.find(label.first);
      return own != labels.end() && own->second == label.second;
    });
    if (it != values.end() && about) return it->second;
  }
  return std::nullopt;
}

/// Mean seconds against a size, all facets together: what differs between them is the size.
Json times_by(const Findings& findings, const View& view, const std::string& size_name) {
  Json out = Json::array();
  for (std::size_t i = 0; i < findings.verdicts.size(); ++i) {
    const Gathered& g = findings.verdicts[i];
    const auto size = measured(findings, g.labels, size_name);
    const auto& rows = g.as<Verdicts>().rows;
    if (!size || rows.empty()) continue;
    double seconds = 0;
    for (const auto& row : rows) seconds += row.seconds;
    const double mean = std::max(seconds / static_cast<double>(rows.size()), kShortest);
    const Labels labels = without(g.labels, {"name"});
    Json point = point_of(view, labels, i, *size, mean);
    point["name"] = fmt::format("{}, {}: {:g}, {:.3g} s, {} of {} solved", labels_text(labels), verifier_of(g), *size,
                                mean, solved_seconds(g.as<Verdicts>()).size(), rows.size());
    point["style"] = view.facet(labels);
    point["facet"] = "";
    point["panel"] = verifier_of(g);
    add(out, std::move(point));
  }
  return out;
}

/// A series of distances to an image's boundary, and from which side.
struct Distances {
  std::string family;  ///< "" when the series is something else
  std::string side;
};

Distances distances_in(const std::string& series) {
  if (series == "distortion_low") return {"distortion", "proven"};
  if (series == "distortion_high") return {"distortion", "found"};
  if (series == "proven_radius") return {"radius", "proven"};
  if (series == "attacked_radius") return {"radius", "found"};
  if (series.find("radius") != series.npos) return {"radius", spoken(series)};
  return {};
}

/// One series of one network.
struct Distance {
  const Labels* labels = nullptr;
  std::size_t index = 0;
  Distances name;
  std::vector<double> sorted;
};

std::vector<Distance> all_distances(const Findings& findings) {
  std::vector<Distance> out;
  for (std::size_t i = 0; i < findings.distances.size(); ++i) {
    const Gathered& g = findings.distances[i];
    for (const auto& [series, values] : g.as<Metrics>().series) {
      Distance distance{.labels = &g.labels, .index = i, .name = distances_in(series), .sorted = values};
      std::erase_if(distance.sorted, [](double value) { return std::isnan(value); });
      std::ranges::sort(distance.sorted);
      if (!distance.name.family.empty() && !distance.sorted.empty()) out.push_back(std::move(distance));
    }
  }
  return out;
}

/// For every distance, the share of images whose smallest distortion is at most that. Each family has facets of its
/// own.
Json distances_of(const Findings& findings, const View& view) {
  Json out = Json::array();
  const auto all = all_distances(findings);
  double last = 0;
  bool one_family = true;
  for (const Distance& distance : all) {
    one_family = one_family && distance.name.family == all.front().name.family;
    for (const double value : distance.sorted) last = std::max(last, std::isfinite(value) ? value : 0);
  }
  for (const Distance& distance : all) {
    const auto step = [&](double at, std::size_t below) {
      const double share = static_cast<double>(below) / static_cast<double>(distance.sorted.size());
      Json point = point_of(view, *distance.labels, distance.index, at, share);
      const auto facet = point["facet"].get<std::string>();
      if (!one_family) point["facet"] = facet + (facet.empty() ? "" : ", ") + distance.name.family;
      point["panel"] = view.style(*distance.labels);
      point["style"] = distance.name.side;
      add(out, std::move(point));
    };
    std::size_t below = 0;
    step(0, 0);
    for (const double value : distance.sorted) {
      if (std::isfinite(value)) step(value, ++below);
    }
    step(last, below);
  }
  return out;
}

Json losses_of(const Findings& findings, const View& view) {
  Json out = Json::array();
  for (std::size_t i = 0; i < findings.history.size(); ++i) {
    for (const auto& [name, values] : findings.history[i].as<Metrics>().series) {
      if (name.find("loss") == name.npos) continue;
      for (std::size_t epoch = 0; epoch < values.size(); ++epoch) {
        const auto at = static_cast<double>(epoch + 1);
        Json point = point_of(view, findings.history[i].labels, i, at, values[epoch]);
        point["style"] = spoken(name);
        add(out, std::move(point));
      }
    }
  }
  return out;
}

std::string network_plots(const Findings& findings, const View& view) {
  const Plot shares{.heading = "Accuracy and robustness", .form = Form::bars, .x = {.format = ".0%"}};
  const Plot sizes{.heading = "Size and accuracy",
                   .form = Form::scatter,
                   .x = {.title = "weights that are left", .format = "~s", .zero = true},
                   .y = {.title = "accuracy", .format = ".1%"}};
  return html_plot(shares, shares_of(findings, view)) + html_plot(sizes, sizes_of(findings, view));
}

std::string verdict_plots(const Findings& findings, const View& view) {
  const Plot counts{.heading = "Verdicts", .form = Form::stacks};
  const Plot solved{
      .heading = "Solved over time",
      .text = "How many questions were decided within a time. The dashed line is the time limit of a question.",
      .form = Form::steps,
      .x = {.title = "seconds", .format = "~g", .log = true},
      .y = {.title = "questions", .zero = true}};
  std::string out = html_plot(counts, counts_of(findings, view)) + html_plot(solved, solved_over_time(findings, view));
  for (const auto& [name, title] :
       {std::pair("hidden_neurons", "hidden neurons"), std::pair("remaining_weights", "weights that are left")}) {
    const Plot times{.heading = fmt::format("Time and {}", title),
                     .text = "Mean time of all questions, those that were given up included.",
                     .form = Form::scatter,
                     .x = {.title = title, .format = "~s", .zero = true},
                     .y = {.title = "mean seconds", .format = "~g", .log = true}};
    out += html_plot(times, times_by(findings, view, name));
  }
  return out;
}

std::string series_plots(const Findings& findings, const View& view) {
  const Plot distances{.heading = "Smallest distortions",
                       .text =
                           "The share of images whose answer can be changed within a distance: at most the line "
                           "'proven', at least the line 'found'.",
                       .form = Form::steps,
                       .x = {.title = "L-infinity distance", .zero = true},
                       .y = {.title = "share of images", .format = ".0%", .zero = true}};
  const Plot losses{
      .heading = "Training loss", .form = Form::lines, .x = {.title = "epoch"}, .y = {.title = "loss", .zero = true}};
  return html_plot(distances, distances_of(findings, view)) + html_plot(losses, losses_of(findings, view));
}

}  // namespace

std::string html_plots(const Findings& findings, const View& view) {
  const std::string plots =
      network_plots(findings, view) + verdict_plots(findings, view) + series_plots(findings, view);
  if (plots.empty()) return plots;
  return fmt::format(
      "<noscript><p>The plots need JavaScript; the tables have the same numbers.</p></noscript>\n"
      "<script>{}</script>\n{}",
      vega_script(), plots);
}

}  // namespace espalier::report
