// SPDX-License-Identifier: Apache-2.0
#include "search.hpp"

#include <utility>

#include "device_search.hpp"
#include "frontier.hpp"
#include "search_state.hpp"
#include "team.hpp"

namespace espalier::crown {
namespace {

using End = SearchResult::End;

/// With the kernels of this library, on threads that share one frontier.
class Search {
 public:
  Search(SearchState& state, const SearchOptions& options)
      : state_(state), options_(options), frontier_(options.memory, options.threads) {}

  SearchResult run() {
    frontier_.put(state_.plant());
    state_.note_first(frontier_.worst());
    if (state_.end() == End::proven) in_parallel(options_.threads, [&](int) { work(); });
    const double worst = frontier_.worst();  // before it is emptied
    return state_.result(worst, frontier_.drain());
  }

 private:
  void work() {
    try {
      Brancher brancher = state_.brancher();
      while_open(brancher);
      state_.note_closed(brancher);
    } catch (...) {
      frontier_.stop();  // the others would wait for what this one has taken
      throw;
    }
  }

  void while_open(Brancher& brancher) {
    while (true) {
      Domains parents = frontier_.take(kLanes);
      if (parents.empty()) break;
      if (const End end = state_.why_stop([&] { return frontier_.worst(); }); end != End::proven) {
        frontier_.give_back(std::move(parents));
        state_.end_with(end);
        frontier_.stop();
        break;
      }
      const std::int64_t before = brancher.domains();
      Domains children = brancher.branch(parents);
      brancher.bound(children, options_.effort);
      state_.look_again(brancher, children, kOftenNarrow);
      state_.note_domains(brancher.domains() - before);
      state_.decide_leaves(brancher, children);
      frontier_.put(std::move(children));
      frontier_.give_back({});
    }
  }

  SearchState& state_;
  const SearchOptions& options_;
  Frontier<Domain> frontier_;
};

}  // namespace

SearchResult search(const Root& root, std::span<const Case> cases, const SearchOptions& options,
                    const TryPoint& try_point, const MayContinue& may_continue) {
  SearchState state(root, cases, options, try_point, may_continue);
  // Devices do not keep what closes domains.
  if (options.device != nullptr && !options.for_proof) return device_search(state, *options.device, options);
  return Search(state, options).run();
}

}  // namespace espalier::crown
