// SPDX-License-Identifier: Apache-2.0
#include "run/report_export.hpp"

#include <doctest/doctest.h>

#include <espalier/report.hpp>

#include "core/machine.hpp"
#include "support/run_bench.hpp"

namespace espalier::run {
namespace {

using testing::Num;
using testing::RunBench;

struct Nothing {};
void no_body(const Nothing&, Context&) {
  throw std::logic_error("the test gives the body");
}

PluginSpec writer_plugin() {
  PluginBuilder plugin;
  plugin.name("writer").version("3").doc("Reports.");
  plugin.stage("one", no_body).doc("A report.").input<Num>("in", "a number").output<Report>("report", "it");
  plugin.stage("two", no_body).doc("Two reports.").output<Report>("left", "one").output<Report>("right", "the other");
  return plugin.take();
}

Report page(std::string bytes) {
  Report report;
  report.title = "results";
  report.files = {{.name = "report.html", .bytes = std::move(bytes)}, {.name = "table.csv", .bytes = "a,b\n"}};
  return report;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kPipeline = R"(
[fake.source.a]
[fake.source.unrelated]
value = 3
[fake.add.b]
in = "a"
[writer.one.page]
in = "b"
)";

TEST_CASE("an html report gets graph and provenance in place of the marks; other files stay as they are") {
  RunBench bench(kPipeline);
  const std::string marks = std::string("<h1>x</h1>") + std::string(Report::kGraphMark) + "<p>" +
                            std::string(Report::kProvenanceMark) + "</p>" + std::string(Report::kGraphMark);
  bench.add(writer_plugin(), {{"one", [&](const ParamValues&, Context& ctx) { ctx.out("report", page(marks)); }}});
  bench.run();
  const auto paths = export_reports(bench.plan(), bench.report, bench.store, bench.disk, "runs/7", "<svg>&</svg>");
  CHECK(paths == std::vector<core::Path>{"runs/7/reports/writer.one.page/report.html",
                                         "runs/7/reports/writer.one.page/table.csv"});
  CHECK(bench.disk.read(paths[1]) == "a,b\n");
  const std::string html = bench.disk.read(paths[0]).value();
  CHECK(html.starts_with("<h1>x</h1><svg>&</svg><p><table"));
  CHECK(html.ends_with("</p><svg>&</svg>"));
  CHECK_FALSE(mentions(html, "espalier:"));
  CHECK(mentions(html, "<td>fake.add.b</td><td>fake.add</td>"));
  CHECK(mentions(html, "<td>" + bench.outcome<Ran>("b").key.brief() + "</td>"));
  CHECK(mentions(html, "<td>writer 3</td>"));
  CHECK_FALSE(mentions(html, "unrelated"));  // it did not lead to this report
}

TEST_CASE("the machines that a report was made on stand above its nodes, with all that they had") {
  RunBench bench("[fake.source.a]\n");
  bench.add(writer_plugin(), {{"one", [](const ParamValues&, Context& ctx) {
                                 ctx.out("report", page(std::string(Report::kProvenanceMark)));
                               }}});
  bench.surroundings.machine = {{"openblas", "0.3.21"}};
  bench.run();
  bench.set_text(kPipeline);
  bench.surroundings.machine = {{"openblas", "0.3.29"}, {"cpu", "<avx2>"}};
  bench.run();
  CHECK(bench.report.hit == 1);
  const auto paths = export_reports(bench.plan(), bench.report, bench.store, bench.disk, "r", "");
  const std::string html = bench.disk.read(paths.at(0)).value();
  CHECK(mentions(html, "<td>" + escaped_html(core::host_name()) + "</td><td>" + escaped_html(core::cpu_model()) +
                           "</td><td>espalier " + std::string(core::kVersion) +
                           "</td><td>cpu &lt;avx2&gt;, device cpu, openblas 0.3.21 and 0.3.29, threads 1</td>"
                           "<td>3</td></tr>\n</table>\n<table class=\"provenance\">"));
}

TEST_CASE("a warm run exports the same, with the provenance of when it was made") {
  RunBench bench(kPipeline);
  bench.add(writer_plugin(), {{"one", [](const ParamValues&, Context& ctx) {
                                 ctx.out("report", page(std::string(Report::kProvenanceMark)));
                               }}});
  bench.run();
  const auto first = export_reports(bench.plan(), bench.report, bench.store, bench.disk, "runs/1", "");
  bench.run();
  CHECK(bench.report.hit == 4);
  const auto second = export_reports(bench.plan(), bench.report, bench.store, bench.disk, "runs/2", "");
  CHECK(bench.disk.read(first[0]) == bench.disk.read(second[0]));
}

TEST_CASE("text from outside is escaped") {
  RunBench bench(R"(
[axes]
k = ["<script>"]
[fake.source.a]
value = { by = "k", "<script>" = 1 }
[writer.one.page]
in = "a"
)");
  bench.add(writer_plugin(), {{"one", [](const ParamValues&, Context& ctx) {
                                 ctx.out("report", page(std::string(Report::kProvenanceMark)));
                               }}});
  bench.run();
  const auto paths = export_reports(bench.plan(), bench.report, bench.store, bench.disk, "runs/1", "");
  const std::string html = bench.disk.read(paths.at(0)).value();
  CHECK_FALSE(mentions(html, "<script>"));
  CHECK(mentions(html, "&lt;script&gt;"));
  CHECK(paths.at(0).string().find('<') == std::string::npos);
}

TEST_CASE("several reports of one node do not overwrite each other; nothing is exported for a failed node") {
  RunBench bench("[writer.two.both]\n[fake.fail.bad]\n[writer.one.page]\nin = \"bad\"\n");
  bench.add(writer_plugin(), {{"two", [](const ParamValues&, Context& ctx) {
                                 ctx.out("left", page("left"));
                                 ctx.out("right", page("right"));
                               }}});
  bench.run();
  const auto paths = export_reports(bench.plan(), bench.report, bench.store, bench.disk, "r", "");
  REQUIRE(paths.size() == 4);
  CHECK(bench.disk.read("r/reports/writer.two.both/left/report.html") == "left");
  CHECK(bench.disk.read("r/reports/writer.two.both/right/report.html") == "right");
}

TEST_CASE("a damaged report is put aside with a word on what to do, and the next run makes it again") {
  RunBench bench(kPipeline);
  bench.add(writer_plugin(), {{"one", [](const ParamValues&, Context& ctx) { ctx.out("report", page("x")); }}});
  bench.run();
  bench.disk.rot(bench.store.object_path(bench.content("page")));
  try {
    export_reports(bench.plan(), bench.report, bench.store, bench.disk, "r", "");
    FAIL("what is damaged was exported");
  } catch (const Error& error) {
    CHECK(error.code() == Code::damaged);
    CHECK(mentions(error.hint(), "run the pipeline again"));
  }
  bench.run();
  CHECK(bench.executed() == testing::Names{"writer.one.page"});
}

TEST_CASE("a pipeline without reports has none") {
  RunBench bench("[fake.source.a]\n");
  bench.run();
}

}  // namespace
}  // namespace espalier::run
