// SPDX-License-Identifier: Apache-2.0
// The store as a whole: what is in it, whether it is sound, and what nothing needs any more.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <signal.h>

#include <espalier/error.hpp>

#include "cache/action_file.hpp"
#include "cache/store_state.hpp"

namespace espalier::cache {
namespace {

struct StoredFile {
  core::Path path;
  std::string name;
};

/// The files of the folders below `folder`, in order of name; `damaged` and what else has no two-digit name is left
/// out.
std::vector<StoredFile> files_below(core::Disk& disk, const core::Path& folder) {
  std::vector<StoredFile> out;
  for (const std::string& part : disk.list(folder)) {
    if (part.size() != 2) continue;
    for (std::string& name : disk.list(folder / part)) out.push_back({folder / part / name, std::move(name)});
  }
  return out;
}

std::vector<StoredFile> files_in(core::Disk& disk, const core::Path& folder) {
  std::vector<StoredFile> out;
  for (std::string& name : disk.list(folder)) out.push_back({folder / name, std::move(name)});
  return out;
}

bool is_alive(int process) {
  return ::kill(process, 0) == 0 || errno == EPERM;
}

/// A temporary file that nobody will rename any more. A process of another host is not seen from here, so a young file
/// is left alone: writing one takes seconds.
bool is_abandoned(core::Disk& disk, const StoredFile& file) {
  constexpr std::chrono::minutes kYoung{10};
  const std::optional<int> process = Layout::temporary_of(file.name);
  if (!process || is_alive(*process)) return false;
  const auto stat = disk.stat(file.path);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return stat && std::chrono::nanoseconds(stat->mtime_ns) + kYoung < now;
}

/// Nothing, too, for a file on a bad sector.
std::optional<std::string> readable(core::Disk& disk, const core::Path& path) {
  try {
    return disk.read(path);
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;
    return std::nullopt;
  }
}

/// Gets every action's file, and what it says when it is whole.
using Visit = std::function<void(const core::Path&, const std::optional<Action>&)>;

void visit_actions(core::Disk& disk, const Layout& layout, const Visit& visit) {
  for (const StoredFile& file : files_below(disk, layout.actions())) {
    const std::optional<Digest> key = Layout::action_named(file.name);
    if (!key) continue;
    const auto bytes = readable(disk, file.path);
    std::optional<Action> action = bytes ? decode_action(*bytes) : std::nullopt;
    if (action && action->key != *key) action.reset();
    visit(file.path, action);
  }
}

/// What an object that no action names says of itself; nothing when it is damaged.
std::string kind_in(core::Disk& disk, const core::Path& path, const Digest& content) {
  try {
    return checked_image(path, readable(disk, path).value_or(""), content).header.kind;
  } catch (const Error& error) {
    if (error.code() != Code::damaged) throw;
    return {};
  }
}

std::uint64_t size_of(core::Disk& disk, const core::Path& path) {
  return disk.stat(path).value_or(core::FileStat{}).size;
}

}  // namespace

/// Of the actions and of the index: either is enough for a lookup.
std::set<Digest> Store::State::contents_of(const std::set<Digest>& keys) {
  std::set<Digest> out;
  const auto add = [&](const std::vector<OutputRef>& outputs) {
    for (const OutputRef& output : outputs) out.insert(output.content);
  };
  for (const Digest& key : keys) {
    const auto bytes = readable(disk, layout.action(key));
    if (const auto action = bytes ? decode_action(*bytes) : std::nullopt) add(action->outputs);
    const std::scoped_lock hold(mutex);
    if (const std::vector<OutputRef>* outputs = ready_index().find(key)) add(*outputs);
  }
  return out;
}

/// What the index knows and no whole record tells of: a lookup would go on trusting it.
void Store::forget_unrecorded(const std::set<Digest>& recorded, Summary& out) {
  std::vector<Digest> known;
  {
    const std::scoped_lock hold(state_->mutex);
    known = state_->ready_index().keys();
  }
  for (const Digest& key : known) {
    if (recorded.contains(key) || action(key)) continue;  // the latter: another process has just made it
    const core::Path path = state_->layout.action(key);
    if (lookup(key) && !state_->disk.stat(path)) {
      out.problems.push_back(
          {path, fmt::format("'{}', the record of a result, is gone; the node runs again", path.string())});
    }
    state_->forget(key);
  }
}

Store::Summary Store::verify() {
  Summary out;
  const Layout& layout = state_->layout;
  std::set<Digest> damaged;
  for (const StoredFile& file : files_below(state_->disk, layout.objects())) {
    const std::optional<Digest> content = Layout::object_named(file.name);
    if (!content) continue;
    out.objects += 1;
    out.bytes += size_of(state_->disk, file.path);
    const std::optional<Error> wrong = state_->what_is_wrong_with(*content);
    if (!wrong || wrong->code() != Code::damaged) continue;
    damaged.insert(*content);
    state_->put_aside(*content, *wrong);
  }
  out.problems = take_found_damaged();
  std::set<Digest> recorded;
  visit_actions(state_->disk, layout, [&](const core::Path& path, const std::optional<Action>& action) {
    out.actions += 1;
    out.bytes += size_of(state_->disk, path);
    if (!action) {
      out.problems.push_back(
          {path, fmt::format("'{}' is not a whole record of a result; the node runs again", path.string())});
      return;
    }
    recorded.insert(action->key);
    for (const OutputRef& output : action->outputs) {
      if (damaged.contains(output.content) || state_->disk.stat(layout.object(output.content))) continue;
      out.problems.push_back(
          {path, fmt::format("'{}': output '{}' {} of '{}' is not there; the node runs again", path.string(),
                             output.port, output.content.brief(), action->ingredients.stage)});
    }
  });
  forget_unrecorded(recorded, out);
  save_index();
  return out;
}

std::vector<Store::Entry> Store::list() {
  std::map<Digest, Entry> entries;
  for (const StoredFile& file : files_below(state_->disk, state_->layout.objects())) {
    if (const auto content = Layout::object_named(file.name)) {
      Entry& entry = entries[*content];
      entry.content = *content;
      entry.bytes = size_of(state_->disk, file.path);
    }
  }
  visit_actions(state_->disk, state_->layout, [&](const core::Path&, const std::optional<Action>& action) {
    if (!action) return;
    for (const OutputRef& output : action->outputs) {
      const auto entry = entries.find(output.content);
      if (entry == entries.end() || !entry->second.made_by.empty()) continue;
      entry->second.kind = output.kind;
      entry->second.made_by = action->ingredients.stage;
      entry->second.key = action->key;
    }
  });
  std::vector<Entry> out;
  for (auto& [content, entry] : entries) {
    if (entry.kind.empty()) entry.kind = kind_in(state_->disk, object_path(content), content);
    out.push_back(std::move(entry));
  }
  std::ranges::stable_sort(out, {}, [](const Entry& entry) { return std::tie(entry.made_by, entry.kind); });
  return out;
}

Store::Garbage Store::garbage(std::set<Digest> live, std::optional<std::int64_t> made_since_ns) {
  Garbage out;
  core::Disk& disk = state_->disk;
  const Layout& layout = state_->layout;
  const auto add = [&](const core::Path& path) {
    out.files.push_back(path);
    out.bytes += size_of(disk, path);
  };
  const auto is_recent = [&](const core::Path& path) {
    const auto stat = disk.stat(path);
    return made_since_ns && stat && stat->mtime_ns >= *made_since_ns;
  };
  // Actions come first, here and so in `remove`: a record never outlives its objects.
  for (const StoredFile& file : files_below(disk, layout.actions())) {
    const auto key = Layout::action_named(file.name);
    if (key && is_recent(file.path)) live.insert(*key);
    if (!key ? is_abandoned(disk, file) : !live.contains(*key)) add(file.path);
  }
  const std::set<Digest> reached = state_->contents_of(live);
  for (const StoredFile& file : files_below(disk, layout.objects())) {
    const auto content = Layout::object_named(file.name);
    const bool is_needed = content && (reached.contains(*content) || is_recent(file.path));
    if (content ? !is_needed : is_abandoned(disk, file)) add(file.path);
  }
  for (const StoredFile& file : files_in(disk, layout.damaged())) add(file.path);
  for (const StoredFile& file : files_in(disk, layout.actions())) {
    if (is_abandoned(disk, file)) add(file.path);
  }
  return out;
}

void Store::remove(const Garbage& garbage) {
  for (const core::Path& file : garbage.files) {
    if (const auto key = Layout::action_named(file.filename().string())) state_->forget(*key);
    state_->disk.remove(file);
  }
  save_index();
}

}  // namespace espalier::cache
