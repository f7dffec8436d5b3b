// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <abstract/box.hpp>
#include <abstract/graph.hpp>

#include "device_library.hpp"
#include "falsifier.hpp"
#include "root.hpp"
#include "search.hpp"

namespace espalier::crown {

struct SolveOptions {
  int threads = 1;
  std::function<double()> used = [] {
    return 0.0;
  };                     ///< share of the time limit; refinement keeps to a part of the rest
  SearchOptions search;  ///< its device is the one below
  Device device;
  std::int64_t quick_domains = 2'000;  ///< before single neurons are refined
  std::int64_t part_domains = 40'000;  ///< before a part of the box gets bounds of its own
  std::vector<int> rounds{4, 24, 96};  ///< of refinement on the whole box, as long as searches are given up
  int restarts_a_round = 2;            ///< of the attack after a search that was given up
  int part_rounds = 2;
  ProofRecorder* proof = nullptr;  ///< keeps why the cases are refuted
  bool only_quick = false;         ///< bounds and a search of quick_domains, and nothing else
};

struct Outcome {
  SearchResult::End end = SearchResult::End::proven;
  double bound = 0;  ///< certified, see SearchResult
  std::int64_t domains = 0;
  std::int64_t parts = 0;                          ///< parts of the box that got bounds of their own
  std::shared_ptr<const Root> root;                ///< what is known about the whole box
  SecondLook::End why = SecondLook::End::refuted;  ///< it is stuck
};

/// Refutes every case on a box or shows one: attacks; bounds on the whole box; bounds of single neurons by splits
/// (refine.hpp); and a search that gives the parts it cannot finish bounds of their own. `elements` of the network's
/// input are what points hold, see Program.
Outcome solve(const abstract::Graph& graph, const abstract::Box& box, std::span<const Case> cases,
              const SolveOptions& options, const TryPoint& try_point, const MayContinue& may_continue);

}  // namespace espalier::crown
