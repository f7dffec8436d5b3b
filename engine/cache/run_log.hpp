// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <espalier/digest.hpp>

#include "core/disk.hpp"

namespace espalier::cache {

/// What a record says until its run has ended: it still runs, or was killed.
inline constexpr const char* kUnfinished = "unfinished";

/// One run as `runs/<id>/run.json` records it.
struct RunRecord {
  std::string id;        ///< "20260301-142233-quickstart-4f2a91c3"
  std::string pipeline;  ///< the pipeline's name
  std::string file;
  std::string started;  ///< ISO 8601, UTC
  double seconds = 0;
  std::string outcome;  ///< "ok", "failed", "interrupted"; kUnfinished until then
  int total = 0;
  int hit = 0;
  int ran = 0;
  int failed = 0;
  int skipped = 0;
  std::map<std::string, std::string> keys;      ///< node name -> hex key, for every node whose key became known
  std::map<std::string, double> node_seconds;   ///< nodes that ran: their time, for the next run's estimate
  std::map<std::string, std::string> failures;  ///< node -> message
  std::map<std::string, std::string> skips{};   ///< node -> the node whose failure kept it from running
  std::vector<std::string> reports;             ///< paths relative to the store
  Digest state;  ///< over all (node, key): two runs with equal state hold the same results under the same names
};

/// The folder `runs/`: one folder a run with run.json, events.jsonl, logs/, reports/. [one thread]
class ESPALIER_API RunLog {
 public:
  RunLog(core::Disk& disk, core::Path store_root);

  /// A fresh id and its folder's path; nothing is written yet.
  std::string new_id(const std::string& pipeline) const;
  core::Path folder(const std::string& id) const;

  /// Once at the start, so that whatever happens the run is known of, and again at the end.
  void write(const RunRecord& record);
  /// A run of another store: its record and its reports. Newer runs of the pipeline that are here stay the newest.
  void adopt(RunLog& other, const RunRecord& record);
  /// The record of an unfinished run is completed from its events, as far as they were written.
  std::optional<RunRecord> read(const std::string& id);
  /// Ids, oldest first, of runs that began: a folder with nothing whole in it is none.
  std::vector<std::string> ids();
  /// The newest run of a pipeline. Cheap: all of it is in `runs/latest-<pipeline>.json`, which does not grow with
  /// nodes.
  struct Latest {
    std::string id;
    Digest state;
    std::string outcome;
    std::vector<std::string> reports;
  };
  std::optional<Latest> latest(const std::string& pipeline);
  /// Seconds of each node the last time it ran, over recent runs of the pipeline.
  std::map<std::string, double> expected_seconds(const std::string& pipeline);

 private:
  bool has_begun(const std::string& id);
  void complete_from_events(RunRecord& record);
  core::Path latest_file(const std::string& pipeline) const;
  std::vector<std::string> newest_first(const std::string& pipeline);

  core::Disk& disk_;
  core::Path root_;
};

}  // namespace espalier::cache
