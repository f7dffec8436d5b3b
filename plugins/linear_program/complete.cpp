// SPDX-License-Identifier: Apache-2.0
#include "complete.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "descent.hpp"

namespace espalier::linear {
namespace {

using namespace abstract;

/// Certified lower bounds of the margins, in the order of margin_rows.
std::vector<double> margins(const Relaxation& relaxation, const std::vector<Row>& rows) {
  std::vector<double> low;
  for (std::size_t begin = 0; begin < rows.size(); begin += kLanes) {
    const auto part = std::span(rows).subspan(begin, std::min<std::size_t>(kLanes, rows.size() - begin));
    const int output = relaxation.graph().output();
    const Lanes near = substitute(relaxation, output, part, Depth::nearest_relu).low;
    const Lanes far = substitute(relaxation, output, part, Depth::input).low;
    for (std::size_t r = 0; r < part.size(); ++r) low.push_back(std::max(near[r], far[r]));
  }
  return low;
}

/// The question whether the class of a margin may win.
Question towards(Question question, const Row& margin) {
  question.target = static_cast<std::int64_t>(margin[1].element);
  return question;
}

/// Descents towards every class, from the centre and from a few random points, the same ones every time.
std::optional<Answer> search_by_descent(const Verifier& verifier, const Question& question,
                                        const MayContinue& may_continue) {
  constexpr int kRandomStarts = 4;
  const Box& box = *question.box;
  std::mt19937 random(1);
  std::vector<double> start(box.centre().begin(), box.centre().end());
  for (int i = 0; i <= kRandomStarts; ++i) {
    for (const Row& margin : margin_rows(verifier.graph(), question)) {
      if (!may_continue()) return std::nullopt;
      if (auto found = descend(verifier, towards(question, margin), start, may_continue)) return found;
    }
    for (std::size_t k = 0; k < start.size(); ++k) {
      const Interval range = box.hull()[k];
      start[k] = range.low + (range.high - range.low) * (static_cast<double>(random()) * 0x1p-32);
    }
  }
  return std::nullopt;
}

/// The search for one question: a tree for every margin, the worst first.
class Searcher {
 public:
  Searcher(const Verifier& verifier, const Question& question, const Method& method, const Relaxation& relaxation)
      : verifier_(verifier),
        question_(question),
        method_(method),
        rows_(margin_rows(verifier.graph(), question)),
        low_(margins(relaxation, rows_)),
        encoding_(encode(relaxation, scores())),
        tree_(encoding_) {}

  Answer run(const Patience& patience) {
    Answer answer = search(patience);
    answer.numbers["integer_variables"] = static_cast<double>(encoding_.neurons.size());
    answer.numbers["subproblems"] = static_cast<double>(subproblems_);
    return answer;
  }

 private:
  Answer search(const Patience& patience) {
    // First the root of every tree, which often has a counterexample to show; then the trees, the worst root first.
    for (const std::int64_t most_nodes : {1, 0}) {
      for (const std::size_t r : worst_first()) {
        if (low_[r] > 0 || !patience.all()) continue;
        const Search search = search_of(rows_[r], most_nodes, patience.all);
        if (most_nodes == 0) ask_solver(search, patience);
        if (found_) return *std::move(found_);
        const Outcome outcome = tree_.run(search, patience.all);
        subproblems_ += outcome.nodes;
        if (found_) return *std::move(found_);
        low_[r] = std::max(low_[r], outcome.low);
      }
    }
    const double low = std::accumulate(low_.begin(), low_.end(), HUGE_VAL, lesser);
    if (low > 0) return {.verdict = Verdict::robust, .bound = low, .message = {}, .witness = {}};
    if (!patience.all()) return {.verdict = Verdict::timeout, .bound = low, .message = {}, .witness = {}};
    return {.verdict = Verdict::unknown,
            .bound = low,
            .message = "where all neurons are split, the margin is too near to 0 for the solver's precision",
            .witness = {}};
  }

  void ask_solver(const Search& search, const Patience& patience) const {
    if (!method_.solver || !patience.solver()) return;
    method_.solver->solve(encoding_, search.objective, search.visit, patience.solver);
  }

  std::vector<std::size_t> scores() const {
    std::vector<std::size_t> elements(static_cast<std::size_t>(verifier_.graph().size(verifier_.graph().output())));
    std::iota(elements.begin(), elements.end(), 0);
    return elements;
  }

  std::vector<std::size_t> worst_first() const {
    std::vector<std::size_t> order(rows_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return low_[a] < low_[b]; });
    return order;
  }

  Search search_of(const Row& row, std::int64_t most_nodes, const MayContinue& may_continue) {
    Search search{.objective = {},
                  .above = 0,
                  .branching = method_.branching,
                  .most_nodes = most_nodes,
                  .visit = [&](std::span<const double> input) { return visit(input, row, may_continue); }};
    for (const RowTerm& term : row) search.objective.push_back(encoding_.term(term.element, term.factor));
    return search;
  }

  bool visit(std::span<const double> input, const Row& row, const MayContinue& may_continue) {
    ++visits_;
    const bool descends = method_.descent && (std::has_single_bit(visits_) || visits_ % kVisitsPerDescent == 0);
    found_ = descends ? descend(verifier_, towards(question_, row), {input.begin(), input.end()}, may_continue)
                      : verifier_.counterexample_near(question_, input);
    return found_.has_value();
  }

  static constexpr std::uint64_t kVisitsPerDescent = 16;  ///< a descent costs as much as some nodes
  const Verifier& verifier_;
  const Question& question_;
  const Method& method_;
  std::vector<Row> rows_;
  std::vector<double> low_;
  Encoding encoding_;
  Tree tree_;
  std::uint64_t visits_ = 0;
  std::int64_t subproblems_ = 0;
  std::optional<Answer> found_;
};

}  // namespace

Answer CompleteVerifier::answer(const Question& question, const Patience& patience) const {
  Answer answer = verifier_.answer(question, Domain::deeppoly, patience.all);
  // What there is to tell has its name in every answer, so that it has a column wherever there are answers.
  for (const char* name : {"unstable_neurons", "integer_variables", "subproblems"})
    answer.numbers.try_emplace(name, NAN);
  if (answer.verdict != Verdict::unknown) return answer;
  Answer more = search(question, patience);
  more.bound = std::max(answer.bound, more.bound);
  more.numbers.merge(answer.numbers);  // its own come first
  return more;
}

Answer CompleteVerifier::search(const Question& question, const Patience& patience) const {
  if (method_.descent) {
    if (auto found = search_by_descent(verifier_, question, patience.descent)) return *std::move(found);
  }
  Answer nothing{.verdict = Verdict::timeout, .bound = -HUGE_VAL, .message = {}, .witness = {}};
  const auto relaxation = tightened(verifier_.graph(), *question.box, method_.tightening, patience);
  if (!relaxation) return nothing;
  nothing.verdict = Verdict::unknown;
  if (!is_encodable(*relaxation)) {
    nothing.message = "bounds of the network's values are too large for linear programs";
    return nothing;
  }
  Answer answer = Searcher(verifier_, question, method_, *relaxation).run(patience);
  if (answer.verdict == Verdict::robust) {
    answer.message = float32_note(answer.bound, network_, *relaxation, question);
  }
  return answer;
}

}  // namespace espalier::linear
