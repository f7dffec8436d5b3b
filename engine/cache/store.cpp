// SPDX-License-Identifier: Apache-2.0
#include "cache/store.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "cache/action_file.hpp"
#include "cache/store_state.hpp"
#include "core/machine.hpp"
#include "core/text.hpp"

namespace espalier::cache {
namespace {

/// "; 47.0 MB are needed and 1.2 MB are free", or nothing when space is not what is short.
std::string shortage(const core::Path& root, std::size_t needed) {
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(root, unknown);
  if (unknown || space.available > needed) return {};
  return fmt::format("; {} are needed and {} are free", core::bytes_text(static_cast<double>(needed)),
                     core::bytes_text(static_cast<double>(space.available)));
}

[[noreturn]] void throw_damaged(const core::Path& file, const std::string& what) {
  throw Error(Code::damaged, fmt::format("'{}' is damaged: {}", file.string(), what), artifact::kRemakeHint);
}

std::string encoded(const Fields& fields, const KindSpec& kind, const Digest& content) {
  return artifact::write_image({.kind = kind.name,
                                .format = kind.format,
                                .digest = content,
                                .writer = fmt::format("espalier {}", core::kVersion)},
                               fields);
}

}  // namespace

Index& Store::State::ready_index() {
  if (index_was_read) return index;
  index_was_read = true;
  try {
    index = Index::decode(disk.read(layout.index()).value_or(""));
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;  // an unreadable index is as good as none: the actions are opened instead
  }
  return index;
}

void Store::State::remember(const Digest& key, const std::vector<OutputRef>& outputs) {
  const std::scoped_lock hold(mutex);
  ready_index().set(key, outputs);
  forgotten.erase(key);
  index_changed = true;
}

void Store::State::forget(const Digest& key) {
  const std::scoped_lock hold(mutex);
  ready_index().erase(key);
  forgotten.insert(key);
  index_changed = true;
}

Store::State::Loaded& Store::State::loaded_entry(const Digest& content) {
  const std::scoped_lock hold(mutex);
  return loaded[content];
}

bool Store::State::is_there(const Digest& content) {
  const std::optional<core::FileStat> stat = disk.stat(layout.object(content));
  {
    const std::scoped_lock hold(mutex);
    if (!stat || distrusted.contains(content)) return false;
    if (ready_index().whole(content) == stat) return true;
  }
  if (const auto wrong = what_is_wrong_with(content)) {
    if (wrong->code() == Code::damaged) put_aside(content, *wrong);
    return false;
  }
  note_whole(content, *stat);
  return true;
}

void Store::State::discard(const Digest& content) {
  std::vector<Digest> keys;
  {
    const std::scoped_lock hold(mutex);
    distrusted.insert(content);
    keys = ready_index().keys_with(content);
  }
  for (const Digest& key : keys) forget(key);
  {
    Loaded& entry = loaded_entry(content);
    const std::scoped_lock hold(entry.loading);
    entry.artifact.reset();
  }
  const core::Path path = layout.object(content);
  try {
    if (const auto bytes = disk.read(path)) {
      disk.write_atomically(layout.damaged(content), *bytes);
    }
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;  // a copy for the curious is not worth a failure
  }
  disk.remove(path);
}

/// Distrusted from now on, also where it cannot be moved.
void Store::State::put_aside(const Digest& content, const Error& why) {
  {
    const std::scoped_lock hold(mutex);
    found_damaged.push_back({layout.object(content), why.what()});
  }
  try {
    discard(content);
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;
  }
}

std::optional<Error> Store::State::what_is_wrong_with(const Digest& content) {
  const core::Path path = layout.object(content);
  try {
    checked_image(path, object_bytes(path), content);
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() != Code::damaged && error.code() != Code::missing) throw;
    return error;
  }
}

void Store::State::note_whole(const Digest& content, const core::FileStat& stat) {
  const std::scoped_lock hold(mutex);
  ready_index().set_whole(content, stat);
  index_changed = true;
}

bool Store::State::are_there(const std::vector<OutputRef>& outputs) {
  for (const OutputRef& output : outputs) {
    if (!is_there(output.content)) return false;
  }
  return true;
}

const KindSpec& Store::State::kind_spec(const std::string& kind) const {
  if (const KindSpec* spec = registry.find_kind(kind)) return *spec;
  throw Error(Code::internal, fmt::format("no plugin that was loaded knows the kind '{}'", kind),
              "load the plugin that brings it: see 'espalier list --plugins'");
}

void Store::State::write(const core::Path& path, std::string_view bytes, const Action& action) {
  try {
    disk.write_atomically(path, bytes);
  } catch (const Error& error) {
    throw Error(
        error.code(),
        fmt::format("the result of '{}' (key {}) cannot be kept in the store '{}': {}{}", action.ingredients.stage,
                    action.key.brief(), layout.root().string(), error.what(), shortage(layout.root(), bytes.size())),
        error.hint());
  }
}

void Store::State::write_object(const Digest& content, const std::string& bytes, const Action& action) {
  const core::Path path = layout.object(content);
  if (what_is_wrong_with(content)) write(path, bytes, action);  // a file of that name and size proves nothing
  if (const auto stat = disk.stat(path)) note_whole(content, *stat);
  const std::scoped_lock hold(mutex);
  distrusted.erase(content);
}

