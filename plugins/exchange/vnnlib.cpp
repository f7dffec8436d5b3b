// SPDX-License-Identifier: Apache-2.0
// From expressions to a disjunction of numbered conditions. What they become is in vnnlib_cases.cpp.
#include "vnnlib.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "disjunction.hpp"
#include "expressions.hpp"
#include "file.hpp"
#include "linear_form.hpp"
#include "vnnlib_cases.hpp"

namespace espalier::exchange {
namespace {

/// Products of sums nested in each other repeat work; no honest file comes near this many.
constexpr std::size_t kMostProducts = std::size_t{1} << 22;

/// The variables a file declared, by kind: index -> where.
class Declarations {
 public:
  explicit Declarations(const NamedText& file) : file_(file) {}

  /// X_12 or Y_3; nothing for any other word.
  static std::optional<Variable> variable(std::string_view word) {
    if (word.size() < 3 || word.size() > 11 || (word[0] != 'X' && word[0] != 'Y') || word[1] != '_') return {};
    Variable v{.kind = word[0] == 'X' ? Variable::Kind::input : Variable::Kind::output, .index = 0};
    const std::string_view digits = word.substr(2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), v.index);
    if (error != std::errc() || end != digits.data() + digits.size()) return {};
    if (digits.size() > 1 && digits[0] == '0') return {};  // X_01 is another word than X_1
    return v;
  }

  void declare(std::string_view word, std::uint32_t offset) {
    const auto v = variable(word);
    if (!v) {
      file_.fail(Code::unsupported, offset, fmt::format("'{}' is neither an input X_i nor an output Y_i", word),
                 "VNN-LIB 1.0 names them X_0, X_1, ... and Y_0, Y_1, ...");
    }
    if (!of(v->kind).emplace(v->index, offset).second) {
      file_.fail(Code::damaged, offset, fmt::format("'{}' is declared twice", word));
    }
  }

  bool has(Variable v) const { return of(v.kind).contains(v.index); }

  /// Where each was declared, in order. Throws Error when one is left out, or when there is none.
  std::vector<std::uint32_t> places(Variable::Kind kind) const {
    const auto& declared = of(kind);
    const char letter = kind == Variable::Kind::input ? 'X' : 'Y';
    if (declared.empty()) file_.fail(Code::damaged, 0, fmt::format("the file declares no {}_0", letter));
    std::vector<std::uint32_t> places;
    for (std::uint32_t i = 0; i < declared.size(); ++i) {
      const auto it = declared.find(i);
      if (it == declared.end()) {
        file_.fail(Code::damaged, declared.begin()->second,
                   fmt::format("{} of the {}_i are declared, but {}_{} is not", declared.size(), letter, letter, i));
      }
      places.push_back(it->second);
    }
    return places;
  }

 private:
  using Places = std::unordered_map<std::uint32_t, std::uint32_t>;
  Places& of(Variable::Kind kind) { return kind == Variable::Kind::input ? inputs_ : outputs_; }
  const Places& of(Variable::Kind kind) const { return kind == Variable::Kind::input ? inputs_ : outputs_; }

  const NamedText& file_;
  Places inputs_;
  Places outputs_;
};

/// Evaluates one assertion from the back of its expressions: the parts of a list lie on a stack before the list comes.
class Assertion {
 public:
  Assertion(const NamedText& file, const std::vector<Expression>& all, const Declarations& declared,
            std::vector<Condition>& conditions)
      : file_(file), all_(all), declared_(declared), conditions_(conditions) {}

  Disjunction read(std::uint32_t formula) {
    first_ = conditions_.size();
    for (std::uint32_t i = all_[formula].end; i-- > formula;) {
      const Expression& e = all_[i];
      if (e.is_list()) {
        evaluate(i);
      } else {
        push(e.word, e.offset);  // what it means depends on the list around it
      }
    }
    Disjunction result = formula_of(std::move(stack_.back()));
    stack_.clear();
    put_in_order(result);
    return result;
  }

 private:
  struct Part {
    std::variant<std::string_view, LinearForm, Disjunction> value;
    std::uint32_t offset = 0;
  };

  template <class T>
  void push(T value, std::uint32_t offset) {
    Part& part = stack_.emplace_back();
    part.value.template emplace<T>(std::move(value));
    part.offset = offset;
  }

  /// Gives the conditions, which were met from the back, the order of the file.
  void put_in_order(Disjunction& formula) {
    std::reverse(conditions_.begin() + static_cast<std::ptrdiff_t>(first_), conditions_.end());
    const auto ends = static_cast<std::uint32_t>(first_ + conditions_.size() - 1);
    for (std::uint32_t& c : formula.common) c = ends - c;
    for (Conditions& conditions : formula.cases) {
      for (std::uint32_t& c : conditions) c = ends - c;
    }
  }

