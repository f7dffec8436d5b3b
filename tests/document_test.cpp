// SPDX-License-Identifier: Apache-2.0
#include "pipeline/document.hpp"

#include <algorithm>

#include <doctest/doctest.h>

namespace espalier::pipeline {
namespace {

Document parse(const std::string& text, Diagnostics& findings) {
  return Document::parse("p.toml", text, findings);
}

Document parse_well(const std::string& text) {
  Diagnostics findings;
  Document out = parse(text, findings);
  INFO(findings.render(text));
  CHECK(findings.all().empty());
  return out;
}

void check_span(const Span& span, int line, int column, int length) {
  CHECK(span.file == "p.toml");
  CHECK(span.line == line);
  CHECK(span.column == column);
  CHECK(span.length == length);
}

TEST_CASE("document: sections and entries keep the order of the file") {
  const Document d = parse_well(
      "[zeta.b.one]\nz = 1\na = 2\n"
      "[alpha.x.two]\n"
      "[zeta.a.three]\n[zeta.b.four]\n");
  std::vector<std::string> names;
  for (const Section& s : d.sections()) names.push_back(s.plugin + "." + s.stage + "." + s.node);
  CHECK(names == std::vector<std::string>{"zeta.b.one", "alpha.x.two", "zeta.a.three", "zeta.b.four"});
  REQUIRE(d.sections()[0].items.size() == 2);
  CHECK(d.sections()[0].items[0].key == "z");
  CHECK(d.sections()[0].items[1].key == "a");
}

TEST_CASE("document: places of headers, keys and values") {
  const Document d = parse_well("\n  [a.b.c]\nrate  = 0.75\n list = [ 1,\n 22 ]\nby = { by = \"net\", x = \"ü\" }\n");
  const Section& s = d.sections().at(0);
  check_span(s.header, 2, 3, 7);
  check_span(s.items.at(0).key_span, 3, 1, 4);
  check_span(s.items.at(0).value.span, 3, 9, 4);
  check_span(s.items.at(1).key_span, 4, 2, 4);
  CHECK(s.items.at(1).value.span.line == 4);
  check_span(std::get<std::vector<Node>>(s.items[1].value.data).at(1).span, 5, 2, 2);
  const auto& table = std::get<Node::Table>(s.items.at(2).value.data);
  check_span(table.items.at(1).key_span, 6, 20, 1);
  check_span(table.items.at(1).value.span, 6, 24, 3);
  CHECK_FALSE(table.header);
}

TEST_CASE("document: a byte order mark is no part of the first line") {
  const Document d = parse_well("\xEF\xBB\xBF[a.b.c]\nrate = 0.75\n");
  check_span(d.sections().at(0).header, 1, 1, 7);
  check_span(d.sections()[0].items.at(0).key_span, 2, 1, 4);
}

TEST_CASE("document: values have the types they are written with") {
  const Document d = parse_well("[a.b.c]\nx = 1\ny = 1.0\nz = \"1\"\nw = true\nv = [1, \"a\"]\n");
  const auto& items = d.sections().at(0).items;
  CHECK(std::get<std::int64_t>(items.at(0).value.data) == 1);
  CHECK(std::get<double>(items.at(1).value.data) == 1.0);
  CHECK(std::get<std::string>(items.at(2).value.data) == "1");
  CHECK(std::get<bool>(items.at(3).value.data));
  CHECK(std::get<std::vector<Node>>(items.at(4).value.data).size() == 2);
}

TEST_CASE("document: heading and axes") {
  const Document d = parse_well(
      "[pipeline]\nname = \"guidotti2020-mnist\"\ntitle = \"A title\"\ndoc = \"why\"\n"
      "[axes]\nnet = [\"net1\", \"net2\"]\neps = [0.1, 1]\nn = [3, 1]\n");
  CHECK(d.name() == "guidotti2020-mnist");
  CHECK(d.title() == "A title");
  REQUIRE(d.axes().size() == 3);
  CHECK(d.axes()[0].name == "net");
  CHECK(d.axes()[0].values == std::vector<Value>{"net1", "net2"});
  CHECK(d.axes()[1].values == std::vector<Value>{0.1, 1.0});  // an integer beside a real is a real
  CHECK(d.axes()[2].values == std::vector<Value>{3, 1});
  check_span(d.axes()[2].span, 8, 1, 1);
}

TEST_CASE("document: without a name, the file's stem") {
  Diagnostics findings;
  CHECK(Document::parse("some/folder/quick.start.toml", "", findings).name() == "quick.start");
}

TEST_CASE("document: after a syntax error the other sections are still read") {
  Diagnostics findings;
  const Document d =
      parse("[a.b.one]\nx = 1\n[a.b.two]\nx = = 2\n[a.b.three]\ny = 3\n[a.b.four]\nz = [1,,]\n", findings);
  CHECK_FALSE(d.whole());
  REQUIRE(findings.all().size() == 2);
  CHECK(findings.all()[0].span.line == 4);
  CHECK(findings.all()[1].span.line == 8);
  REQUIRE(d.sections().size() == 2);
  CHECK(d.sections()[0].node == "one");
  CHECK(d.sections()[1].node == "three");
  CHECK(d.sections()[1].header.line == 5);
}

TEST_CASE("document: set replaces or adds, on the command line's behalf") {
  Document d = parse_well("[a.b.c]\nrate = 1\n[a.b.other]\nrate = 1\n");
  Diagnostics findings;
  d.set("c.rate=0.5", findings);
  d.set("c.name=l1", findings);
  d.set("c.path=/data/x.idx", findings);
  d.set("c.day=2024-01-02", findings);  // a bare word too: dates are no values here
  d.set("c.list=[1, 2]", findings);
  d.set("c.text=\"a = b\"", findings);
  CHECK(findings.all().empty());
  const Section& c = d.sections()[0];
  REQUIRE(c.items.size() == 6);
  CHECK(std::get<double>(c.items[0].value.data) == 0.5);
  CHECK(c.items[0].value.span.file == "--set");
  CHECK(c.items[0].value.span.line == 0);
  CHECK(std::get<std::string>(c.items[1].value.data) == "l1");
  CHECK(std::get<std::string>(c.items[2].value.data) == "/data/x.idx");
  CHECK(std::get<std::string>(c.items[3].value.data) == "2024-01-02");
  const auto& list = std::get<std::vector<Node>>(c.items[4].value.data);
  REQUIRE(list.size() == 2);
  CHECK(list[1].span.file == "--set");
  CHECK(std::get<std::string>(c.items[5].value.data) == "a = b");
  CHECK(std::get<std::int64_t>(d.sections()[1].items.at(0).value.data) == 1);
}

TEST_CASE("document: set reaches into tables of values, and into the node whose header it names") {
  Document d = parse_well("[a.b.c]\nrate = { by = \"set\", S1 = 1, S2 = { N1 = 2 } }\n[x.y.a]\nb = { c = 1 }\n");
  Diagnostics findings;
  d.set("c.rate.S1=3", findings);
  d.set("c.rate.S2.N2=4", findings);
  d.set("a.b.c.rate.S3=5", findings);  // not the entry `b` of the node `a`
  d.set("a.b.d=6", findings);          // which this is
  CHECK(findings.all().empty());
  const auto table = [](const Node& node) { return std::get<Node::Table>(node.data).items; };
  const auto whole = [](const Item& item) { return std::get<std::int64_t>(item.value.data); };
  const std::vector<Item> rate = table(d.sections()[0].items.at(0).value);
  REQUIRE(rate.size() == 4);
  CHECK(whole(rate[1]) == 3);
  CHECK(whole(table(rate[2].value).at(0)) == 2);
  CHECK(whole(table(rate[2].value).at(1)) == 4);
  CHECK(rate[3].key == "S3");
  REQUIRE(d.sections()[1].items.size() == 1);
  const std::vector<Item> b = table(d.sections()[1].items[0].value);
  REQUIRE(b.size() == 2);
  CHECK(b[1].key == "d");
}

TEST_CASE("document: set refuses what it does not understand") {
  Document d = parse_well("[a.b.base]\nrate = 1\n");
  const auto refused = [&](const std::string& assignment) {
    Diagnostics findings;
    d.set(assignment, findings);
    INFO(assignment);
    REQUIRE(findings.all().size() == 1);
    CHECK(findings.all()[0].span.file == "--set");
    return findings.all()[0].text + "; " + findings.all()[0].hint;
  };
  CHECK(refused("rate=1") == "'rate=1' is not NODE.PARAM=VALUE; write, say, --set base.epochs=5");
  CHECK(refused("base.rate") == "'base.rate' is not NODE.PARAM=VALUE; write, say, --set base.epochs=5");
  CHECK(refused(".rate=1").starts_with("'.rate=1' is not"));
  CHECK(refused("base.=1").starts_with("'base.=1' is not"));
  CHECK(refused("bse.rate=1") == "there is no node 'bse' for 'bse.rate=1'; did you mean 'base'?");
  CHECK(refused("base..rate=1").starts_with("'base..rate=1' is not"));
  CHECK(refused("base.rate.S1=2") ==
        "'rate' of 'base' is no table, so 'base.rate.S1' leads nowhere; give --set base.rate=VALUE");
  CHECK(refused("base.rates.S1=2").starts_with("'rates' of 'base' is no table"));
  CHECK(refused("base.rate=[1,").starts_with("the value in 'base.rate=[1,' is not a TOML value"));
  CHECK(refused("base.rate=").starts_with("the value in"));
  CHECK(refused("base.rate=1\nother = 2").starts_with("the value in"));
  CHECK(std::get<std::int64_t>(d.sections()[0].items.at(0).value.data) == 1);
}

}  // namespace
}  // namespace espalier::pipeline
