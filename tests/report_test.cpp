// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/report.hpp>

#include "support/hostile_fields.hpp"

using espalier::Cell;
using espalier::Error;
using espalier::Number;
using espalier::Report;
using espalier::Table;

TEST_CASE("a cell shows the digits asked for") {
  CHECK(espalier::cell_text(Number{0.98456, 3}) == "0.985");
  CHECK(espalier::cell_text(Number{12, 0}) == "12");
  CHECK(espalier::cell_text(Number{-0.001, 1}) == "0.0");
  CHECK(espalier::cell_text(Number{-0.06, 1}) == "-0.1");
  CHECK(espalier::cell_text(Number{1e300, 0}).size() == 301);
  CHECK(espalier::cell_text(Number{std::nan(""), 2}) == "nan");
  CHECK(espalier::cell_text(Number{-INFINITY, 2}) == "-inf");
  CHECK(espalier::cell_text(Number{1, -3}) == "1");
  CHECK(espalier::cell_text(std::string("x|y")) == "x|y");
  CHECK(espalier::cell_text({}) == "");
}

TEST_CASE("a table as Markdown sets numbers right and keeps text as it is") {
  const Table table{.name = "t",
                    .caption = "Accuracy *of all*",
                    .columns = {"net_1", "a|b", "note"},
                    .rows = {{std::string("_x_"), Number{0.5, 2}, std::string("two\nlines\\")},
                             {std::string("<b>"), {}, std::string("`c` [d] &amp; ~~e~~")}}};
  CHECK(to_markdown(table) ==
        "Accuracy \\*of all\\*\n"
        "\n"
        "| net_1 | a\\|b | note |\n"
        "| --- | ---: | --- |\n"
        "| \\_x\\_ | 0.50 | two<br>lines\\\\ |\n"
        "| \\<b> |  | \\`c\\` \\[d\\] \\&amp; \\~\\~e\\~\\~ |\n");
}

TEST_CASE("an empty column stands as numbers do; a table without rows has no numbers") {
  const Table table{.name = "t", .caption = "", .columns = {"a", "b"}, .rows = {{std::string("x"), {}}}};
  CHECK(to_markdown(table) == "| a | b |\n| --- | ---: |\n| x |  |\n");
  CHECK(espalier::to_markdown({.name = "t", .caption = "", .columns = {"a"}, .rows = {}}) == "| a |\n| --- |\n");
}

TEST_CASE("a table as CSV quotes what would break it (RFC 4180)") {
  const Table table{.name = "t",
                    .caption = "not in the file",
                    .columns = {"a", "b,c"},
                    .rows = {{std::string("say \"x\""), Number{1.25, 1}}, {{}, std::string("two\nlines")}}};
  CHECK(to_csv(table) == "a,\"b,c\"\n\"say \"\"x\"\"\",1.2\n,\"two\nlines\"\n");
}

TEST_CASE("a row must have a cell for every column") {
  const Table table{.name = "t", .caption = "", .columns = {"a", "b"}, .rows = {{Number{1, 0}}}};
  CHECK_THROWS_WITH_AS(to_csv(table), "row 0 of table 't' has 1 cells, but there are 2 columns", Error);
  CHECK_THROWS_AS(to_markdown(table), Error);
}

TEST_CASE("a report is stored with every byte of its files") {
  Report r;
  r.title =
      "Pr\xc3\xbc"
      "fung";
  r.files = {{"report.html", std::string("<p>\0\xff</p>\0", 11)}, {"t-1.csv", ""}};
  const Report again = Report::from_fields(r.to_fields());
  CHECK(again.title == r.title);
  REQUIRE(again.files.size() == 2);
  CHECK(again.files[0].bytes == r.files[0].bytes);
  CHECK(again.files[1].name == "t-1.csv");
  CHECK(again.files[1].bytes.empty());
  espalier::testing::check_survives_damage(r);
}

TEST_CASE("a report's file cannot lie outside its folder or hide another") {
  for (const char* name : {"", "..", ".x", "a/b", "/etc", "A.html", "a b"}) {
    Report r;
    r.files = {{name, ""}};
    CHECK_THROWS_AS(r.to_fields(), Error);
  }
  Report twice;
  twice.files = {{"a", "1"}, {"a", "2"}};
  CHECK_THROWS_AS(twice.to_fields(), Error);
}

TEST_CASE("what HTML would read as its own is escaped, the ampersand once") {
  CHECK(espalier::escaped_html("a < b & \"c\" > 'd' &amp;") ==
        "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39; &amp;amp;");
}
