// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <utility>

#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/report.hpp>
#include <espalier/results.hpp>

#include "files.hpp"
#include "html.hpp"
#include "latex.hpp"
#include "plots.hpp"
#include "quantity.hpp"
#include "samples.hpp"
#include "stages.hpp"
#include "tables.hpp"

namespace espalier::report {
namespace {

struct Params {
  std::string title = "Report";
  std::string text;
  std::int64_t samples = 8;
  std::int64_t versions = 12;
  std::string colour;
  std::vector<std::string> facets;
};

View view_of(const Params& p, const Findings& findings) {
  const auto sources = sources_of(findings);
  if (!p.colour.empty()) require_label(sources, p.colour, "'colour'");
  for (const std::string& facet : p.facets) require_label(sources, facet, "'facets'");
  return {.colour = p.colour, .facets = p.facets};
}

std::string html_report(const Params& p, Context& ctx, const Findings& findings, const std::vector<ResultTable>& given,
                        const std::vector<ResultTable>& own) {
  std::vector<Section> sections;
  for (const ResultTable& result : given) sections.push_back({result.table.caption, html_table(result)});
  sections.push_back({"At a glance", html_plots(findings, view_of(p, findings))});
  for (const ResultTable& result : own) sections.push_back({result.table.caption, html_table(result)});
  const Shown shown{.images = static_cast<std::size_t>(p.samples), .versions = static_cast<std::size_t>(p.versions)};
  sections.push_back({"Samples", html_samples(ctx.all("dataset"), ctx.all("instances"), findings, shown)});
  sections.push_back({"How it was computed", std::string(Report::kGraphMark) + "\n"});
  sections.push_back({"Provenance", "<div class=\"wide\">" + std::string(Report::kProvenanceMark) + "</div>\n"});
  std::erase_if(sections, [](const Section& section) { return section.body.empty(); });
  return html_page(p.title, html_paragraphs(p.text) + html_sections(sections));
}

/// Two tables with one name would be one file.
void require_distinct_names(const std::vector<ResultTable>& tables) {
  std::set<std::string> seen{"report"};
  for (const ResultTable& result : tables) {
    if (seen.insert(result.table.name).second) continue;
    throw Error(Code::request, fmt::format("two files of the report are named '{}'", result.table.name),
                "give the tables titles that differ, and other ones than 'Report'");
  }
}

std::vector<ResultTable> joined(std::vector<ResultTable> first, const std::vector<ResultTable>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void run(const Params& p, Context& ctx) {
  const Findings findings{.metrics = ctx.all("metrics"),
                          .attacks = ctx.all("attacks"),
                          .verdicts = ctx.all("verdicts"),
                          .history = ctx.all("history"),
                          .distances = ctx.all("distances")};
  std::vector<ResultTable> given;
  for (const Gathered& g : ctx.all("tables")) given.push_back(g.as<ResultTable>());
  const Tables own = tables_of(findings);
  const auto shown = joined(given, own.shown);
  const auto all = joined(shown, own.kept);
  require_distinct_names(all);
  ctx.check_stop();

  Report out;
  out.title = p.title;
  out.files.push_back({"report.html", html_report(p, ctx, findings, given, own.shown)});
  out.files.push_back({"report.md", markdown_report(p.title, p.text, shown)});
  out.files.push_back({"report.json", json_report(p.title, all)});
  for (const ResultTable& result : all) out.files.push_back({result.table.name + ".csv", to_csv(result.flat())});
  for (const ResultTable& result : shown) {
    out.files.push_back({result.table.name + ".md", markdown_table(result)});
    out.files.push_back({result.table.name + ".tex", to_latex(result)});
  }
  ctx.out("report", std::move(out));
}

}  // namespace

void describe_page(PluginBuilder& plugin) {
  plugin.stage("page", run)
      .revision(8)
      .doc(
          "Writes what was found as one HTML page without network access, as Markdown, as JSON and as tables in CSV, "
          "Markdown and LaTeX.")
      .inputs<ResultTable>("tables", "tables to show first, from report.table")
      .optional()
      .inputs<Metrics>("metrics", "measured networks; a row each, a column a value")
      .labelled()
      .optional()
      .inputs<Attacks>("attacks", "what attacks found: robustness, and adversarial images to show")
      .labelled()
      .optional()
      .inputs<Verdicts>("verdicts", "answers of verifiers: counted, over time, and counterexamples to show")
      .labelled()
      .optional()
      .inputs<Metrics>("history", "training histories: a series each, a value an epoch")
      .labelled()
      .optional()
      .inputs<Metrics>(
          "distances",
          "series with a value an image, of how far its answer holds: distortion_low and distortion_high "
          "of milp.distortion, proven_radius and attacked_radius of crown.radius, or any series with 'radius' in "
          "its name. Image by image they are in distances.csv")
      .labelled()
      .optional()
      .inputs<Dataset>("dataset",
                       "the data set that was attacked, or several with labels, which belong to what has the same "
                       "labels; without it no images are shown")
      .labelled()
      .optional()
      .inputs<Instances>("instances", "show only images that are asked about here")
      .labelled()
      .optional()
      .output<Report>("report", "report.html, report.md, report.json and .csv, .md and .tex for each table")
      .param("title", &Params::title, "heading of the report")
      .param("text", &Params::text, "what to say first; a blank line parts paragraphs")
      .param("samples", &Params::samples, "most test images of a data set to show with their adversarial versions")
      .range(0, 1000)
      .param("versions", &Params::versions, "most adversarial versions to show of one image")
      .range(1, 1000)
      .param("colour", &Params::colour,
             "label whose values get a colour each in the plots; without it, all labels together")
      .param("facets", &Params::facets, "labels for whose values there are plots of their own");
}

}  // namespace espalier::report