  /// The newest `count`, the newest first: in the order of the file.
  std::vector<Part> pop(std::size_t count) {
    const auto oldest = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<Part> parts(std::make_move_iterator(stack_.rbegin()),
                            std::make_move_iterator(std::make_reverse_iterator(oldest)));
    stack_.erase(oldest, stack_.end());
    return parts;
  }

  void evaluate(std::uint32_t at) {
    try {
      value_of_list(at);
    } catch (const TooManyCases&) {
      refuse_size(file_, all_[at].offset);
    } catch (const NumberTooLong&) {
      file_.fail(Code::unsupported, all_[at].offset, "numbers here have too many digits to be calculated with exactly");
    }
  }

  void value_of_list(std::uint32_t at) {
    const Expression& list = all_[at];
    if (list.parts < 2 || all_[at + 1].is_list()) {
      file_.fail(Code::damaged, list.offset, "a list here needs an operator and what it is applied to");
    }
    const std::string_view head = all_[at + 1].word;
    stack_.pop_back();
    std::vector<Part> parts = pop(list.parts - 1);
    if (head == "and" || head == "or") {
      push(junction(head, std::move(parts)), list.offset);
    } else if (head == "<=" || head == ">=" || head == "=") {
      push(comparison(head, std::move(parts), list.offset), list.offset);
    } else if (head == "+" || head == "-" || head == "*" || head == "/") {
      push(arithmetic(head, std::move(parts)), list.offset);
    } else {
      refuse_operator(head, all_[at + 1].offset);
    }
  }

  [[noreturn]] void refuse_operator(std::string_view head, std::uint32_t offset) const {
    std::string hint = "VNN-LIB 1.0 has and, or, <=, >=, =, +, -, * and /";
    if (head == "<" || head == ">") hint = fmt::format("write {}= if the border belongs to what must not happen", head);
    file_.fail(Code::unsupported, offset, fmt::format("'{}' is not supported", head), std::move(hint));
  }

  Disjunction formula_of(Part&& part) const {
    if (auto* formula = std::get_if<Disjunction>(&part.value)) return std::move(*formula);
    if (const auto* word = std::get_if<std::string_view>(&part.value)) {
      if (*word == "true") return Disjunction::always();
      if (*word == "false") return Disjunction::never();
    }
    file_.fail(Code::damaged, part.offset, "a comparison, 'and' or 'or' is needed here, not a number");
  }

  LinearForm linear_of(Part&& part) const {
    if (auto* form = std::get_if<LinearForm>(&part.value)) return std::move(*form);
    const auto* word = std::get_if<std::string_view>(&part.value);
    if (word == nullptr) file_.fail(Code::damaged, part.offset, "a number or a variable is needed here");
    if (auto number = Number::of(*word)) return {.terms = {}, .constant = std::move(*number)};
    const auto variable = Declarations::variable(*word);
    if (!variable || !declared_.has(*variable)) {
      file_.fail(Code::damaged, part.offset, fmt::format("'{}' is neither a number nor declared before", *word));
    }
    return {.terms = {{*variable, Number::one()}}, .constant = {}};
  }

  Disjunction junction(std::string_view head, std::vector<Part> parts) const {
    std::vector<Disjunction> formulas;
    formulas.reserve(parts.size());
    for (Part& part : parts) formulas.push_back(formula_of(std::move(part)));
    return head == "and" ? all_of(std::move(formulas)) : any_of(std::move(formulas));
  }

  /// a <= b <= c is a <= b and b <= c.
  Disjunction comparison(std::string_view head, std::vector<Part> parts, std::uint32_t offset) {
    if (parts.size() < 2) file_.fail(Code::damaged, offset, fmt::format("'{}' compares two or more things", head));
    std::vector<LinearForm> sides;
    for (Part& part : parts) sides.push_back(linear_of(std::move(part)));
    std::vector<Disjunction> all;
    for (std::size_t i = sides.size() - 1; i-- > 0;) {  // from the back, as everything
      if (head != ">=") all.push_back(at_most(sides[i], sides[i + 1], offset));
      if (head != "<=") all.push_back(at_most(sides[i + 1], sides[i], offset));
    }
    return all_of(std::move(all));
  }

  Disjunction at_most(LinearForm left, LinearForm right, std::uint32_t offset) {
    right.negate();
    left += std::move(right);
    left.collect();
    if (left.terms.empty()) {
      return left.constant.is_zero() || left.constant.is_negative() ? Disjunction::always() : Disjunction::never();
    }
    conditions_.push_back(condition_of(std::move(left), file_, offset));
    return Disjunction::of(static_cast<std::uint32_t>(conditions_.size() - 1));
  }

