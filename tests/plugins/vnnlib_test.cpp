// SPDX-License-Identifier: Apache-2.0
#include "exchange/vnnlib.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <zlib.h>

#include <espalier/error.hpp>

#include "support/temp_dir.hpp"

using espalier::Error;
using espalier::OutputConstraint;
using espalier::Property;
using espalier::exchange::parse_vnnlib;
using espalier::exchange::read_vnnlib;
using espalier::exchange::vnnlib_text;

namespace {

const std::string kTwoInputs = R"((declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
(declare-const Y_2 Real)
)";
const std::string kUnitBox = R"((assert (>= X_0 0)) (assert (<= X_0 1))
(assert (>= X_1 0)) (assert (<= X_1 1))
)";

Property read(const std::string& text) {
  return parse_vnnlib(text, "p.vnnlib");
}
/// Two inputs in [0, 1], three outputs, and what is given.
Property with_asserts(const std::string& rest) {
  return read(kTwoInputs + kUnitBox + rest);
}

using Terms = std::vector<OutputConstraint::Term>;
using Constraints = std::vector<OutputConstraint>;

/// The constraints of the only case of a formula about outputs.
Constraints only_case(const std::string& formula) {
  const Property p = with_asserts("(assert " + formula + ")");
  REQUIRE(p.cases.size() == 1);
  return p.cases[0].constraints;
}

OutputConstraint only_constraint(const std::string& formula) {
  const Constraints all = only_case(formula);
  REQUIRE(all.size() == 1);
  return all[0];
}

