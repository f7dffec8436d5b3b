// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include "core/disk.hpp"
#include "run/observer.hpp"

namespace espalier::run {

/// `--progress plain`: lines that stay, for logs and for output that is no terminal.
class ESPALIER_API ProgressPlain final : public Observer {
 public:
  ProgressPlain(std::ostream& out, core::Path log_folder);

  void started(const RunStart& start) override;
  void node_logged(int node, std::string_view line) override;
  void node_finished(int node, const Outcome& outcome) override;
  void warned(std::string_view text) override;
  void stopping() override;
  void finished(const RunReport& report) override;

 private:
  const std::string& name_of(int node) const;

  std::ostream& out_;
  core::Path log_folder_;
  const pipeline::Plan* plan_ = nullptr;
  int to_run_ = 0;
  int done_ = 0;
};

}  // namespace espalier::run
