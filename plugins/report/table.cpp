// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include <espalier/results.hpp>

#include "compare.hpp"
#include "files.hpp"
#include "html.hpp"
#include "latex.hpp"
#include "stages.hpp"

namespace espalier::report {
namespace {

constexpr std::array<std::string_view, 3> kKeep{"all", "ours", "reference"};  // as enum class Keep

struct Params {
  std::string title;
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::vector<std::string> headings;
  std::vector<std::string> where;
  std::string reference;
  std::vector<std::string> reference_columns;
  std::string reference_name = "paper";
  std::string keep = "all";
  std::vector<std::string> notes;
};

/// "technique=network" -> ours, the reference's; "technique" -> both.
RowLabel row_label(const std::string& text) {
  const auto equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals == text.npos ? 0 : equals + 1)};
}

/// A list that goes with `columns`, or is left out.
void require_one_each(const Params& p, const std::vector<std::string>& list, const char* name) {
  if (list.empty() || list.size() == p.columns.size()) return;
  throw Error(Code::request, fmt::format("'{}' has {} entries, 'columns' has {}", name, list.size(), p.columns.size()),
              "give one for each column; \"\" for none");
}

Comparison comparison_of(const Params& p) {
  if (p.columns.empty()) throw Error(Code::request, "'columns' is empty", "name a value: columns = [\"accuracy\"]");
  require_one_each(p, p.headings, "headings");
  require_one_each(p, p.reference_columns, "reference_columns");
  if (p.reference.empty() != p.reference_columns.empty()) {
    throw Error(Code::request, "'reference' and 'reference_columns' go together", "give both, or neither");
  }
  Comparison out;
  for (const std::string& row : p.rows) out.rows.push_back(row_label(row));
  for (std::size_t i = 0; i < p.columns.size(); ++i) {
    const bool named = !p.headings.empty() && !p.headings[i].empty();
    out.columns.push_back({.quantity = quantity_of(p.columns[i]),
                           .heading = named ? p.headings[i] : spoken(p.columns[i]),
                           .theirs = p.reference_columns.empty() ? std::string() : p.reference_columns[i]});
  }
  for (const std::string& label : p.where) out.where.insert(label_of(label, "'where'"));
  out.keep = static_cast<Keep>(std::ranges::find(kKeep, p.keep) - kKeep.begin());
  out.reference_name = p.reference_name;
  return out;
}

/// "Table 5: solved of 20" -> "table_5_solved_of_20"
std::string file_stem(const std::string& title) {
  std::string out;
  for (const char c : title) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (out.ends_with('_')) out.pop_back();
  return out.empty() ? "table" : out;
}

Report files_of(const ResultTable& result) {
  const std::string& stem = result.table.name;
  Report out;
  out.title = result.table.caption;
  out.files = {{stem + ".md", markdown_table(result)},
               {stem + ".csv", to_csv(result.flat())},
               {stem + ".tex", to_latex(result)},
               {stem + ".html", html_page(result.table.caption, html_table(result))},
               {stem + ".json", json_report(result.table.caption, {result})}};
  return out;
}

void run(const Params& p, Context& ctx) {
  const Findings findings{.metrics = ctx.all("metrics"),
                          .attacks = ctx.all("attacks"),
                          .verdicts = ctx.all("verdicts"),
                          .history = {},
                          .distances = {}};
  const Comparison comparison = comparison_of(p);
  const auto ours = rows_of(comparison, sources_of(findings));
  ctx.check_stop();
  std::optional<CsvFile> reference;
  if (!p.reference.empty()) reference = read_csv(std::filesystem::path(p.reference));
  ResultTable out = compared(comparison, ours, reference ? &*reference : nullptr);
  out.notes.insert(out.notes.begin(), p.notes.begin(), p.notes.end());
  out.table.caption = p.title;
  out.table.name = file_stem(p.title);
  for (const std::string& note : out.notes) ctx.log(note);
  ctx.out("report", files_of(out));
  ctx.out("table", std::move(out));
}

}  // namespace

void describe_table(PluginBuilder& plugin) {
  plugin.stage("table", run)
      .revision(7)
      .doc(
          "A table of chosen values, a row for each combination of chosen labels, beside the printed numbers of a CSV "
          "file when one is given: ours, theirs, and the difference of the two. Rows are matched by their labels; a "
          "label that one side does not have matches every value of the other. What is on one side only stays empty "
          "and is said below the table. A printed number with a star (\"15*\") is shown so and counts as its number; a "
          "star beside a count of ours means that some of the other answers are errors.")
      .inputs<Metrics>("metrics", "numbers that columns name: accuracy, weights, rate, ...")
      .labelled()
      .optional()
      .inputs<Attacks>("attacks", "give columns: robustness, images, correct, found, mean_distance")
      .labelled()
      .optional()
      .inputs<Verdicts>("verdicts",
                        "give columns: solved (robust or counterexample), solved_share, robust, counterexample, "
                        "unknown, timeout, error, questions, mean_seconds, median_seconds, max_seconds, total_seconds, "
                        "mean_solved_seconds; and of a number that the verifier tells of its work, integer_variables "
                        "say, mean_integer_variables and count_integer_variables, of how many questions it is told")
      .labelled()
      .optional()
      .output<ResultTable>("table", "the table, for the 'tables' of report.page")
      .output<Report>("report",
                      "the table as .md, .csv, .tex (with booktabs, and longtable when it is long), .html and .json")
      .param("title", &Params::title, "caption; the files are named after it")
      .required()
      .param("rows", &Params::rows,
             "labels that make a row: axes, or 'name' for names given by the pipeline. 'technique=network' when the "
             "reference calls it 'network', 'epsilon=' when the reference does not have it")
      .param("columns", &Params::columns,
             "values: 'accuracy'; 'robustness of fgsm', 'solved of crown.verify' for one attack or verifier or a name "
             "that the pipeline gave; 'rate@base=NET1' for some labels only; 'metrics.solved' when two kinds have it; "
             "'mean(accuracy)', or std, median, sum, min, max, over all that share a row")
      .required()
      .param("headings", &Params::headings, "headings of the columns, when not their values' names")
      .param("where", &Params::where, "labels, 'dataset=mnist', that all rows must have, here and in the reference")
      .param("reference", &Params::reference, "CSV file with printed numbers, relative to the pipeline; \"\" for none")
      .file()
      .param("reference_columns", &Params::reference_columns,
             "the reference's column for each of 'columns'; \"\" for none")
      .param("reference_name", &Params::reference_name, "heading over the printed numbers")
      .param("keep", &Params::keep, "rows to show: those of either side, those found here, those of the reference")
      .choices({kKeep.begin(), kKeep.end()})
      .param("notes", &Params::notes, "what to say below the table");
}

}  // namespace espalier::report
