// SPDX-License-Identifier: Apache-2.0
#include "run/node_log.hpp"

#include <fmt/format.h>

#include "run/file_name.hpp"

namespace espalier::run {

NodeLog::NodeLog(const RunSetup& setup, int node) : node_(node), observer_(setup.observer) {
  const core::Path& folder = setup.options.log_folder;
  if (!folder.empty()) file_ = log_file(folder, setup.node(node).name);
}

void NodeLog::line(std::string_view text) {
  note(text);
  observer_.node_logged(node_, text);
}

void NodeLog::note(std::string_view text) {
  const std::scoped_lock hold(mutex_);
  if (!file_.empty() && !warned_) write(text);
}

void NodeLog::write(std::string_view text) {
  if (!stream_.is_open()) {
    std::error_code ignored;  // the stream says below whether the file could be opened
    std::filesystem::create_directories(file_.parent_path(), ignored);
    stream_.open(file_, std::ios::app);
  }
  stream_ << text << '\n' << std::flush;
  if (stream_) return;
  warned_ = true;
  observer_.warned(fmt::format("cannot write the log '{}'; the run goes on without it", file_.string()));
}

}  // namespace espalier::run