  LinearForm arithmetic(std::string_view head, std::vector<Part> parts) {
    const std::uint32_t offset = parts[0].offset;
    LinearForm result = linear_of(std::move(parts[0]));
    if (head == "-" && parts.size() == 1) {
      count_products(result, offset);
      result.negate();
    }
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::uint32_t place = parts[i].offset;
      LinearForm next = linear_of(std::move(parts[i]));
      if (head == "+") {
        result += std::move(next);
      } else if (head == "-") {
        count_products(next, place);
        next.negate();
        result += std::move(next);
      } else if (head == "*") {
        multiply(result, std::move(next), place);
      } else {
        divide(result, std::move(next), place);
      }
    }
    return result;
  }

  void multiply(LinearForm& result, LinearForm next, std::uint32_t place) {
    if (!next.terms.empty()) std::swap(result, next);
    if (!next.terms.empty()) file_.fail(Code::unsupported, place, "a product of variables is not linear");
    count_products(result, place);
    result *= next.constant;
  }

  void divide(LinearForm& result, LinearForm next, std::uint32_t place) {
    if (!next.terms.empty() || next.constant.is_zero()) {
      file_.fail(Code::unsupported, place, "a quotient is only linear when a number other than 0 divides");
    }
    count_products(result, place);
    result /= next.constant;
  }

  void count_products(const LinearForm& form, std::uint32_t place) {
    products_ += form.terms.size() + 1;
    if (products_ > kMostProducts) file_.fail(Code::unsupported, place, "the terms are nested too deeply");
  }

  const NamedText& file_;
  const std::vector<Expression>& all_;
  const Declarations& declared_;
  std::vector<Condition>& conditions_;
  std::size_t first_ = 0;  ///< of the assertion's conditions
  std::vector<Part> stack_;
  std::size_t products_ = 0;
};

/// Goes through the commands of a file.
class Script {
 public:
  explicit Script(const NamedText& file) : file_(file), all_(read_expressions(file_)), declared_(file_) {}

  Property property() {
    for (std::uint32_t i = 0; i < all_.size(); i = all_[i].end) command(i);
    const auto inputs = declared_.places(Variable::Kind::input);
    const auto outputs = declared_.places(Variable::Kind::output);
    try {
      return property_of(all_of(std::move(asserted_)), conditions_, inputs, outputs.size(), file_);
    } catch (const TooManyCases&) {
      refuse_size(file_, 0);
    }
  }

 private:
  void command(std::uint32_t at) {
    const Expression& list = all_[at];
    if (!list.is_list() || list.parts == 0 || all_[at + 1].is_list()) {
      file_.fail(Code::damaged, list.offset, "a command is needed here: (declare-const ...) or (assert ...)");
    }
    const std::string_view name = all_[at + 1].word;
    if (name == "declare-const" || name == "declare-fun") return declare(at);
    if (name == "assert") {
      if (list.parts != 2) file_.fail(Code::damaged, list.offset, "'assert' takes one formula");
      asserted_.push_back(Assertion(file_, all_, declared_, conditions_).read(at + 2));
      return;
    }
    for (const std::string_view harmless : {"set-logic", "set-info", "set-option", "check-sat", "get-model", "exit"}) {
      if (name == harmless) return;
    }
    file_.fail(Code::unsupported, list.offset, fmt::format("the command '{}' is not supported", name),
               "VNN-LIB 1.0 has declare-const and assert");
  }

  /// (declare-const X_0 Real), or (declare-fun X_0 () Real).
  void declare(std::uint32_t at) {
    const Expression& list = all_[at];
    const bool function = all_[at + 1].word == "declare-fun";
    const bool shaped =
        list.parts == (function ? 4U : 3U) && !all_[at + 2].is_list() && all_[list.end - 1].word == "Real";
    if (!shaped || (function && !(all_[at + 3].is_list() && all_[at + 3].parts == 0))) {
      file_.fail(Code::unsupported, list.offset, "a declaration that is not (declare-const NAME Real)");
    }
    declared_.declare(all_[at + 2].word, all_[at + 2].offset);
  }

  NamedText file_;
  std::vector<Expression> all_;
  Declarations declared_;
  std::vector<Condition> conditions_;
  std::vector<Disjunction> asserted_;
};

}  // namespace

Property parse_vnnlib(std::string_view text, const std::string& name) {
  return Script({.text = text, .name = name}).property();
}

Property read_vnnlib(const std::filesystem::path& file) {
  const std::string name = file.string();
  return parse_vnnlib(read_file(file, kMostText), name);
}

}  // namespace espalier::exchange