std::string Store::State::object_bytes(const core::Path& path) {
  std::optional<std::string> bytes;
  try {
    bytes = disk.read(path);
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;
    throw_damaged(path, error.what());  // a bad sector: what made it has to run again
  }
  if (bytes) return std::move(*bytes);
  throw Error(Code::missing, fmt::format("the artifact '{}' is not there", path.string()),
              "run the pipeline again: what made it runs again");
}

artifact::Image checked_image(const core::Path& path, std::string_view bytes, const Digest& content) {
  artifact::Image image = artifact::read_image(bytes, path.string());
  if (image.header.digest == content) return image;
  throw_damaged(path, fmt::format("it holds {} under the name of {}", image.header.digest.brief(), content.brief()));
}

ArtifactPtr Store::State::read_object(const Digest& content, const std::string& kind) {
  const core::Path path = layout.object(content);
  const KindSpec& spec = kind_spec(kind);
  const artifact::Image image = checked_image(path, object_bytes(path), content);
  const artifact::ImageHeader& header = image.header;
  if (header.kind != kind) throw_damaged(path, fmt::format("it holds a '{}', not a '{}'", header.kind, kind));
  if (header.format != spec.format) {
    throw_damaged(path,
                  fmt::format("it has format {} of '{}', this program reads {}", header.format, kind, spec.format));
  }
  try {
    return spec.decode(image.fields);
  } catch (const Error& error) {
    if (error.code() != Code::damaged) throw;
    throw_damaged(path, error.what());  // fields know their names, not their file
  }
}

Store::Store(core::Disk& disk, core::Path root, const plugin::Registry& registry)
    : state_(std::make_unique<State>(disk, std::move(root), registry)) {}
Store::~Store() = default;

const core::Path& Store::root() const {
  return state_->layout.root();
}

std::optional<core::Path> Store::damaged_copy(const Digest& content) const {
  const core::Path path = state_->layout.damaged(content);
  return state_->disk.stat(path) ? std::optional(path) : std::nullopt;
}

core::Path Store::object_path(const Digest& content) const {
  return state_->layout.object(content);
}

std::optional<std::vector<OutputRef>> Store::lookup(const Digest& key) {
  std::optional<std::vector<OutputRef>> known;
  {
    const std::scoped_lock hold(state_->mutex);
    if (const std::vector<OutputRef>* entry = state_->ready_index().find(key)) known = *entry;
  }
  if (known && state_->are_there(*known)) return known;
  const std::optional<Action> record = action(key);
  if (!record || !state_->are_there(record->outputs)) return std::nullopt;
  state_->remember(key, record->outputs);
  return record->outputs;
}

std::optional<Action> Store::action(const Digest& key) {
  try {
    const std::optional<std::string> bytes = state_->disk.read(state_->layout.action(key));
    std::optional<Action> found = bytes ? decode_action(*bytes) : std::nullopt;
    if (found && found->key != key) found.reset();  // a file that was copied to another name
    return found;
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;
    return std::nullopt;  // damaged beyond reading: the node runs again and writes it anew
  }
}

Action Store::put(Action action, const std::vector<ArtifactPtr>& artifacts) {
  if (artifacts.size() != action.outputs.size()) {
    throw Error(Code::internal, fmt::format("'{}' has {} outputs, and {} artifacts came", action.ingredients.stage,
                                            action.outputs.size(), artifacts.size()));
  }
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    OutputRef& output = action.outputs[i];
    const KindSpec& kind = state_->kind_spec(output.kind);
    const Fields fields = kind.encode(*artifacts[i]);
    output.content = fields.digest(kind.name, kind.format);
    state_->write_object(output.content, encoded(fields, kind, output.content), action);
  }
  state_->write(state_->layout.action(action.key), encode_action(action), action);
  state_->remember(action.key, action.outputs);
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    State::Loaded& entry = state_->loaded_entry(action.outputs[i].content);
    const std::scoped_lock hold(entry.loading);
    entry.artifact = artifacts[i];
  }
  return action;
}

Digest Store::digest_of(const Artifact& artifact) const {
  const KindSpec& kind = state_->kind_spec(std::string(artifact.kind()));
  return kind.encode(artifact).digest(kind.name, kind.format);
}

ArtifactPtr Store::load(const Digest& content, const std::string& kind) {
  State::Loaded& entry = state_->loaded_entry(content);
  const std::scoped_lock hold(entry.loading);
  if (ArtifactPtr shared = entry.artifact.lock(); shared && shared->kind() == kind) return shared;
  ArtifactPtr fresh = state_->read_object(content, kind);
  entry.artifact = fresh;
  return fresh;
}

void Store::discard(const Digest& content) {
  state_->discard(content);
}

void Store::forget(const Digest& key) {
  state_->forget(key);
  save_index();
}

std::vector<Store::Problem> Store::take_found_damaged() {
  const std::scoped_lock hold(state_->mutex);
  return std::exchange(state_->found_damaged, {});
}

void Store::save_index() {
  const std::scoped_lock hold(state_->mutex);
  if (!state_->index_changed) return;
  try {
    Index others = Index::decode(state_->disk.read(state_->layout.index()).value_or(""));
    for (const Digest& key : state_->forgotten) others.erase(key);
    state_->index.add_missing_from(std::move(others));
    state_->disk.write_atomically(state_->layout.index(), state_->index.encode());
    state_->index_changed = false;
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;  // the next run opens the actions instead
  }
}

}  // namespace espalier::cache
