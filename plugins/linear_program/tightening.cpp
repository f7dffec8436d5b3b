// SPDX-License-Identifier: Apache-2.0
#include "tightening.hpp"

#include <cmath>
#include <vector>

#include "tree.hpp"

namespace espalier::linear {
namespace {

using abstract::is_unstable;
using abstract::Relaxation;

/// A search for one bound is cut here: a neuron that takes longer is left to the search for the answer.
constexpr std::int64_t kMostNodes = 50;

/// Bounds of the columns of the last value, one after the other.
class Tightener {
 public:
  Tightener(Relaxation& relaxation, std::int64_t most_nodes, const Patience& patience)
      : relaxation_(relaxation), most_nodes_(most_nodes), patience_(patience) {}

  void run() {
    const std::vector<std::size_t> elements = abstract::unstable_elements(last());
    if (elements.empty() || !is_encodable(relaxation_)) return;
    const Encoding encoding = encode(relaxation_, elements);
    Tree tree(encoding);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (!patience_.tightening()) return;
      // The side nearer to 0 first: once it is past 0, the other does not matter.
      const Interval z = last()[elements[i]];
      const bool low_first = -z.low < z.high;
      bound(tree, elements[i], encoding.term(i, 1), low_first);
      if (is_unstable(last()[elements[i]])) bound(tree, elements[i], encoding.term(i, 1), !low_first);
    }
  }

 private:
  const Intervals& last() const { return relaxation_.bounds(relaxation_.last()); }

  void bound(Tree& tree, std::size_t element, Term term, bool is_low) {
    const Search search{.objective = {{term.column, is_low ? term.factor : -term.factor}},
                        .above = 0,
                        .branching = Branching::influence,
                        .most_nodes = most_nodes_,
                        .visit = {}};
    const double low = tree.run(search, patience_.tightening).low;
    const Interval known = last()[element];  // stands first below: a bound that is not a number is not taken
    if (is_low) relaxation_.tighten(element, {std::max(known.low, low), known.high});
    if (!is_low) relaxation_.tighten(element, {known.low, std::min(known.high, -low)});
  }

  Relaxation& relaxation_;
  std::int64_t most_nodes_;
  const Patience& patience_;
};

}  // namespace

std::optional<Relaxation> tightened(const abstract::Graph& graph, const abstract::Box& box, Tightening tightening,
                                    const Patience& patience) {
  if (tightening == Tightening::deeppoly) return abstract::deeppoly(graph, box, patience.all);
  return abstract::deeppoly(graph, box, patience.all, [&](Relaxation& relaxation) {
    Tightener(relaxation, 1, patience).run();
    if (tightening == Tightening::mip) Tightener(relaxation, kMostNodes, patience).run();
  });
}

}  // namespace espalier::linear
