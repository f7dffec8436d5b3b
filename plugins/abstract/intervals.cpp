// SPDX-License-Identifier: Apache-2.0
#include "domains.hpp"

namespace espalier::abstract {

Relaxation intervals(const Graph& graph, const Box& box) {
  Relaxation relaxation(graph, box);
  while (!relaxation.complete()) relaxation.extend();
  return relaxation;
}

}  // namespace espalier::abstract
