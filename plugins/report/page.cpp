// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <espalier/dataset.hpp>
#include <espalier/report.hpp>
#include <espalier/results.hpp>

#include "files.hpp"
#include "html.hpp"
#include "latex.hpp"
#include "plots.hpp"
#include "samples.hpp"
#include "stages.hpp"
#include "tables.hpp"

namespace espalier::report {
namespace {

struct Params {
  std::string title = "Report";
  std::string text;
  std::int64_t samples = 8;
};

std::string html_report(const Params& p, Context& ctx, const Findings& findings,
                        const std::vector<ResultTable>& tables) {
  std::string body = html_paragraphs(p.text);
  const std::string plots = html_plots(findings);
  if (!plots.empty()) body += html_section("At a glance", plots);
  for (const ResultTable& result : tables) body += html_section(result.table.caption, html_table(result));
  if (const auto* dataset = ctx.in_optional<Dataset>("dataset")) {
    const auto* instances = ctx.in_optional<Instances>("instances");
    const std::string samples = html_samples(*dataset, instances, findings.attacks, p.samples);
    if (!samples.empty()) body += html_section("Samples", samples);
  }
  body += html_section("How it was computed", std::string(Report::kGraphMark) + "\n");
  body += html_section("Provenance", std::string(Report::kProvenanceMark) + "\n");
  return html_page(p.title, body);
}

void run(const Params& p, Context& ctx) {
  const Findings findings{.metrics = ctx.all("metrics"),
                          .attacks = ctx.all("attacks"),
                          .verdicts = ctx.all("verdicts"),
                          .history = ctx.all("history")};
  const Tables tables = tables_of(findings);
  std::vector<ResultTable> all = tables.shown;
  all.insert(all.end(), tables.kept.begin(), tables.kept.end());
  ctx.check_stop();

  Report out;
  out.title = p.title;
  out.files.push_back({"report.html", html_report(p, ctx, findings, tables.shown)});
  out.files.push_back({"report.md", markdown_report(p.title, p.text, tables.shown)});
  out.files.push_back({"report.json", json_report(p.title, all)});
  for (const ResultTable& result : all) out.files.push_back({result.table.name + ".csv", to_csv(result.flat())});
  for (const ResultTable& result : tables.shown) out.files.push_back({result.table.name + ".tex", to_latex(result)});
  ctx.out("report", std::move(out));
}

}  // namespace

void describe_page(PluginBuilder& plugin) {
  plugin.stage("page", run)
      .revision(2)
      .doc("Writes what was found as one HTML page without network access, as Markdown, as JSON and as CSV tables.")
      .revision(2)
      .inputs<Metrics>("metrics", "measured networks; a row each, a column a value")
      .labelled()
      .optional()
      .inputs<Attacks>("attacks", "what attacks found: robustness, and adversarial images to show")
      .labelled()
      .optional()
      .inputs<Verdicts>("verdicts", "answers of verifiers, counted")
      .labelled()
      .optional()
      .inputs<Metrics>("history", "training histories: a series each, a value an epoch")
      .labelled()
      .optional()
      .input<Dataset>("dataset", "the data set that was attacked; without it no images are shown")
      .optional()
      .input<Instances>("instances", "show only images that are asked about here")
      .optional()
      .output<Report>("report", "report.html, report.md, report.json and a .csv a table")
      .param("title", &Params::title, "heading of the report")
      .param("text", &Params::text, "what to say first; a blank line parts paragraphs")
      .param("samples", &Params::samples, "most test images to show with their adversarial versions")
      .range(0, 1000);
}

}  // namespace espalier::report