std::string failure(const std::string& text) {
  try {
    read(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "read without complaint";
}

void check_same(const Property& a, const Property& b) {
  CHECK(a.inputs == b.inputs);
  CHECK(a.outputs == b.outputs);
  CHECK(a.boxes == b.boxes);
  CHECK(a.cases == b.cases);
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("bounds of inputs make a box, and assertions hold together") {
  const Property p = with_asserts("(assert (<= Y_0 0.5)) (assert (>= X_0 0.25)) (assert (>= Y_2 -1e-3))");
  CHECK(p.inputs == 2);
  CHECK(p.outputs == 3);
  REQUIRE(p.boxes.size() == 1);
  CHECK(p.boxes[0].low == std::vector<double>{0.25, 0});  // the tighter of two bounds
  CHECK(p.boxes[0].high == std::vector<double>{1, 1});
  REQUIRE(p.cases.size() == 1);
  CHECK(p.cases[0].constraints == Constraints{{.terms = {{0, 1}}, .limit = 0.5}, {.terms = {{2, -1}}, .limit = 1e-3}});
}

TEST_CASE("a comparison says the same whichever side things stand on") {
  const OutputConstraint less{.terms = {{0, 1}, {1, -1}}, .limit = 0};
  for (const char* text : {"(<= Y_0 Y_1)", "(>= Y_1 Y_0)", "(<= (- Y_0 Y_1) 0)", "(>= 0 (- Y_0 Y_1))",
                           "(<= (+ Y_0 (* -1 Y_1)) 0.0)", "(<= 0 (+ (* -1 Y_0) Y_1))", "(>= (- Y_0) (- Y_1))",
                           "(<= (+ Y_0 5) (+ 5 Y_1))", "(<= (/ Y_0 2) (* Y_1 0.5))"}) {
    CAPTURE(text);
    const OutputConstraint got = only_constraint(text);
    CHECK(got.limit == 0);
    CHECK_FALSE(std::signbit(got.limit));
    REQUIRE(got.terms.size() == 2);
    CHECK(got.terms[0].factor == -got.terms[1].factor);
    CHECK(got.terms[0].factor > 0);
    if (std::string(text).find('/') == std::string::npos) CHECK(got == less);
  }
  CHECK(only_constraint("(<= 3 Y_1)") == OutputConstraint{.terms = {{1, -1}}, .limit = -3});
  CHECK(only_constraint("(>= 3 Y_1)") == OutputConstraint{.terms = {{1, 1}}, .limit = 3});
}

TEST_CASE("linear terms are added up exactly and rounded once") {
  CHECK(only_constraint("(<= (+ Y_0 0.1 0.2) 0.6)").limit == 0.3);  // 0.6 - 0.1 - 0.2 in doubles is 0.29999999999999993
  CHECK(only_constraint("(<= (* 3 0.1 Y_2) 1)") == OutputConstraint{.terms = {{2, 0.3}}, .limit = 1});
  CHECK(only_constraint("(<= (* 0.1 (+ Y_0 Y_0 Y_0)) 1)") == OutputConstraint{.terms = {{0, 0.3}}, .limit = 1});
  CHECK(only_constraint("(<= (+ Y_2 (* 2 Y_0) (- Y_2)) (- 7 1 2))") == OutputConstraint{.terms = {{0, 2}}, .limit = 4});
  CHECK(only_constraint("(<= (* (+ 1e300 1) 5e-301 Y_0) 1)").terms == Terms{{0, 0.5}});
  // Exactly: nothing gets lost, and nothing is left over.
  CHECK(with_asserts("(assert (<= (+ 1e300 1e-300) 1e300))").cases.empty());
  CHECK(only_case("(<= (- (* 3 (/ Y_0 3)) Y_0) 0)").empty());
  CHECK(only_constraint("(<= (/ Y_0 3) 0.1)") == OutputConstraint{.terms = {{0, 1.0 / 3}}, .limit = 0.1});
  CHECK(only_constraint("(<= (* 3e-308 Y_0) (+ 1e-5 1e-400))").terms == Terms{{0, 3e-308}});
  CHECK(only_constraint("(<= Y_0 (+ 9007199254740993 0.0))").limit == 9007199254740992);   // a tie, to even
  CHECK(only_constraint("(<= Y_0 (+ 9007199254740992 1.01))").limit == 9007199254740994);  // above the tie
  CHECK(only_constraint("(<= (* 1.0 Y_0) 1)").terms[0].factor == 1);
  CHECK(only_constraint("(<= (* -100e-2 Y_0) 1)").terms[0].factor == -1);
  CHECK(only_constraint("(<= (* 0.9999999999999999 Y_0) 1)").terms[0].factor < 1);
  CHECK(only_constraint("(<= Y_0 (* 0010 012.50e-1))").limit == 12.5);  // not octal
  CHECK(only_constraint("(<= Y_0 (+ 0.00 -.0e9 +00.5E+1))").limit == 5);
  // Exactly: nothing gets lost, and nothing is left over.
  CHECK(with_asserts("(assert (<= (+ 1e300 1e-300) 1e300))").cases.empty());
  CHECK(only_case("(<= (- (* 3 (/ Y_0 3)) Y_0) 0)").empty());
  CHECK(only_constraint("(<= (/ Y_0 3) 0.1)") == OutputConstraint{.terms = {{0, 1.0 / 3}}, .limit = 0.1});
  CHECK(only_constraint("(<= (* 3e-308 Y_0) (+ 1e-5 1e-400))").terms == Terms{{0, 3e-308}});
  CHECK(only_constraint("(<= (+ Y_0 1e-400) 1e-5)").limit == 1e-5);
  CHECK(only_constraint("(<= Y_0 (+ 9007199254740992 1))").limit == 9007199254740992);     // a tie, to even
  CHECK(only_constraint("(<= Y_0 (+ 9007199254740992 1.01))").limit == 9007199254740994);  // above the tie
  CHECK(only_constraint("(<= Y_0 (* 0010 012.50e-1))").limit == 12.5);                     // not octal
  CHECK(only_constraint("(<= Y_0 (+ 0.00 -.0e9 +00.5E+1))").limit == 5);
  const Property p = with_asserts("(assert (<= (* -4 X_1) -1)) (assert (<= (+ X_0 X_0 0.1) 1.2))");
  CHECK(p.boxes[0].low[1] == 0.25);
  CHECK(p.boxes[0].high[0] == 0.55);
}

TEST_CASE("numbers are the doubles nearest to the decimals") {
  const auto limit = [](const std::string& number) { return only_constraint("(<= Y_0 " + number + ")").limit; };
  CHECK(limit("0.1") == 0.1);
  CHECK(limit("+.5") == 0.5);
  CHECK(limit("5.") == 5);
  CHECK(limit("-1.25E+2") == -125);
  CHECK(limit("0.29855281193475053") == 0.29855281193475053);
  CHECK(limit("0.1000000000000000055511151231257827021181583404541015625") == 0.1);
  CHECK(limit("4.9e-324") == 4.9e-324);
  CHECK(limit("1e-400") == 0);
  CHECK(limit(repeated("0", 500) + "1") == 1);
  CHECK_FALSE(std::signbit(limit("-0.0")));
  CHECK(failure(kTwoInputs + kUnitBox + "(assert (<= Y_0 1e999))").find("too large") != std::string::npos);
  CHECK(failure(kTwoInputs + kUnitBox + "(assert (<= (* 1e-400 Y_0) 1))").find("too small") != std::string::npos);
  for (const char* bad : {"inf", "nan", "0x10", "1e", "1e+", ".", "+-5", "--5", "1.2.3", "1_0"}) {
    CAPTURE(bad);
    CHECK(failure(kTwoInputs + kUnitBox + "(assert (<= Y_0 " + bad + "))").find("neither a number") !=
          std::string::npos);
  }
}

TEST_CASE("'or' makes cases and 'and' makes constraints of one case, never the other way round") {
  const Property either = with_asserts("(assert (or (>= Y_0 Y_1) (>= Y_0 Y_2)))");
  CHECK(either.cases.size() == 2);
  CHECK(either.cases[0].constraints.size() == 1);
  const Property both = with_asserts("(assert (and (>= Y_0 Y_1) (>= Y_0 Y_2)))");
  CHECK(both.cases.size() == 1);
  CHECK(both.cases[0].constraints.size() == 2);
  // (a or b) and (c or d), in one assertion or in two
  for (const char* text : {"(assert (and (or (<= Y_0 1) (<= Y_0 2)) (or (<= Y_1 3) (<= Y_1 4))))",
                           "(assert (or (<= Y_0 1) (<= Y_0 2))) (assert (or (<= Y_1 3) (<= Y_1 4)))"}) {
    const Property p = with_asserts(text);
    std::vector<std::pair<double, double>> limits;
    for (const auto& c : p.cases) {
      REQUIRE(c.constraints.size() == 2);
      limits.emplace_back(c.constraints[0].limit, c.constraints[1].limit);
    }
    CHECK(limits == std::vector<std::pair<double, double>>{{1, 3}, {1, 4}, {2, 3}, {2, 4}});
  }
  const Property nested =
      with_asserts("(assert (or (and (<= Y_0 1) (or (<= Y_1 2) (and (<= Y_1 3) (<= Y_2 4)))) (<= Y_2 5)))");
  std::vector<std::size_t> sizes;
  for (const auto& c : nested.cases) sizes.push_back(c.constraints.size());
  CHECK(sizes == std::vector<std::size_t>{2, 3, 1});
}

TEST_CASE("bounds inside 'or' make a box for each case, and equal boxes are one") {
  const Property p = with_asserts(R"((assert (or
    (and (<= X_0 0.5) (>= Y_0 1))
    (and (>= X_0 0.5) (>= Y_0 2))
    (and (>= Y_1 1) (<= X_0 0.5))
    (>= Y_2 7)
    (and (>= X_1 2)))))");
  REQUIRE(p.cases.size() == 5);
  CHECK(p.boxes.size() == 4);
  CHECK(p.boxes[0].high == std::vector<double>{0.5, 1});
  CHECK(p.boxes[1].low == std::vector<double>{0.5, 0});
  CHECK(p.cases[2].box == 0);
  CHECK(p.boxes[static_cast<std::size_t>(p.cases[3].box)].high == std::vector<double>{1, 1});
  const Property::Box& empty = p.boxes[static_cast<std::size_t>(p.cases[4].box)];
  CHECK(empty.low[1] > empty.high[1]);  // kept: no input is in it
  CHECK(p.cases[4].constraints.empty());
  CHECK(read("(declare-const X_0 Real)(declare-const Y_0 Real)"
             "(assert (or (and (>= X_0 -1) (<= X_0 1) (>= Y_0 100))))")
            .boxes.size() == 1);
}

TEST_CASE("comparisons may be chains, equalities, or between numbers alone") {
  CHECK(only_case("(<= 0 Y_0 1)").size() == 2);
  CHECK(only_case("(= Y_0 Y_1)").size() == 2);
  CHECK(only_case("(<= 1 2)").empty());
  CHECK(only_case("(<= Y_0 Y_0)").empty());
  CHECK(with_asserts("(assert (or true (<= Y_0 1)))").cases[0].constraints.empty());
  CHECK(with_asserts("(assert (<= 2 1))").cases.empty());
  CHECK(with_asserts("(assert (or (<= 2 1) (and (<= Y_0 0) (>= 0 1e-400))))").cases.empty());
  CHECK(with_asserts("(assert (or false (<= Y_0 1)))").cases.size() == 1);
  CHECK(with_asserts("(assert (= X_0 0.5))").boxes[0].low[0] == 0.5);
}

TEST_CASE("blanks, line ends, comments and harmless commands do not matter") {
  const std::string text = kTwoInputs + kUnitBox + "(assert (or (>= Y_0 Y_1) (and (<= X_0 5e-1)\n (>= Y_2 1))))\n";
  const Property plain = read(text);
  std::string dos;
  for (const char c : text) dos += c == '\n' ? "\r\n" : std::string(1, c);
  check_same(read(dos), plain);
  std::string wide = "\xef\xbb\xbf; \xc3\xa9 (assert false)\n(set-info :source |a ( b|) (set-logic QF_LRA)\n";
  for (const char c : text) wide += c == '(' || c == ')' ? "\t " + std::string(1, c) + " ; (\n" : std::string(1, c);
  check_same(read(wide), plain);
  check_same(read("(declare-fun X_0 () Real)" + text.substr(text.find('\n')) + "(check-sat) ; end"), plain);
}

TEST_CASE("what cannot be read is refused with its place and the reason") {
  const auto check = [](const std::string& text, const std::string& wanted) {
    CAPTURE(text);
    CHECK(failure(text).find(wanted) != std::string::npos);
  };
  const std::string start = kTwoInputs + kUnitBox;  // seven lines
  check(start + "(assert (< Y_0 1))", "p.vnnlib:8:10: '<' is not supported");
  check(start + "  (assert (>= X_0 X_1))", "p.vnnlib:8:11: this compares input X_0 with another variable");
  check(start + "(assert (<= Y_0 X_1))", "X_1");
  check(start + "(assert (not (<= Y_0 1)))", "'not' is not supported");
  check(start + "(assert (<= (* Y_0 Y_1) 1))", "p.vnnlib:8:20: a product of variables");
  check(start + "(assert (<= (/ 1 Y_0) 1))", "p.vnnlib:8:18: a quotient");
  check(start + "(assert (<= (/ Y_0 0) 1))", "a quotient");
  check(start + "(assert (<= (* 1e9999 Y_0) 1))", "p.vnnlib:8:13: numbers here have too many digits");
  check(start + "(assert (<= (* " + repeated("9", 2000) + " Y_0) 1))", "too many digits");
  check(start + "(assert (<= (* 1e9999 Y_0) 1))", "p.vnnlib:8:13: numbers here have too many digits");
  check(start + "(assert (<= (* " + repeated("9", 2000) + " Y_0) 1))", "too many digits");
  check(start + "(assert (<= (* 0.99999999999999999 Y_0) 1))", "p.vnnlib:8:9: a factor here is nearer to 1");
  check(start + "(assert (<= (+ Y_1 (* -1.00000000000000001 Y_0)) 1))", "a factor here is nearer to 1");
  check(start + "(assert (<= (* 1e-310 Y_0) 1))", "p.vnnlib:8:9: a factor here is too small for a double");
  check(start + "(assert (<= Y_3 1))", "'Y_3' is neither a number nor declared");
  check(start + "(assert (<= X_01 1))", "'X_01'");
  check(start + "(assert (and))", "needs an operator");
  check(start + "(assert (<= Y_0))", "p.vnnlib:8:9: '<=' compares two");
  check(start + "(assert (and Y_0 (<= Y_0 1)))", "p.vnnlib:8:14: a comparison, 'and' or 'or'");
  check(start + "(assert (<= (and true true) 1))", "a number or a variable is needed");
  check(start + "(assert true true)", "takes one formula");
  check(start + "(assert (<= Y_0 1)", "p.vnnlib:8:1: this '(' is never closed");
  check(start + "(assert (<= Y_0 1)))", "p.vnnlib:8:20: this ')' closes nothing");
  check(start + "assert", "p.vnnlib:8:1: a command is needed");
  check(start + "(declare-network f)", "the command 'declare-network' is not supported");
  check(start + "(declare-const X_1 Real)", "p.vnnlib:8:16: 'X_1' is declared twice");
  check(start + "(declare-const Z Real)", "'Z' is neither an input");
  check(start + "(declare-const X_2 Int)", "not (declare-const NAME Real)");
  check(start + "(declare-const X_3 Real)", "but X_2 is not");
  check(start + std::string("(assert \0)", 10), "a byte 0x00");
  check(start + "(set-info \"x)", "is never closed");
  check("(declare-const X_0 Real)", "no Y_0");
  check("", "p.vnnlib:1:1: the file declares no X_0");
  check(kTwoInputs + "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= X_1 0))",
        "p.vnnlib:2:16: input X_1 has no upper");
  check(start + "(declare-const X_2 Real)(assert (or (and (<= X_2 1) (>= X_2 0)) (<= X_2 1)))",
        "input X_2 has no lower bound in case 1");
}

TEST_CASE("any depth of nesting is read, and what would not fit is refused") {
  for (const std::string head : {"(and ", "(or ", "(and (<= Y_0 1) ", "(or (<= Y_0 1) "}) {
    const int depth = head.find("or (") != std::string::npos ? 20000 : 200000;
    const Property p = with_asserts("(assert " + repeated(head, depth) + "(<= Y_1 2)" + repeated(")", depth + 1));
    CHECK(p.cases.size() >= 1);
  }
  CHECK(only_constraint("(<= " + repeated("(+ 1 ", 100000) + "Y_0" + repeated(")", 100000) + " 0)").limit == -100000);
  CHECK(only_constraint("(<= " + repeated("(- ", 100000) + "Y_0" + repeated(")", 100000) + " 3)").terms ==
        Terms{{0, 1}});
  CHECK(failure(repeated("(", 300000)).find("never closed") != std::string::npos);
  // 2^20 cases
  const std::string choice = "(assert (or (<= Y_0 1) (<= Y_1 1)))";
  CHECK(failure(kTwoInputs + kUnitBox + repeated(choice, 20)).find("more than 65536 cases") != std::string::npos);
  CHECK(with_asserts(repeated(choice, 10)).cases.size() == 1024);
}

TEST_CASE("a small file that unpacks to a large one is refused before it takes the machine's memory") {
  CHECK(failure(std::string((std::size_t{1} << 24) + 1, '(')).find("more than 16777216 words and lists") !=
        std::string::npos);
  const espalier::testing::TempDir dir;
  const std::string file = (dir / "bomb.vnnlib.gz").string();
  gzFile packed = gzopen(file.c_str(), "wb1");
  const std::string a_part(std::size_t{1} << 20, ' ');
  for (int i = 0; i < 257; ++i) REQUIRE(gzwrite(packed, a_part.data(), 1U << 20) == 1 << 20);
  REQUIRE(gzclose(packed) == Z_OK);
  try {
    read_vnnlib(file);
    FAIL("it was read");
  } catch (const Error& e) {
    CHECK(e.code() == espalier::Code::unsupported);
    CHECK(std::string(e.what()) == "'" + file + "' is larger than 256 MiB when unpacked");
  }
}

TEST_CASE("what is written reads back to the same property") {
  for (const char* rest :
       {"(assert (<= Y_0 0.5)) (assert (>= Y_1 -3)) (assert (>= Y_2 Y_0))",
        "(assert (or (>= Y_0 Y_1) (and (<= (+ (* 0.1 Y_0) (* -3 Y_2)) 1e-7) (<= Y_1 0))))",
        "(assert (or (and (<= X_0 0.3) (<= Y_0 1)) (and (>= X_0 0.6) (<= Y_0 2)) (>= X_1 4)))", "(assert false)",
        "(assert (or (<= Y_0 0) true))", "", "(assert (<= (* 2 Y_0) 1)) (assert (<= 0 (+ Y_0 Y_1 Y_2)))"}) {
    CAPTURE(rest);
    const Property p = with_asserts(rest);
    check_same(read(vnnlib_text(p)), p);
  }
  Property unbounded = with_asserts("");
  unbounded.boxes[0].high[1] = HUGE_VAL;
  CHECK_THROWS_AS(vnnlib_text(unbounded), Error);
}

TEST_CASE("broken files are refused or read, never a crash") {
  const std::string good = kTwoInputs + kUnitBox +
                           "(assert (or (and (>= Y_0 Y_1) (<= X_0 .5)) (and (<= (+ (* 2 Y_1) -1e-3) Y_2))))\n"
                           "(assert (<= (- Y_0 (/ Y_1 4)) 12.5)) ; end\n";
  const std::vector<std::string> pieces = {"(",   ")",         "or ", "and ", "<= ",  "X_0",
                                           "Y_9", "1e9999999", "-",   "\n",   "\xff", "assert",
                                           "0",   "|",         ";",   "e",    "* ",   "X_4294967296"};
  std::mt19937 random(5);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = good;
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      const std::size_t length = random() % 4 == 0 ? random() % 40 : random() % 3;
      if (random() % 2 == 0) {
        text.replace(at, length, pieces[random() % pieces.size()]);
      } else {
        text.insert(at, text.substr(random() % text.size(), length + 1));
      }
    }
    try {
      const Property p = read(text);
      check_same(read(vnnlib_text(p)), p);
    } catch (const Error& e) {
      if (std::string(e.what()).starts_with("p.vnnlib:")) ++refused;
    }
  }
  CHECK(refused > 10000);
  CHECK(refused < 20000);
}

TEST_CASE("every property of the collected cases is read") {
  const char* cases = std::getenv("ESPALIER_CASES");
  if (cases == nullptr) {
    MESSAGE("skipped: ESPALIER_CASES does not name the folder of cases");
    return;
  }
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cases)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".vnnlib") && !name.ends_with(".vnnlib.gz")) continue;
    CAPTURE(entry.path().string());
    const Property p = read_vnnlib(entry.path());
    CHECK_FALSE(p.cases.empty());
    if (++files % 40 == 0) check_same(read(vnnlib_text(p)), p);
  }
  CHECK(files > 0);
}
