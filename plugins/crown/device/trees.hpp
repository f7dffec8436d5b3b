// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "bounder.hpp"
#include "model.hpp"
#include "rows.hpp"
#include "store.hpp"

namespace espalier::crown::device {

class Trees final : public DeviceTrees {
 public:
  Trees(const DeviceProblem& problem, const DeviceOptions& options, const at::Device& device);

  void put(const Domains& domains) override;
  std::int64_t open() const override { return store_.open(); }
  DeviceRound round(std::int64_t parents) override;
  std::int64_t most_parents() const override { return most_parents_; }
  double worst() const override;
  double closed_bound() const override;
  Domains open_domains() const override;

 private:
  /// Children that are open after one evaluation, not bounded yet.
  struct Children {
    Rows rows;
    at::Tensor closed;  ///< the smallest bound of the others
  };
  struct Trials {
    at::Tensor column;  ///< of every parent, the one that is split
    at::Tensor bounds;  ///< [parents, 2]: of both sides
  };

  DeviceRound attempt(std::int64_t parents);
  Children branch(const Rows& parents);
  Trials try_candidates(const Rows& parents);
  at::Tensor bounds_of_trials(const Rows& parents);
  Lanes lanes_of(const Rows& rows) const;
  /// Drops what closes; `closed` as in Bounder::improve().
  void bound(Rows& rows, at::Tensor& closed, DeviceRound& round);
  void find_points(const Lanes& lanes, DeviceRound& round) const;
  std::int64_t fitting(std::int64_t parents) const;

  DeviceOptions options_;
  Model model_;
  Bounder bounder_;
  Store store_;
  int candidates_;             ///< a row
  std::int64_t most_parents_;  ///< of a round, as memory allows
  at::Tensor closed_;          ///< the smallest bound that was closed
};

}  // namespace espalier::crown::device
