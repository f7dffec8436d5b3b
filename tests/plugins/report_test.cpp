// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <espalier/dataset.hpp>
#include <espalier/report.hpp>
#include <espalier/results.hpp>

#include "support/stage_bench.hpp"

using namespace espalier;
using espalier::testing::StageBench;
using Labels = std::map<std::string, std::string>;

namespace {

Metrics measured(double accuracy) {
  Metrics out;
  out.values = {{"accuracy", accuracy}, {"remaining_weights", 100}};
  return out;
}

/// Image 0 fooled, image 1 not: a robustness of one half.
Attacks attacked() {
  Attacks out;
  out.method = "fgsm";
  out.epsilon = 0.1;
  out.rows = {{.image = 0, .label = 0, .predicted = 0, .found = true, .adversarial_class = 1, .distance = 0.1},
              {.image = 1, .label = 1, .predicted = 1, .adversarial_class = 1}};
  out.points = Tensor::of<float>({1, 1, 1, 2}, {0.1F, 1.F});
  out.point_rows = {0};
  return out;
}

Verdicts answered() {
  Verdicts out;
  out.solver = "abstract.deeppoly";
  out.rows.resize(4);
  out.rows[0].verdict = Verdict::robust;
  out.rows[1].verdict = Verdict::robust;
  out.rows[2].verdict = Verdict::timeout;
  for (auto& row : out.rows) row.epsilon = 0.02;
  for (auto& row : out.rows) row.seconds = 0.5;
  return out;
}

Dataset two_images() {
  Dataset out;
  out.name = "two";
  out.classes = {"shoe", "<b>bag</b>"};
  out.train = {Tensor::of<std::uint8_t>({1, 1, 1, 2}, {0, 0}), Tensor::of<std::int64_t>({1}, {0})};
  out.test = {Tensor::of<std::uint8_t>({2, 1, 1, 2}, {0, 255, 9, 9}), Tensor::of<std::int64_t>({2}, {0, 1})};
  return out;
}

Metrics trained() {
  Metrics out;
  out.series = {{"accuracy", {0.5, 0.75}}, {"train_loss", {2, 1}}};
  return out;
}

std::string file(const StageBench& bench, const std::string& name) {
  for (const auto& f : bench.result<Report>("report").files) {
    if (f.name == name) return f.bytes;
  }
  FAIL("no file " << name);
  return {};
}

std::size_t times(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// The page but for its scripts, in which anything may be quoted.
std::string without_scripts(std::string html) {
  for (auto at = html.find("<script>"); at != html.npos; at = html.find("<script>", at)) {
    const auto end = html.find("</script>", at);
    REQUIRE(end != html.npos);
    html.erase(at, end + 9 - at);
  }
  return html;
}

StageBench full() {
  StageBench bench("report.page");
  for (const std::string variant : {"baseline", "sparse"}) {
    bench.give("metrics", measured(0.875), {{"variant", variant}});
    bench.give("attacks", attacked(), {{"variant", variant}});
    bench.give("verdicts", answered(), {{"variant", variant}, {"epsilon", "0.02"}});
  }
  bench.give("history", trained()).give("dataset", two_images());
  bench.run();
  return bench;
}

}  // namespace

TEST_CASE("report: what belongs to one variant stands in one row") {
  const StageBench bench = full();
  CHECK(file(bench, "variants.csv") ==
        "variant,accuracy,\"robustness (fgsm, 0.1, 2 images)\",remaining "
        "weights\nbaseline,0.875,0.5,100\nsparse,0.875,0.5,100\n");
  CHECK(file(bench, "verdicts.csv") ==
        "variant,epsilon,solver,radius,budget s,robust,counterexample,unknown,timeout,error,of,mean seconds\n"
        "baseline,0.02,abstract.deeppoly,0.02,,2,0,1,1,0,4,0.5\n"
        "sparse,0.02,abstract.deeppoly,0.02,,2,0,1,1,0,4,0.5\n");
  CHECK(file(bench, "attacks.csv") ==
        "variant,method,radius,images,correct,adversarial found,robustness,mean distance\n"
        "baseline,fgsm,0.1,2,2,1,0.5,0.1\nsparse,fgsm,0.1,2,2,1,0.5,0.1\n");
  CHECK(file(bench, "training.csv") == "epochs,last accuracy,last train loss\n2,0.75,1\n");
  CHECK(file(bench, "history.csv") == "epoch,accuracy,train loss\n1,0.5,2\n2,0.75,1\n");
  CHECK(file(bench, "report.md").find("| baseline | 0.875 | 0.5 | 100 |") != std::string::npos);
}

TEST_CASE("report: shares of different sets of images are kept apart") {
  Attacks chosen = attacked();
  chosen.rows.resize(1);
  StageBench bench("report.page");
  bench.give("attacks", attacked(), {{"variant", "a"}}).give("attacks", chosen, {{"variant", "a"}}).run();
  CHECK(file(bench, "variants.csv") ==
        "variant,\"robustness (fgsm, 0.1, 2 images)\",\"robustness (fgsm, 0.1, 1 image)\"\na,0.5,0\n");
  CHECK(file(bench, "report.html").find(R"json("colour":"robustness (fgsm, 0.1, 1 image)")json") != std::string::npos);
}

TEST_CASE("report: a value within boxes says how large they are, and is told apart from one of other boxes") {
  const auto unstable = [](double neurons, double epsilon) {
    Metrics out = measured(0.5);
    out.values["unstable_neurons"] = neurons;
    out.series = {{"epsilon", {epsilon, 0.5}}, {"unstable_neurons", {neurons, 90}}};
    return out;
  };
  StageBench bench("report.page");
  bench.give("metrics", unstable(61, 0.02), {{"variant", "a"}})
      .give("metrics", unstable(70.5, 0.1), {{"variant", "b"}});
  bench.run();
  CHECK(file(bench, "variants.csv") ==
        "variant,accuracy,remaining weights,unstable neurons (epsilon 0.02),unstable neurons (epsilon 0.1)\n"
        "a,0.5,100,61,\nb,0.5,100,,70.5\n");
}

TEST_CASE("report: the page stands alone and has a place for what the engine adds") {
  const std::string html = file(full(), "report.html");
  CHECK(times(html, Report::kGraphMark) == 1);
  CHECK(times(html, Report::kProvenanceMark) == 1);
  CHECK(times(html, "<script") == times(html, "<script>"));  // none has a source elsewhere
  CHECK(times(html, "Content-Security-Policy\" content=\"default-src 'none';") == 1);
  const std::string page = without_scripts(html);
  CHECK(times(page, "href=") == times(page, "href=\"#part-"));
  for (const std::string fetch : {"<link", "@import", "url(", "http:", "https:", "<iframe"}) {
    CAPTURE(fetch);
    CHECK(times(page, fetch) == 0);
  }
  CHECK(times(page, "src=") == times(page, "src=\"data:image/png;base64,"));
  CHECK(html.find("<td>baseline</td><td class=\"number\">0.875</td>") != std::string::npos);
}

TEST_CASE("report: a plot is drawn of what there is data for, and of nothing else") {
  const std::string html = file(full(), "report.html");
  for (const std::string plot : {"Accuracy and robustness", "Size and accuracy", "Verdicts", "Solved over time",
                                 "Time and weights that are left", "Training loss"}) {
    CHECK(times(html, "<h3>" + plot + "</h3>") == 1);
  }
  CHECK(times(html, "<script>espalier_draw(") == 6);
  CHECK(times(html, R"json("row":"sparse","colour":"robustness (fgsm, 0.1, 2 images)",)json") == 1);
  CHECK(times(html, R"("colour":"sparse","style":"","name":"sparse","id":1,"x":100.0,"y":0.875})") == 1);
  CHECK(times(html, R"("style":"train loss","name":"1","id":0,"x":2.0,"y":1.0})") == 1);
  CHECK(times(html, "<noscript>") == 1);

  StageBench unknown("report.page");
  unknown.give("metrics", measured(std::numeric_limits<double>::quiet_NaN())).run();
  CHECK(times(file(unknown, "report.html"), "<script>") == 0);
}

TEST_CASE("report: names that the pipeline gives stand first, in tables and plots") {
  StageBench bench("report.page");
  bench.give("history", trained(), {{"axis", "2"}, {"name", "small"}}).give("history", trained(), {{"name", "large"}});
  bench.run();
  CHECK(file(bench, "training.csv") ==
        "name,axis,epochs,last accuracy,last train loss\nsmall,2,2,0.75,1\nlarge,,2,0.75,1\n");
  CHECK(file(bench, "report.html").find(R"("style":"train loss","name":"small, axis 2",)") != std::string::npos);
}

TEST_CASE("report: who passes the page on passes Vega's licence on") {
  const std::string html = file(full(), "report.html");
  CHECK(times(html, "Redistributions in binary form must reproduce the above copyright notice") == 1);
}

TEST_CASE("report: equal inputs give equal bytes") {
  const StageBench a = full();
  const StageBench b = full();
  CHECK(a.stage().repeatable == Repeatable::exactly);
  for (const auto& f : a.result<Report>("report").files) CHECK(f.bytes == file(b, f.name));
}

TEST_CASE("report: names cannot put HTML into the page") {
  StageBench bench("report.page");
  const std::string bad = "<script>alert(\"1\")</script>";
  bench.set("title", Value(bad)).set("text", Value(bad));
  Metrics metrics = measured(0.5);
  metrics.values[bad] = 1;
  bench.give("metrics", metrics, {{"variant", bad}}).give("attacks", attacked(), {{"variant", bad}});
  bench.give("dataset", two_images()).run();
  const std::string html = file(bench, "report.html");
  CHECK(html.find(bad) == std::string::npos);
  CHECK(html.find("alert(\"1\")") == std::string::npos);
  CHECK(html.find("<b>bag") == std::string::npos);
  CHECK(times(html, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;") >= 5);
  CHECK(file(bench, "report.md").find("\n<script>") == std::string::npos);
}

TEST_CASE("report: JSON keeps every digit, and a NaN is nothing") {
  StageBench bench("report.page");
  bench.give("metrics", measured(1.0 / 3), {{"variant", "a"}});
  bench.give("metrics", measured(std::numeric_limits<double>::quiet_NaN()), {{"variant", "b"}}).run();
  const auto json = nlohmann::json::parse(file(bench, "report.json"));
  const auto& rows = json.at("tables").at("variants").at("rows");
  CHECK(rows.at(0).at(1).get<double>() == 1.0 / 3);
  CHECK(rows.at(1).at(1).is_null());
  CHECK(file(bench, "report.html").find("<td>b</td><td class=\"number\">-</td>") != std::string::npos);
}

TEST_CASE("report: unlabelled artifacts are numbered, nothing at all is a report too") {
  StageBench bench("report.page");
  bench.give("metrics", measured(0.5)).give("metrics", measured(0.25)).run();
  CHECK(file(bench, "variants.csv") == "no,accuracy,remaining weights\n1,0.5,100\n2,0.25,100\n");
  StageBench nothing("report.page");
  nothing.run();
  CHECK(nothing.result<Report>("report").files.size() == 3);
  CHECK(nlohmann::json::parse(file(nothing, "report.json")).at("tables").empty());
}

TEST_CASE("report: images are shown with their adversarial version") {
  const std::string html = file(full(), "report.html");
  // The original once, and for each of two variants the adversarial image and the difference.
  CHECK(times(html, "<img ") == 5);
  CHECK(times(html, "shoe &rarr; &lt;b&gt;bag&lt;/b&gt;, distance 0.1") == 2);

  StageBench none("report.page");
  none.set("samples", Value(std::int64_t{0}));
  none.give("attacks", attacked()).give("dataset", two_images()).run();
  CHECK(times(file(none, "report.html"), "<img ") == 0);

  Instances others;
  others.rows = {{.image = 1, .label = 1, .target = {}, .epsilon = 0.1}};
  StageBench asked("report.page");
  asked.give("attacks", attacked()).give("dataset", two_images()).give("instances", others).run();
  CHECK(times(file(asked, "report.html"), "<img ") == 0);
}

TEST_CASE("report: counterexamples of verifiers are shown beside what attacks found") {
  Verdicts refuted = answered();
  refuted.rows[1].verdict = Verdict::counterexample;
  refuted.witnesses = Tensor::of<float>({2, 1, 1, 2}, {0.25F, 1.F, 0.5F, 1.F});
  refuted.witness_rows = {1, 2};  // row 2 is a timeout: whatever lies there proves nothing
  StageBench bench("report.page");
  bench.give("verdicts", refuted, {{"variant", "a"}}).give("dataset", two_images()).run();
  const std::string html = file(bench, "report.html");
  CHECK(times(html, "<img ") == 3);
  CHECK(times(html, "a, abstract.deeppoly: shoe &rarr; another class, distance 0.25<") == 1);

  for (int i = 0; i < 30; ++i) bench.give("verdicts", refuted, {{"variant", std::to_string(i)}});
  bench.set("versions", Value(std::int64_t{5})).run();
  CHECK(times(file(bench, "report.html"), "<img ") == 11);
  CHECK(times(file(bench, "report.html"), "; 5 of 31 versions<") == 1);
}

TEST_CASE("report: a counterexample to a question about one class names it") {
  Verdicts refuted = answered();
  refuted.rows[1].verdict = Verdict::counterexample;
  refuted.rows[1].target = 1;
  refuted.witnesses = Tensor::of<float>({1, 1, 1, 2}, {0.25F, 1.F});
  refuted.witness_rows = {1};
  StageBench bench("report.page");
  bench.give("verdicts", refuted).give("dataset", two_images()).run();
  CHECK(times(file(bench, "report.html"), "shoe &rarr; &lt;b&gt;bag&lt;/b&gt;, distance 0.25<") == 1);
}

TEST_CASE("report: where not all versions are shown, every network and every attack has its share") {
  const std::vector<std::string> variants = {"baseline", "sparse", "neuron-pruned", "weight-pruned"};
  const std::vector<std::string> methods = {"fgsm", "pgd", "near", "far"};
  StageBench bench("report.page");
  for (const std::string& method : methods) {
    for (const std::string& variant : variants) {
      Attacks attacks = attacked();
      attacks.method = method;
      bench.give("attacks", attacks, {{"variant", variant}, {"dataset", "two"}});
    }
  }
  bench.give("dataset", two_images());
  for (const std::int64_t most : {4, 8, 12}) {
    CAPTURE(most);
    bench.set("versions", Value(most)).run();
    const std::string html = without_scripts(file(bench, "report.html"));
    const std::string samples = html.substr(html.find("<h2>Samples</h2>"));
    for (const std::string& variant : variants) {
      CHECK(times(samples, "<figcaption>" + variant) + times(samples, ", " + variant) ==
            static_cast<std::size_t>(most) / 4);
    }
    for (const std::string& method : methods) {
      CHECK(times(samples, ", " + method + ":") == static_cast<std::size_t>(most) / 4);
    }
  }
}

TEST_CASE("report: an image is one of the data set with the same labels") {
  Dataset other = two_images();
  other.name = "other";
  other.classes = {"cat", "dog"};
  StageBench bench("report.page");
  bench.give("dataset", two_images(), {{"dataset", "two"}}).give("dataset", other, {{"dataset", "other"}});
  bench.give("attacks", attacked(), {{"dataset", "other"}, {"variant", "a"}}).run();
  const std::string html = file(bench, "report.html");
  CHECK(times(html, "<img ") == 3);
  CHECK(times(html, "other, test image 0: cat<") == 1);
  Instances elsewhere;
  elsewhere.rows = {{.image = 0, .label = 0, .target = {}, .epsilon = 0.1}};
  bench.give("instances", elsewhere, {{"dataset", "two"}}).run();
  CHECK(times(file(bench, "report.html"), "<img ") == 0);
  bench.give("instances", elsewhere, {{"dataset", "other"}}).run();
  CHECK(times(file(bench, "report.html"), "<img ") == 3);
}

TEST_CASE("report: an image is the same bytes everywhere") {
  // A black and a white pixel, as made by another program: one stored block, and three checksums.
  constexpr std::string_view kPng =
      "src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAADklEQVR4AQEDAPz/AAD/"
      "AQIBALcBLvcAAAAASUVORK5CYII=\"";
  CHECK(times(file(full(), "report.html"), kPng) == 1);
}

TEST_CASE("report: attacks on other images than the data set's are refused") {
  Attacks far = attacked();
  far.rows[0].image = 7;
  StageBench bench("report.page");
  bench.give("attacks", far).give("dataset", two_images());
  CHECK_THROWS_AS(bench.run(), Error);
  Attacks wide = attacked();
  wide.points = Tensor::of<float>({1, 1, 1, 3}, {0, 0, 0});
  StageBench other("report.page");
  other.give("attacks", wide).give("dataset", two_images());
  CHECK_THROWS_AS(other.run(), Error);
}

TEST_CASE("report: several verifiers stand beside each other, a row for all that has the same labels") {
  Verdicts other = answered();
  other.solver = "milp.verify";
  other.rows[3].verdict = Verdict::error;
  other.budget_s = 2.5;
  StageBench bench("report.page");
  for (const std::string variant : {"a", "b"}) bench.give("verdicts", answered(), {{"variant", variant}});
  bench.give("verdicts", other, {{"variant", "b"}, {"name", "MIP"}}).run();
  CHECK(file(bench, "verdicts_by_verifier.csv") ==
        "variant,\"abstract.deeppoly, robust\",\"abstract.deeppoly, refuted\",\"abstract.deeppoly, open\","
        "\"abstract.deeppoly, mean s\",\"abstract.deeppoly, budget s\",\"MIP, robust\",\"MIP, refuted\",\"MIP, open\","
        "\"MIP, mean s\",\"MIP, budget s\"\n"
        "a,2,0,2,0.500,,,,,,\nb,2,0,2,0.500,,2,0,2*,0.500,2.5\n");
  CHECK(times(file(bench, "report.html"), "<th class=\"group begin\" colspan=\"5\">MIP</th>") == 1);
  CHECK(times(file(bench, "report.html"), "<p class=\"note\">* some of these answers are errors</p>") == 1);
  CHECK(times(file(bench, "verdicts.csv"), "\n") == 4);
}

TEST_CASE("report: questions are counted by the time in which they were decided, up to the limit") {
  Verdicts timed = answered();
  timed.budget_s = 60;
  timed.rows[0].seconds = 2;
  timed.rows[1].seconds = 0;
  StageBench bench("report.page");
  bench.give("verdicts", timed, {{"variant", "a"}}).run();
  const std::string html = file(bench, "report.html");
  const std::string points = html.substr(html.find("<h3>Solved over time"));
  for (const std::string point : {R"("x":0.0001,"y":0.0,"limit":60.0})", R"("x":0.0001,"y":1.0,"limit":60.0})",
                                  R"("x":2.0,"y":2.0,"limit":60.0})", R"("x":60.0,"y":2.0,"limit":60.0})"}) {
    CHECK(times(points, point) == 1);
  }
  CHECK(times(points, R"("y":3.0)") == 0);
  CHECK(times(points, "'limit ' + format(datum.limit, '~g') + ' s'") == 1);
  CHECK(times(file(bench, "verdicts.csv"), "variant,solver,radius,budget s,robust,") == 1);
  CHECK(times(file(bench, "verdicts.csv"), "\na,abstract.deeppoly,0.02,60,2,") == 1);
}

TEST_CASE("report: distances are the share of images that have at most that") {
  Metrics distances;
  distances.series = {{"image", {1, 2, 3, 4}},
                      {"network", {255, 0, 1, 2, 3, 4, 5, 6}},
                      {"distortion_high", {0.5, std::numeric_limits<double>::infinity(), 0.25, 0.125}}};
  StageBench bench("report.page");
  bench.give("distances", distances, {{"variant", "a"}}).run();
  const std::string html = file(bench, "report.html");
  CHECK(times(html, "<h3>Smallest distortions</h3>") == 1);
  CHECK(times(html, R"("style":"found","name":"a","id":0,"x":0.25,"y":0.5})") == 1);
  CHECK(times(html, R"("x":0.5,"y":0.75})") == 2);  // and to the end of the axis
  CHECK(times(html, R"("y":1.0})") == 0);
  CHECK(times(html, "<h4>") == 0);
  CHECK(file(bench, "distances.csv") ==
        "variant,entry,distortion high,image\na,1,0.5,1\na,2,inf,2\na,3,0.25,3\na,4,0.125,4\n");

  Metrics radii;
  radii.series = {{"proven_radius", {0.5}}, {"attacked_radius", {0.75}}};
  bench.give("distances", radii, {{"variant", "a"}}).run();
  CHECK(times(file(bench, "report.html"), "<h4>distortion</h4>") == 1);
  CHECK(times(file(bench, "report.html"), "<h4>radius</h4>") == 1);
}

TEST_CASE("report: a label gives the colour, others part the plots; a label that nothing has is a mistake") {
  StageBench bench("report.page");
  for (const std::string base : {"N1", "N2"}) {
    for (const std::string set : {"S1", "S2"}) {
      bench.give("metrics", measured(0.5), {{"base", base}, {"set", set}, {"technique", "NP"}, {"rate", "0.5"}});
    }
  }
  bench.set("colour", Value("technique")).set("facets", Value(std::vector<std::string>{"base"})).run();
  const std::string html = file(bench, "report.html");
  CHECK(times(html, "<h4>N1</h4>") == 2);
  CHECK(times(html, R"("colour":"NP","style":"rate 0.5, S1","name":"rate 0.5, S1, NP",)") == 2);
  bench.set("colour", Value("techniqe"));
  CHECK_THROWS_WITH_AS(bench.run(), "'colour' names the label 'techniqe', which no input has", Error);
  bench.set("colour", Value("")).set("facets", Value(std::vector<std::string>{"bas"}));
  CHECK_THROWS_WITH_AS(bench.run(), "'facets' names the label 'bas', which no input has", Error);
}

TEST_CASE("report: given tables come first, in the page and as files, and all parts are in the list of contents") {
  StageBench table("report.table");
  table.set("title", Value("Table 4: size")).set("rows", Value(std::vector<std::string>{"variant"}));
  table.set("columns", Value(std::vector<std::string>{"remaining_weights"}));
  table.give("metrics", measured(0.5), {{"variant", "a"}}).run();
  StageBench bench("report.page");
  bench.give("tables", table.output("table")).give("metrics", measured(0.5), {{"variant", "a"}}).run();
  const std::string html = file(bench, "report.html");
  CHECK(times(html, "<li><a href=\"#part-1\">Table 4: size</a></li>") == 1);
  CHECK(times(html, "<section id=\"part-1\">\n<h2>Table 4: size</h2>") == 1);
  CHECK(times(html, "<li><a ") == times(html, "<section "));
  CHECK(file(bench, "table_4_size.csv") == "variant,remaining weights\na,100\n");
  CHECK(times(file(bench, "table_4_size.tex"), "\\caption{Table 4: size}") == 1);
  CHECK(times(file(bench, "table_4_size.md"), "| a | 100 |") == 1);
  CHECK(times(file(bench, "report.md"), "## Table 4: size\n") == 1);
  CHECK(times(file(bench, "variants.tex"), "a & 0.5 & 100 \\\\\n") == 1);
  bench.give("tables", table.output("table"));
  CHECK_THROWS_WITH_AS(bench.run(), "two files of the report are named 'table_4_size'", Error);
}
