// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <espalier/report.hpp>
#include <espalier/results.hpp>

#include "support/hostile_fields.hpp"
#include "support/stage_bench.hpp"
#include "support/temp_dir.hpp"

using namespace espalier;
using espalier::testing::StageBench;
using espalier::testing::TempDir;
using Labels = std::map<std::string, std::string>;
using Texts = std::vector<std::string>;

namespace {

Metrics with(const std::string& name, double value) {
  Metrics out;
  out.values = {{name, value}};
  return out;
}

/// `solved` answers of four, half a second each; the rest open, or errors.
Verdicts answers(std::size_t solved, const std::string& solver = "crown.verify", Verdict rest = Verdict::timeout) {
  Verdicts out;
  out.solver = solver;
  out.rows.resize(4);
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    out.rows[i].verdict = i < solved ? (i % 2 == 0 ? Verdict::robust : Verdict::counterexample) : rest;
    out.rows[i].seconds = i < solved ? 0.5 : 2;
  }
  return out;
}

std::string file(const StageBench& bench, const std::string& ending) {
  for (const auto& f : bench.result<Report>("report").files) {
    if (f.name.ends_with(ending)) return f.bytes;
  }
  FAIL("no file " << ending);
  return {};
}

std::size_t times(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// A table beside a reference that lies in a folder of its own.
struct Beside {
  std::unique_ptr<TempDir> folder = std::make_unique<TempDir>();
  StageBench bench{"report.table"};

  explicit Beside(const std::string& reference) {
    std::ofstream(*folder / "printed.csv", std::ios::binary) << reference;
    bench.set("title", Value("Table 5: solved")).set("reference", Value((*folder / "printed.csv").string()));
  }
  StageBench& set(const std::string& name, Texts texts) { return bench.set(name, Value(std::move(texts))); }
};

/// Two networks of three in common with the reference, which has a count with a star.
Beside solved() {
  Beside out("set,network,solved\nSET1,Baseline,0\nSET1,NP,3*\nSET2,NP,1\n");
  out.set("rows", {"set", "technique=network"});
  out.set("columns", {"solved"}).set("reference_columns", Value(Texts{"solved"}));
  out.bench.give("verdicts", answers(1), {{"set", "SET1"}, {"technique", "Baseline"}});
  out.bench.give("verdicts", answers(2), {{"set", "SET1"}, {"technique", "NP"}});
  out.bench.give("verdicts", answers(4), {{"set", "SET1"}, {"technique", "WP"}});
  return out;
}

/// What an error says, and what it suggests.
std::string complaint(StageBench& bench) {
  try {
    bench.run();
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
  return "no error";
}

}  // namespace

TEST_CASE("report.table: a column with nothing in it is set as the numbers beside it") {
  Beside t("set,network,solved\nSET1,Baseline,\n");
  t.set("rows", {"set", "technique=network"}).set("columns", Value(Texts{"solved"}));
  t.bench.set("reference_columns", Value(Texts{"solved"}));
  t.bench.give("verdicts", answers(1), {{"set", "SET1"}, {"technique", "Baseline"}}).run();
  CHECK(times(file(t.bench, ".html"), "<td class=\"number\">-</td>") == 2);
  CHECK(times(file(t.bench, ".tex"), "\\begin{tabular}{llrrr}") == 1);
  CHECK(times(file(t.bench, ".md"), "| --- | --- | ---: | ---: | ---: |") == 1);
}

TEST_CASE("report.table: ours, theirs and the difference; what is on one side only is said") {
  Beside t = solved();
  t.bench.run();
  CHECK(file(t.bench, ".csv") ==
        "set,technique,\"solved, ours\",\"solved, paper\",\"solved, difference\"\n"
        "SET1,Baseline,1,0,+1\n"
        "SET1,NP,2,3*,-1\n"
        "SET2,NP,,1,\n"
        "SET1,WP,4,,\n");
  CHECK(file(t.bench, ".md") ==
        "Table 5: solved\n"
        "\n"
        "| set | technique | solved, ours | solved, paper | solved, difference |\n"
        "| --- | --- | ---: | ---: | ---: |\n"
        "| SET1 | Baseline | 1 | 0 | +1 |\n"
        "| SET1 | NP | 2 | 3\\* | -1 |\n"
        "| SET2 | NP |  | 1 |  |\n"
        "| SET1 | WP | 4 |  |  |\n"
        "\n"
        "1 row is only in the paper: 'SET2 NP'\n"
        "\n"
        "1 row is not in the paper: 'SET1 WP'\n");
  CHECK(file(t.bench, ".tex") ==
        "% \\usepackage{booktabs,graphicx}\n"
        "\\begin{table}\n"
        "\\centering\n"
        "\\caption{Table 5: solved}\n"
        "\\label{tab:table_5_solved}\n"
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
        "\\begin{tabular}{llrrr}\n"
        "\\toprule\n"
        " &  & \\multicolumn{3}{c}{solved} \\\\\n"
        "\\cmidrule(lr){3-5}\n"
        "set & technique & ours & paper & difference \\\\\n"
        "\\midrule\n"
        "SET1 & Baseline & 1 & 0 & $+1$ \\\\\n"
        "SET1 & NP & 2 & 3{*} & $-1$ \\\\\n"
        "SET2 & NP &  & 1 &  \\\\\n"
        "SET1 & WP & 4 &  &  \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}}\n"
        "\\par\\smallskip{\\footnotesize 1 row is only in the paper: 'SET2 NP'}\n"
        "\\par\\smallskip{\\footnotesize 1 row is not in the paper: 'SET1 WP'}\n"
        "\\end{table}\n");
  const std::string html = file(t.bench, ".html");
  CHECK(times(html, "<th class=\"group begin\" colspan=\"3\">solved</th>") == 1);
  CHECK(times(html, "<td class=\"number\">3*</td><td class=\"number\">-1</td>") == 1);
  const auto json = nlohmann::json::parse(file(t.bench, ".json"));
  CHECK(json["tables"]["table_5_solved"]["rows"][1] == nlohmann::json::parse(R"(["SET1", "NP", 2.0, "3*", -1.0])"));
}

TEST_CASE("report.table: rows of one side may be left out, which is said too") {
  Beside paper = solved();
  paper.bench.set("keep", Value("reference")).run();
  CHECK(times(file(paper.bench, ".csv"), "\n") == 4);
  CHECK(times(file(paper.bench, ".md"), "1 row is not in the paper and left out: 'SET1 WP'") == 1);
  Beside ours = solved();
  ours.bench.set("keep", Value("ours")).run();
  CHECK(times(file(ours.bench, ".csv"), "\n") == 4);
  CHECK(times(file(ours.bench, ".md"), "1 row is only in the paper and left out: 'SET2 NP'") == 1);
}

TEST_CASE("report.table: a label that one side does not have stands for every value") {
  Beside t("base,network,weights\nNET1,Baseline,52896\nNET2,Baseline,110912\n");
  t.set("rows", {"base", "set=", "technique=network"});
  t.set("columns", {"weights"}).set("reference_columns", Value(Texts{"weights"}));
  t.bench.give("metrics", with("weights", 52896), {{"base", "NET1"}, {"set", "SET1"}, {"technique", "Baseline"}});
  t.bench.give("metrics", with("weights", 52897), {{"base", "NET1"}, {"set", "SET2"}, {"technique", "Baseline"}});
  t.bench.give("metrics", with("weights", 110912), {{"base", "NET2"}, {"technique", "Baseline"}});
  t.bench.run();
  CHECK(file(t.bench, ".csv") ==
        "base,set,technique,\"weights, ours\",\"weights, paper\",\"weights, difference\"\n"
        "NET1,SET1,Baseline,52896,52896,0\n"
        "NET1,SET2,Baseline,52897,52896,+1\n"
        "NET2,,Baseline,110912,110912,0\n");
}

TEST_CASE("report.table: numbers have the digits of the reference, small ones more") {
  Beside t("network,robustness,seconds,rate\nNP,0.200,2.12,5e-05\nWP,0.30,6.5 s,1e+2\n");
  t.set("rows", {"technique=network"}).set("columns", Value(Texts{"robustness", "seconds", "rate"}));
  t.set("reference_columns", {"robustness", "seconds", "rate"}).set("headings", Value(Texts{"Robustness", "", "Rate"}));
  for (const std::string network : {"NP", "WP"}) {
    Metrics m;
    m.values = {{"robustness", 0.19}, {"seconds", 0.0031}, {"rate", 0.0001}};
    t.bench.give("metrics", m, {{"technique", network}});
  }
  t.bench.run();
  CHECK(file(t.bench, ".csv") ==
        "technique,\"Robustness, ours\",\"Robustness, paper\",\"Robustness, difference\","
        "\"seconds, ours\",\"seconds, paper\",\"seconds, difference\","
        "\"Rate, ours\",\"Rate, paper\",\"Rate, difference\"\n"
        "NP,0.190,0.200,-0.010,0.0031,2.12,-2.12,0.00010,0.00005,+0.00005\n"
        "WP,0.190,0.30,-0.110,0.0031,6.5 s,,0.00010,100,-99.99990\n");
}

TEST_CASE(
    "report.table: for reading, a column has one number of decimals; one that spans decades has digits that count") {
  Beside t("network,seconds\nA,2.12\nB,0.40\nC,7\n");
  t.set("rows", {"technique=network"}).set("columns", Value(Texts{"seconds", "unstable", "weights"}));
  t.set("reference_columns", {"seconds", "", ""});
  const std::map<std::string, std::vector<double>> values = {
      {"A", {0.016, 61, 5290}}, {"B", {0.00084, 68.15, 52896}}, {"C", {0.0036, 0.0239, 0}}};
  for (const auto& [network, v] : values) {
    Metrics m;
    m.values = {{"seconds", v[0]}, {"unstable", v[1]}, {"weights", v[2]}};
    t.bench.give("metrics", m, {{"technique", network}});
  }
  t.bench.run();
  CHECK(times(file(t.bench, ".md"),
              "| A | 0.016 | 2.12 | -2.10 | 61.0000 | 5290 |\n"
              "| B | 0.00084 | 0.40 | -0.40 | 68.1500 | 52896 |\n"
              "| C | 0.0036 | 7.00 | -7.00 | 0.0239 | 0 |\n") == 1);
  CHECK(times(file(t.bench, ".tex"), "C & 0.0036 & 7.00 & $-7.00$ & 0.0239 & 0 \\\\\n") == 1);
  CHECK(times(file(t.bench, ".html"), "<td class=\"number begin\">61.0000</td><td class=\"number\">5290</td>") == 1);
  CHECK(times(file(t.bench, ".csv"), "A,0.016,2.12,-2.10,61,5290\nB,0.00084,0.40,-0.40,68.15,52896\n") == 1);
  const auto json = nlohmann::json::parse(file(t.bench, ".json"));
  CHECK(json["tables"]["table_5_solved"]["rows"][1][1] == 0.00084);
}

TEST_CASE("report.table: means far above 1 have few decimals, unless they are beside printed ones") {
  const std::map<std::string, double> means = {{"A", 4.428571}, {"B", 772.777778}};
  for (const bool compared : {false, true}) {
    Beside t("network,mean\nA,4.4286\nB,772.7778\n");
    t.set("rows", {"technique=network"}).set("columns", Value(Texts{"mean"}));
    t.set("reference_columns", {compared ? "mean" : ""});
    for (const auto& [network, mean] : means) {
      Metrics m;
      m.values = {{"mean", mean}};
      t.bench.give("metrics", m, {{"technique", network}});
    }
    const std::string text = file(t.bench.run(), ".md");
    CHECK(times(text, "| A | 4.4 |\n| B | 772.8 |\n") == (compared ? 0 : 1));
    CHECK(times(text, "| A | 4.4286 | 4.4286 |") == (compared ? 1 : 0));
  }
}

TEST_CASE("report.table: a number that is none of the whole ones does not look like one") {
  StageBench bench("report.table");
  bench.set("title", Value("t")).set("columns", Value(Texts{"a", "b", "c"}));
  Metrics m;
  m.values = {{"a", 0.99999}, {"b", 68.15}, {"c", -0.5}};
  bench.give("metrics", m).run();
  CHECK(times(file(bench, ".md"), "| 1.0000 | 68.15 | -0.5 |\n") == 1);
}

TEST_CASE("report.table: rows of one table may be chosen from a reference about more, and columns by label") {
  Beside t("dataset,base,mnist_s,fashion_s\nmnist,NET1,2,3\nfashion,NET1,4,5\n");
  t.set("rows", {"base"}).set("where", Value(Texts{"dataset=fashion"}));
  t.set("columns", {"mean_seconds of crown.verify@set=S1", "mean_seconds of second"});
  t.set("reference_columns", {"mnist_s", "fashion_s"}).set("headings", Value(Texts{"first", "second"}));
  for (const std::string dataset : {"mnist", "fashion"}) {
    for (const std::string set : {"S1", "S2"}) {
      t.bench.give("verdicts",
                   answers(dataset == "mnist" ? 0
                           : set == "S1"      ? 4
                                              : 2),
                   {{"dataset", dataset}, {"base", "NET1"}, {"set", set}});
    }
    t.bench.give("verdicts", answers(0, "milp.verify"), {{"dataset", dataset}, {"base", "NET1"}, {"name", "second"}});
  }
  t.bench.run();
  CHECK(file(t.bench, ".csv") ==
        "base,\"first, ours\",\"first, paper\",\"first, difference\",\"second, ours\",\"second, paper\",\"second, "
        "difference\"\nNET1,0.50,4,-3.5,2,5,-3\n");
}

TEST_CASE("report.table: values that share a row are equal, or are combined as the column says") {
  StageBench bench("report.table");
  bench.set("title", Value("Replicas")).set("rows", Value(Texts{"model"}));
  bench.set("columns", Value(Texts{"mean(accuracy)", "std(accuracy)", "median(accuracy)", "min(accuracy)",
                                   "max(accuracy)", "sum(accuracy)", "rate"}));
  for (const double accuracy : {0.5, 1.0, 3.0}) {
    Metrics m;
    m.values = {{"accuracy", accuracy}, {"rate", 0.25}};
    bench.give("metrics", m, {{"model", "a"}, {"seed", std::to_string(accuracy)}});
  }
  bench.run();
  // Mean 1.5; squares 1 + 0.25 + 2.25 = 3.5 over two, of which the root is 1.3229.
  CHECK(file(bench, ".csv") ==
        "model,mean(accuracy),std(accuracy),median(accuracy),min(accuracy),max(accuracy),sum(accuracy),rate\n"
        "a,1.5,1.3229,1,0.5,3,4.5,0.25\n");
  bench.set("columns", Value(Texts{"accuracy"}));
  CHECK(complaint(bench) ==
        "'accuracy' has 3 values for a, from 0.5 to 3 | add an axis to 'rows', choose with 'accuracy@axis=value' or "
        "'accuracy of NAME', or write 'mean(accuracy)'");
}

TEST_CASE("report.table: what verdicts and attacks give") {
  StageBench bench("report.table");
  bench.set("title", Value("All")).set("rows", Value(Texts{}));
  bench.set("columns", Value(Texts{"solved", "robust", "counterexample", "timeout", "error", "questions",
                                   "solved_share", "mean_seconds", "median_seconds", "max_seconds", "total_seconds",
                                   "mean_solved_seconds", "robustness of fgsm", "attacks.correct"}));
  Attacks attacks;
  attacks.method = "fgsm";
  attacks.rows = {{.label = 1, .predicted = 1, .found = true, .adversarial_class = 0, .distance = 0.1},
                  {.label = 1, .predicted = 1}};
  bench.give("attacks", attacks).give("verdicts", answers(3)).run();
  const std::string csv = file(bench, ".csv");
  CHECK(csv.substr(csv.find('\n') + 1) == "3,2,1,1,0,4,0.75,0.875,0.5,2,3.5,0.5,0.5,2\n");
}

TEST_CASE("report.table: what a solver tells of its work is a mean of the rows that it tells it of") {
  StageBench bench("report.table");
  bench.set("title", Value("t"));
  bench.set("columns", Value(Texts{"mean_integer_variables", "count_integer_variables"}));
  Verdicts told = answers(4);
  told.numbers["integer_variables"] = {20, std::nan(""), 31, std::nan("")};
  bench.give("verdicts", told).run();
  CHECK(file(bench, ".csv") == "mean integer variables,count integer variables\n25.5,2\n");
}

TEST_CASE("report.table: a table too long for a page is broken across pages, its headings on each") {
  const auto tex = [](int rows) {
    StageBench bench("report.table");
    bench.set("title", Value("t")).set("rows", Value(Texts{"v"})).set("columns", Value(Texts{"accuracy"}));
    for (int i = 0; i < rows; ++i) bench.give("metrics", with("accuracy", 1), {{"v", "n" + std::to_string(i)}});
    return file(bench.run(), ".tex");
  };
  CHECK(times(tex(45), "longtable") == 0);
  const std::string broken = tex(46);
  CHECK(broken.starts_with("% \\usepackage{booktabs,longtable}\n\\begingroup\n"));
  CHECK(broken.ends_with("\\end{longtable}\n\\endgroup\n"));
  CHECK(times(broken, "v & accuracy \\\\\n\\midrule\n\\end") == 2);  // of the first page, and of the others
  CHECK(times(broken, "\\resizebox") == 0);
  CHECK(times(broken, " & 1 \\\\\n") == 46);
}

TEST_CASE("report.table: errors among the answers are marked as the paper marks them") {
  StageBench bench("report.table");
  bench.set("title", Value("t")).set("columns", Value(Texts{"solved"}));
  bench.give("verdicts", answers(3, "milp.verify", Verdict::error)).run();
  CHECK(file(bench, ".csv") == "solved\n3*\n");
  CHECK(times(file(bench, ".md"), "\\* beside a count of ours: some of the other answers are errors") == 1);
}

TEST_CASE("report.table: a value that some rows do not have stays empty and is said") {
  StageBench bench("report.table");
  bench.set("title", Value("t")).set("rows", Value(Texts{"v"})).set("columns", Value(Texts{"accuracy", "size"}));
  bench.give("metrics", with("accuracy", 1), {{"v", "a"}}).give("metrics", with("size", 7), {{"v", "a"}});
  bench.give("metrics", with("accuracy", std::nan("")), {{"v", "b"}}).run();
  CHECK(file(bench, ".csv") == "v,accuracy,size\na,1,7\nb,,\n");
  CHECK(times(file(bench, ".md"), "\n1 row has no value here in column 'accuracy': 'b'\n") == 1);
  CHECK(times(file(bench, ".md"), "\n1 row has no value here in column 'size': 'b'\n") == 1);
  bench.give("metrics", with("size", 2), {{"v", "c"}}).run();
  CHECK(times(file(bench, ".md"), "\n2 rows have no value here in column 'accuracy': 'b' and 'c'\n") == 1);
}

TEST_CASE("report.table: rows follow the order in which their labels' values appear") {
  StageBench bench("report.table");
  bench.set("title", Value("t")).set("rows", Value(Texts{"base", "set"})).set("columns", Value(Texts{"size"}));
  for (const std::string set : {"S2", "S1"}) {
    for (const std::string base : {"N2", "N1"}) bench.give("metrics", with("size", 1), {{"base", base}, {"set", set}});
  }
  bench.run();
  CHECK(file(bench, ".csv") == "base,set,size\nN2,S2,1\nN2,S1,1\nN1,S2,1\nN1,S1,1\n");
}

TEST_CASE("report.table: mistakes are told with the names that exist") {
  Beside t = solved();
  const auto with_columns = [&](const std::string& column) {
    t.set("columns", {column});
    return complaint(t.bench);
  };
  CHECK(with_columns("solvd").starts_with("no input has a value 'solvd' for 'solvd' | there are 'counterexample', "));
  CHECK(with_columns("solved of milp") == "no input is meant by 'solved of milp' | there are 'crown.verify'");
  CHECK(with_columns("solved@set=S9") == "'solved@set=S9' wants 'set=S9', which no input has | 'set' is 'SET1'");
  CHECK(with_columns("solved@sett=S9") ==
        "'solved@sett=S9' names the label 'sett', which no input has | the inputs have 'set' and 'technique'");
  CHECK(with_columns("best(solved)").starts_with("'best(solved)' asks for 'best' of a value | there are mean, std, "));
  CHECK(with_columns("solved@set").starts_with("'set' in 'solved@set' is no label | "));
  CHECK(with_columns(" ").starts_with("column ' ' names no value | "));
  t.set("columns", {"solved"});

  t.set("rows", {"set", "technique"});
  CHECK(complaint(t.bench) ==
        "'printed.csv' has no column 'technique' | there are 'set', 'network' and 'solved'; write 'technique=COLUMN', "
        "or 'technique=' when it has none");
  t.set("rows", {"sets", "technique=network"});
  CHECK(complaint(t.bench) ==
        "'rows' names the label 'sets', which no input has | the inputs have 'set' and "
        "'technique'");
  t.set("rows", {"set", "technique=network"}).set("where", Value(Texts{"set=SET7"}));
  CHECK(complaint(t.bench) == "'where' wants 'set=SET7', which no input has | 'set' is 'SET1'");
  t.set("where", {}).set("reference_columns", Value(Texts{"solves"}));
  CHECK(complaint(t.bench) == "'printed.csv' has no column 'solves' | there are 'set', 'network' and 'solved'");
  t.set("reference_columns", {"solved", ""});
  CHECK(complaint(t.bench).starts_with("'reference_columns' has 2 entries, 'columns' has 1 | "));
  t.set("reference_columns", {"solved"}).set("rows", Value(Texts{"technique=network"}));
  t.set("columns", {"max(solved)"});
  CHECK(complaint(t.bench) ==
        "lines 3 and 4 of 'printed.csv' are both about the row 'NP' | add a label to 'rows', or "
        "choose with 'where'");
  t.bench.set("reference", Value("no-such-file.csv"));
  CHECK(complaint(t.bench).starts_with("there is no file 'no-such-file.csv'"));

  StageBench empty("report.table");
  empty.set("title", Value("t")).set("columns", Value(Texts{"a"}));
  CHECK(complaint(empty) == "a table of nothing | give 'metrics', 'attacks' or 'verdicts'");
  Metrics both = with("robustness", 1);
  Attacks attacks;
  attacks.rows.resize(1);
  empty.set("columns", Value(Texts{"robustness"})).give("metrics", both).give("attacks", attacks);
  CHECK(complaint(empty) == "'robustness' is a value of 'attacks' and 'metrics' | write 'attacks.robustness'");
}

TEST_CASE("report.table: a reference about other rows altogether is a mistake") {
  Beside t("set,network,solved\nS1,np,1\n");
  t.set("rows", {"set", "technique=network"});
  t.set("columns", {"solved"}).set("reference_columns", Value(Texts{"solved"}));
  t.bench.give("verdicts", answers(1), {{"set", "SET1"}, {"technique", "NP"}});
  CHECK(complaint(t.bench) ==
        "no row of 'printed.csv' is one of ours: it has 'S1 np', we have 'SET1 NP' | labels are "
        "compared as text, letter by letter");
}

TEST_CASE("report.table: numbers in labels are compared as numbers") {
  Beside t("epsilon,solved\n0.10,1\n0.020,2\n");
  t.set("rows", {"epsilon"}).set("columns", Value(Texts{"solved"})).set("reference_columns", Value(Texts{"solved"}));
  t.bench.give("verdicts", answers(1), {{"epsilon", "0.1"}}).give("verdicts", answers(1), {{"epsilon", "0.02"}});
  t.bench.run();
  CHECK(file(t.bench, ".csv") ==
        "epsilon,\"solved, ours\",\"solved, paper\",\"solved, difference\"\n0.1,1,1,0\n0.02,1,2,-1\n");
}

TEST_CASE("report.table: quotes, line ends and blank lines of a reference are read as they are meant (RFC 4180)") {
  Beside t("\xef\xbb\xbf\"v\",\"say \"\"x\"\"\"\r\n\"a,b\",1\r\n\r\n\"two\nlines\",2");
  t.set("rows", {"v"}).set("columns", Value(Texts{"solved"})).set("reference_columns", Value(Texts{"say \"x\""}));
  t.bench.give("verdicts", answers(1), {{"v", "a,b"}}).give("verdicts", answers(1), {{"v", "two\nlines"}});
  t.bench.run();
  CHECK(times(file(t.bench, ".csv"), "\n\"a,b\",1,1,0\n\"two\nlines\",1,2,-1\n") == 1);
  for (const auto& [text, message] :
       {std::pair<std::string, std::string>{"v,n\n1\n", "line 2 of 'printed.csv' has 1 cells, but there are 2 columns"},
        {"v,n\n", "'printed.csv' has no rows"},
        {"v,v\n1,2\n", "'printed.csv' has two columns 'v'"},
        {"v,n\n\"a,2\n", "line 3 of 'printed.csv' has a quote that is not closed"},
        {"v,n\n\"a\"b,2\n", "line 2 of 'printed.csv' has text after a closing quote"}}) {
    Beside bad(text);
    bad.set("rows", {"v"}).set("columns", Value(Texts{"solved"})).set("reference_columns", Value(Texts{"n"}));
    bad.bench.give("verdicts", answers(1), {{"v", "1"}});
    CHECK_THROWS_WITH_AS(bad.bench.run(), message.c_str(), Error);
  }
}

TEST_CASE("report.table: names mean themselves in Markdown, HTML and LaTeX") {
  StageBench bench("report.table");
  const std::string bad = "50% \\ of {a_b} & <i>$x$</i> #1 ~^ \"q\" [*] --";
  bench.set("title", Value(bad)).set("rows", Value(Texts{"v"})).set("columns", Value(Texts{"size"}));
  bench.set("headings", Value(Texts{bad})).set("notes", Value(Texts{bad}));
  bench.give("metrics", with("size", 1), {{"v", bad}}).run();
  const std::string tex =
      "50\\% \\textbackslash{} of \\{a\\_b\\} \\& \\textless{}i\\textgreater{}\\$x\\$\\textless{}/i\\textgreater{} "
      "\\#1 "
      "\\textasciitilde{}\\textasciicircum{} ''q'' {[}{*}] -{}-";
  CHECK(times(file(bench, ".tex"), tex) == 4);
  CHECK(times(file(bench, ".html"), "&lt;i&gt;") == 5);  // title, heading, caption of the page, cell, note
  CHECK(times(file(bench, ".html"), "<i>") == 0);
  CHECK(times(file(bench, ".md"), "<i>") == times(file(bench, ".md"), "\\<i>"));
  CHECK(bench.result<Report>("report").files.front().name == "50_of_a_b_i_x_i_1_q.md");
}

TEST_CASE("report.table: equal inputs give equal bytes") {
  Beside a = solved();
  Beside b = solved();
  a.bench.run();
  b.bench.run();
  CHECK(a.bench.stage().repeatable == Repeatable::exactly);
  const auto& files = a.bench.result<Report>("report").files;
  CHECK(files.size() == 5);
  for (std::size_t i = 0; i < files.size(); ++i) {
    CHECK(files[i].bytes == b.bench.result<Report>("report").files[i].bytes);
  }
}

TEST_CASE("report.table: the table survives being stored, and damage is noticed") {
  Beside t = solved();
  t.bench.run();
  const std::string name = "report";  // g++ 14 takes a result for a reference to a temporary argument
  const PluginSpec& plugin = espalier::testing::plugin_in_tree(name);
  REQUIRE(plugin.kinds.size() == 1);
  const KindSpec& kind = plugin.kinds.front();
  CHECK(kind.name == "Table");
  const Fields stored = kind.encode(*t.bench.output("table"));
  const Fields again = kind.encode(*kind.decode(stored));
  CHECK(stored.digest("Table", 1) == again.digest("Table", 1));
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    const Fields bad = espalier::testing::damaged_fields(stored, random);
    try {
      const Fields read = kind.encode(*kind.decode(bad));
      CHECK(read.digest("Table", 1) == bad.digest("Table", 1));
    } catch (const Error& error) {
      CHECK(error.code() == Code::damaged);
      ++refused;
    }
  }
  CHECK(refused > 100);
}
