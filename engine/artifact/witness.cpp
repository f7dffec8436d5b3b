// SPDX-License-Identifier: Apache-2.0
// The check that a counterexample is one: the witness lies in the box of its row and violates the property there, both
// over the reals and decided without rounding (replay.hpp). The box is the one over the reals: stored f32 centre, the
// f64 radius that the verdict is about, which a stage may set for all its questions.
#include <map>
#include <utility>

#include <espalier/replay.hpp>
#include <espalier/results.hpp>

#include "artifact/rows.hpp"

namespace espalier::inline v1 {
namespace {

void require_answers(const Verdicts& verdicts, const Instances& instances) {
  if (verdicts.rows.size() != instances.rows.size()) {
    throw Error(Code::internal, fmt::format("'{}' gave {} verdicts on {} instances", verdicts.solver,
                                            verdicts.rows.size(), instances.rows.size()));
  }
  for (std::size_t i = 0; i < verdicts.rows.size(); ++i) {
    const auto& v = verdicts.rows[i];
    const auto& q = instances.rows[i];
    if (v.image == q.image && v.label == q.label && v.target == q.target) continue;
    throw Error(Code::internal,
                fmt::format("verdict {} of '{}' is about image {}, but instance {} is about image {} or "
                            "has another label or target",
                            i, verdicts.solver, v.image, i, q.image));
  }
}

void require_witnesses(const Verdicts& verdicts, const Network& network) {
  const Tensor& points = verdicts.witnesses;
  if (points.dim(0) == 0) return;
  const Shape shape(points.shape().begin() + 1, points.shape().end());
  const bool are_real = points.dtype() == DType::f32 || points.dtype() == DType::f64;
  if (are_real && shape == network.input_shape()) return;
  throw Error(Code::internal, fmt::format("witnesses are {} {}, but the network takes inputs of shape {}",
                                          to_text(points.dtype()), to_text(shape), to_text(network.input_shape())));
}

void say(Verdicts::Row& row, const std::string& text) {
  row.message = row.message.empty() ? text : text + "; " + row.message;
}

/// Settles a row that claims a counterexample by what its witness shows.
void settle(Verdicts::Row& row, const Replay& replay) {
  row.witness_checked = replay.over_reals == Holds::yes;
  if (row.witness_checked) {
    if (!replay.in_float32) say(row, "violates over the reals, but not in plain float32 inference");
    return;
  }
  row.verdict = Verdict::error;
  say(row, "counterexample refused: " + replay.reason + (replay.in_float32 ? ", though in float32 inference" : ""));
}

/// Replays every counterexample: `show` gives what a witness shows about a row, by number and as it stands.
template <class Show>
Verdicts with_replayed(Verdicts verdicts, Show show) {
  std::map<std::size_t, std::int64_t> witness_of;
  for (std::size_t k = 0; k < verdicts.witness_rows.size(); ++k) {
    witness_of.emplace(static_cast<std::size_t>(verdicts.witness_rows[k]), static_cast<std::int64_t>(k));
  }
  for (std::size_t i = 0; i < verdicts.rows.size(); ++i) {
    Verdicts::Row& row = verdicts.rows[i];
    row.witness_checked = false;  // only this function may say so
    if (row.verdict != Verdict::counterexample) continue;
    const auto found = witness_of.find(i);
    if (found == witness_of.end()) {
      settle(row, {.over_reals = Holds::no, .in_float32 = false, .reason = "there is no witness"});
    } else {
      settle(row, show(verdicts.witnesses.rows(found->second, found->second + 1), i, row));
    }
  }
  return verdicts;
}

}  // namespace

Verdicts with_checked_witnesses(Verdicts verdicts, const Network& network, const Instances& instances) {
  require_answers(verdicts, instances);
  artifact::require_points("witnesses", verdicts.witnesses, verdicts.witness_rows, verdicts.rows.size(), DType::f64);
  require_witnesses(verdicts, network);
  return with_replayed(std::move(verdicts), [&](const Tensor& witness, std::size_t row, const Verdicts::Row& verdict) {
    return replay(network, witness.to_doubles(), instances, row, verdict.epsilon);
  });
}

Verdicts with_checked_witnesses(Verdicts verdicts, const Network& network, const Property& property) {
  if (verdicts.rows.size() != 1) {
    throw Error(Code::internal,
                fmt::format("'{}' gave {} verdicts on one property", verdicts.solver, verdicts.rows.size()));
  }
  artifact::require_points("witnesses", verdicts.witnesses, verdicts.witness_rows, 1, DType::f64);
  require_witnesses(verdicts, network);
  Replay shown;
  const auto show = [&](const Tensor& witness, std::size_t, const Verdicts::Row&) {
    return shown = replay(network, witness.to_doubles(), property);
  };
  Verdicts checked = with_replayed(std::move(verdicts), show);
  // One answer has room for what would be said of almost every row of thousands.
  Verdicts::Row& row = checked.rows[0];
  if (row.witness_checked && shown.in_float32) say(row, "violates over the reals, and in plain float32 inference too");
  return checked;
}

}  // namespace espalier::inline v1
