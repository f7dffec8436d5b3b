// SPDX-License-Identifier: Apache-2.0
#include "run/board.hpp"

#include <utility>

#include <fmt/format.h>

namespace espalier::run {

Board::Board(const RunSetup& setup, Resolution resolution)
    : setup_(setup),
      state_(std::move(resolution.state)),
      keys_(std::move(resolution.keys)),
      keyed_(keys_.size()),
      contents_(std::move(resolution.contents)) {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i] && resolution.ingredients[i]) keyed_[i] = {*keys_[i], std::move(*resolution.ingredients[i])};
  }
}

const Board::Keyed& Board::compute_key(int node) {
  const auto i = static_cast<std::size_t>(node);
  const std::scoped_lock hold(mutex_);
  if (keyed_[i]) return *keyed_[i];
  cache::Ingredients ingredients =
      cache::ingredients_of(setup_.plan, node, setup_.registry, contents_, setup_.surroundings);
  const Digest key = cache::key_of(ingredients);
  if (keys_[i] && *keys_[i] != key) {
    throw Error(Code::missing,
                fmt::format("what '{}' is made from changed while the run went on", setup_.node(node).name),
                "run the pipeline again");
  }
  if (!keys_[i]) keys_[i] = key;
  return keyed_[i].emplace(Keyed{key, std::move(ingredients)});
}

}  // namespace espalier::run
