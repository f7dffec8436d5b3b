// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <espalier/artifact.hpp>
#include <espalier/digest.hpp>

#include "cache/fingerprint.hpp"
#include "core/disk.hpp"
#include "plugin/registry.hpp"

namespace espalier::cache {

struct OutputRef {
  std::string port;
  std::string kind;
  Digest content;
};

/// How a result came to be. Recorded beside it, never part of a key.
struct Provenance {
  std::string host;
  std::string cpu;       ///< model name
  std::string finished;  ///< ISO 8601, UTC
  double seconds = 0;
  double cpu_seconds = 0;
  std::string engine;                           ///< "espalier 0.1.0"
  std::string plugin;                           ///< "train 0.1.0"
  std::string plugin_digest;                    ///< hex, of the library file
  std::map<std::string, std::string> versions;  ///< torch, blas, ...
};

/// The record that a key was computed.
struct Action {
  Digest key;
  Ingredients ingredients;
  std::vector<OutputRef> outputs;
  Provenance provenance;
  bool retry_on_timeout = false;  ///< holds verdicts `timeout`: --retry timeout runs it again
  bool retry_on_error = false;    ///< holds verdicts `error`: --retry failed runs it again
};

/// Artifacts by content (`objects/ab/<digest>.h5`) and actions by key (`actions/ab/<key>.json`), each written whole by
/// write-temp, fsync, rename; the action last, so that its presence means the objects were there. No locks, no markers:
/// any number of processes may share a store. `actions/index` is a cache of key -> outputs that may be deleted. [any
/// thread]
class ESPALIER_API Store {
 public:
  Store(core::Disk& disk, core::Path root, const plugin::Registry& registry);
  ~Store();

  const core::Path& root() const;

  /// The outputs of a key, if its action is recorded and all its objects are there. An object's bytes are read only
  /// when its file is not as it was when they were read last; a damaged one is moved aside and counts as absent.
  std::optional<std::vector<OutputRef>> lookup(const Digest& key);
  /// The full record; damaged or foreign files count as absent.
  std::optional<Action> action(const Digest& key);

  struct Problem {
    core::Path file;
    std::string text;  ///< names the file
  };
  /// What lookups found damaged since this was asked last.
  std::vector<Problem> take_found_damaged();

  /// Writes objects, then the action, whose outputs get their contents here. Objects that are there and whole
  /// are not written again. Gives the action as it was recorded. Throws Error(io).
  Action put(Action action, const std::vector<ArtifactPtr>& artifacts);
  /// Content digest of an artifact, as `put` would name it.
  Digest digest_of(const Artifact& artifact) const;

  /// Reads and checks an object. Throws Error(damaged) or Error(missing), naming the file.
  ArtifactPtr load(const Digest& content, const std::string& kind);
  /// Moves a damaged object aside so that its producer runs again.
  void discard(const Digest& content);
  /// Where that is now; nothing when it never was damaged, or was cleaned away.
  std::optional<core::Path> damaged_copy(const Digest& content) const;
  core::Path object_path(const Digest& content) const;

  /// Writes the index if something was added. Called at the end of a run; failure is not an error.
  void save_index();

  struct Summary {
    std::int64_t objects = 0;
    std::int64_t actions = 0;
    std::uint64_t bytes = 0;
    std::vector<Problem> problems;
  };
  /// Reads everything and checks every digest; moves aside what is damaged. The next run makes all of it again, also
  /// what has lost nothing but its record.
  Summary verify();
  /// A lookup of this key trusts the index no more: its record was seen to be damaged or gone.
  void forget(const Digest& key);

  struct Entry {
    Digest content;
    std::string kind;
    std::uint64_t bytes = 0;
    std::string made_by;  ///< stage of one action that has it as output; empty when no action names it
    Digest key;
  };
  std::vector<Entry> list();

  struct Garbage {
    std::vector<core::Path> files;
    std::uint64_t bytes = 0;
  };
  /// What no key in `live` reaches, temporary files of dead processes included; but nothing that was made since then.
  /// Removes nothing.
  Garbage garbage(std::set<Digest> live, std::optional<std::int64_t> made_since_ns = {});
  void remove(const Garbage& garbage);

  /// The keys of all records, whole or not.
  std::set<Digest> keys();
  struct Copied {
    std::int64_t results = 0;  ///< actions that are new here
    std::int64_t known = 0;    ///< actions that were here already
    std::int64_t objects = 0;
    std::uint64_t bytes = 0;
    std::vector<Problem> problems;  ///< what is damaged there and was not taken
  };
  /// Copies what these keys stand for from another store. Every digest is checked before anything is written.
  Copied take_from(Store& other, const std::set<Digest>& keys);

 private:
  void forget_unrecorded(const std::set<Digest>& recorded, Summary& out);
  void take_object(Store& other, const Digest& content, Copied& copied);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace espalier::cache
