// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <espalier/error.hpp>

#include "artifact/hdf5_image.hpp"
#include "cache/index.hpp"
#include "cache/layout.hpp"
#include "cache/store.hpp"

namespace espalier::cache {

/// What the two halves of Store share: store.cpp works on single keys and objects, upkeep.cpp on the store as a whole.
struct Store::State {
  State(core::Disk& the_disk, core::Path root, const plugin::Registry& the_registry)
      : disk(the_disk), layout(std::move(root)), registry(the_registry) {}

  core::Disk& disk;
  const Layout layout;
  const plugin::Registry& registry;

  /// One object on its way through memory: whoever needs it next shares it as long as anyone holds it.
  struct Loaded {
    std::mutex loading;  ///< held while the object is read, so that two siblings do not both read it
    std::weak_ptr<const Artifact> artifact;
  };

  std::mutex mutex;                           ///< guards what follows
  std::unordered_map<Digest, Loaded> loaded;  ///< never erased from: references stay good
  std::set<Digest> distrusted;                ///< found damaged and not written again since
  std::vector<Problem> found_damaged;         ///< by lookups, and not yet told
  std::set<Digest> forgotten;                 ///< keys that must not come back from the index on the disk
  Index index;
  bool index_was_read = false;
  bool index_changed = false;

  /// The index, read when it is first needed. Needs: `mutex` is held.
  Index& ready_index();
  void remember(const Digest& key, const std::vector<OutputRef>& outputs);
  void forget(const Digest& key);
  Loaded& loaded_entry(const Digest& content);

  /// Whether the object is there and whole: its bytes are read when its file is not as it was when they last were.
  bool is_there(const Digest& content);
  /// Error(missing) or Error(damaged); nothing when its bytes are what its name promises.
  std::optional<Error> what_is_wrong_with(const Digest& content);
  void note_whole(const Digest& content, const core::FileStat& stat);
  void discard(const Digest& content);
  void put_aside(const Digest& content, const Error& why);
  bool are_there(const std::vector<OutputRef>& outputs);
  const KindSpec& kind_spec(const std::string& kind) const;
  void write_object(const Digest& content, const std::string& bytes, const Action& action);
  void write(const core::Path& path, std::string_view bytes, const Action& action);
  std::set<Digest> contents_of(const std::set<Digest>& keys);
  /// An object's file as it is. Throws Error(missing), or Error(damaged) when it cannot be read.
  std::string object_bytes(const core::Path& path);
  /// Reads, checks and decodes an object. Throws Error(missing) or Error(damaged).
  ArtifactPtr read_object(const Digest& content, const std::string& kind);
};

/// The fields of an object whose bytes are what its name promises. Throws Error(damaged).
artifact::Image checked_image(const core::Path& path, std::string_view bytes, const Digest& content);

}  // namespace espalier::cache
