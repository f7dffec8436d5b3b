// SPDX-License-Identifier: Apache-2.0
// From one store to another: what a machine without a shared disk made, what is sent to somebody else.
#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "cache/action_file.hpp"
#include "cache/store_state.hpp"

namespace espalier::cache {

std::set<Digest> Store::keys() {
  std::set<Digest> out;
  for (const std::string& part : state_->disk.list(state_->layout.actions())) {
    if (part.size() != 2) continue;
    for (const std::string& name : state_->disk.list(state_->layout.actions() / part)) {
      if (const auto key = Layout::action_named(name)) out.insert(*key);
    }
  }
  return out;
}

/// Needs: the object is not here. Checks the digest before anything is written.
void Store::take_object(Store& other, const Digest& content, Copied& copied) {
  const core::Path from = other.object_path(content);
  const std::string bytes = other.state_->object_bytes(from);
  checked_image(from, bytes, content);
  state_->disk.write_atomically(object_path(content), bytes);
  if (const auto stat = state_->disk.stat(object_path(content))) state_->note_whole(content, *stat);
  copied.objects += 1;
  copied.bytes += bytes.size();
}

Store::Copied Store::take_from(Store& other, const std::set<Digest>& keys) {
  Copied copied;
  for (const Digest& key : keys) {
    if (lookup(key)) {
      copied.known += 1;
      continue;
    }
    const std::optional<Action> action = other.action(key);
    if (!action) {
      const core::Path path = other.state_->layout.action(key);
      copied.problems.push_back({path, fmt::format("'{}' is not a whole record of a result", path.string())});
      other.forget(key);
      continue;
    }
    try {
      for (const OutputRef& output : action->outputs) {
        if (!state_->is_there(output.content)) take_object(other, output.content, copied);
      }
    } catch (const Error& error) {
      if (error.code() != Code::damaged && error.code() != Code::missing) throw;
      copied.problems.push_back({other.state_->layout.action(key), error.what()});
      continue;
    }
    state_->disk.write_atomically(state_->layout.action(key), encode_action(*action));
    state_->remember(key, action->outputs);
    copied.results += 1;
  }
  save_index();
  return copied;
}

}  // namespace espalier::cache
