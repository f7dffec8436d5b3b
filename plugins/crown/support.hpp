// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "program.hpp"

namespace espalier::crown {

/// Which elements of a program the coefficients of some objectives can reach, by the pattern of its weights: those of a
/// neuron of a convolution, its receptive field. Everything else is 0 whatever the slopes are.
class Support {
 public:
  struct Run {
    int begin;
    int end;
  };

  explicit Support(const Program& program);

  /// Follows the chosen elements of value `place`, one flag each. Keeps what it knows when these are the same as
  /// before.
  void follow(int place, std::span<const char> chosen);

  bool reaches(int value) const { return !runs(value).empty(); }
  bool has(int value, int element) const { return flags_[at(value) + static_cast<std::size_t>(element)] != 0; }
  /// The elements of a value, or null when that is all of them.
  const char* chosen(int value) const {
    return all_[static_cast<std::size_t>(value)] != 0 ? nullptr : flags_.data() + at(value);
  }
  std::span<const Run> runs(int value) const { return runs_[static_cast<std::size_t>(value)]; }

 private:
  std::size_t at(int value) const { return offsets_[static_cast<std::size_t>(value)]; }
  void find_runs(int value);

  const Program* program_;
  int place_ = -1;
  std::vector<std::size_t> offsets_;  ///< of each value in flags_
  std::vector<char> flags_;
  std::vector<char> all_;
  std::vector<std::vector<Run>> runs_;
};

}  // namespace espalier::crown
