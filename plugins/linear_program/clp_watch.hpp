// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <ClpEventHandler.hpp>

#include "watch.hpp"

namespace espalier::linear {

/// Asks between CLP's iterations, while there is a watch to ask.
class ClpWatch final : public ClpEventHandler {
 public:
  explicit ClpWatch(std::optional<Watch>* watch) : watch_(watch) {}
  int event(Event which) override {
    if (which != endOfIteration || !*watch_) return -1;
    return (*watch_)->goes_on() ? -1 : 1;
  }
  ClpEventHandler* clone() const override { return new ClpWatch(*this); }  // owned by CLP

 private:
  std::optional<Watch>* watch_;
};

}  // namespace espalier::linear
