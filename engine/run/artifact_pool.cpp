// SPDX-License-Identifier: Apache-2.0
#include "run/artifact_pool.hpp"

#include <utility>

#include <fmt/format.h>

namespace espalier::run {
namespace {

Error changed_result(const std::string& node) {
  return Error(Code::damaged,
               fmt::format("a stored result of '{}' was lost, and making it again gave another result", node),
               "run the pipeline again: the new result is stored, and what depends on it will be made from it");
}

}  // namespace

ArtifactPool::ArtifactPool(const RunSetup& setup, const Board& board, Remake remake)
    : setup_(setup), board_(board), remake_(std::move(remake)), slots_(setup.plan.nodes().size()) {
  for (int node = 0; node < static_cast<int>(slots_.size()); ++node) {
    slots_[static_cast<std::size_t>(node)].artifacts.resize(setup.node(node).stage->outputs.size());
    if (board.was_hit(node)) continue;
    for (const int producer : setup.plan.predecessors(node)) ++slots_[static_cast<std::size_t>(producer)].waiting;
  }
}

ArtifactPtr ArtifactPool::take(const pipeline::Source& source) {
  Slot& slot = slots_[static_cast<std::size_t>(source.node)];
  const auto output = static_cast<std::size_t>(source.output);
  // Locks are only ever taken from a node to its predecessors, so two of them cannot wait for each other.
  const std::scoped_lock hold(slot.mutex);
  if (slot.broken) throw Error(*slot.broken);
  if (ArtifactPtr there = slot.artifacts[output]) return there;
  const Digest& content = board_.contents(source.node)[output];
  try {
    slot.artifacts[output] = setup_.store.load(content, setup_.node(source.node).stage->outputs[output].kind);
  } catch (const Error& error) {
    if (error.code() != Code::damaged && error.code() != Code::missing) throw;
    make_again(source.node, slot, error, content);
  }
  ArtifactPtr artifact = slot.artifacts[output];
  if (slot.waiting == 0) slot.artifacts.assign(slot.artifacts.size(), nullptr);
  return artifact;
}

/// Needs: the slot's lock is held.
void ArtifactPool::make_again(int node, Slot& slot, const Error& why, const Digest& content) {
  const std::string& name = setup_.node(node).name;
  setup_.observer.warned(fmt::format("{}; '{}' will be made again", why.what(), name));
  if (why.code() == Code::damaged) setup_.store.discard(content);
  try {
    Remade again = remake_(node);
    if (again.contents != board_.contents(node)) throw changed_result(name);
    slot.artifacts = std::move(again.artifacts);
  } catch (const Error& error) {
    if (error.code() != Code::stopped) slot.broken = error;
    throw;
  }
}

void ArtifactPool::keep(int node, std::vector<ArtifactPtr> artifacts) {
  Slot& slot = slots_[static_cast<std::size_t>(node)];
  const std::scoped_lock hold(slot.mutex);
  if (slot.waiting > 0) slot.artifacts = std::move(artifacts);
}

void ArtifactPool::release_inputs_of(int node) {
  for (const int producer : setup_.plan.predecessors(node)) {
    Slot& slot = slots_[static_cast<std::size_t>(producer)];
    const std::scoped_lock hold(slot.mutex);
    if (--slot.waiting == 0) slot.artifacts.assign(slot.artifacts.size(), nullptr);
  }
}

}  // namespace espalier::run
