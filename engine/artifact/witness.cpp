// SPDX-License-Identifier: Apache-2.0
// The check that a counterexample is one. A witness is accepted when
//  - it lies in the box of its row, decided exactly (the box over the reals: stored f32 centre, the f64
//    radius that the verdict is about, which a stage may set for all its questions);
//  - Network::forward, which computes in double, gives finite scores, one that counts being at least the label's.
// The second is a statement about the network as evaluated in double. Its rounding error is some 1e-16 of the
// magnitudes added up, so a witness accepted with a margin near 1e-12 may be a tie, or just miss one, over the reals,
// and inference in single precision may decide either way; counting ties as violations errs on the side of doubt in the
// network.
#include <cmath>
#include <map>

#include <espalier/results.hpp>

#include "artifact/rows.hpp"

namespace espalier::inline v1 {
namespace {

std::string place_text(std::size_t i, double x) {
  return fmt::format("element {} of the witness is {}", i, x);
}

/// Why a point is not within `radius` of the centre of instance `row`, clipped; empty when it is.
std::string box_fault(std::span<const float> point, const Instances& instances, std::size_t row, double radius) {
  const auto centre = instances.centres.as<float>().subspan(row * point.size(), point.size());
  for (std::size_t i = 0; i < point.size(); ++i) {
    const double x = point[i];
    if (!is_within(x, centre[i], radius)) {
      return fmt::format("{}, outside {} +- {}", place_text(i, x), centre[i], radius);
    }
    if (!(x >= instances.clip_low && x <= instances.clip_high)) {
      return fmt::format("{}, outside [{}, {}]", place_text(i, x), instances.clip_low, instances.clip_high);
    }
  }
  return {};
}

/// Why scores do not violate the row's property; empty when they do. Every comparison fails on NaN.
std::string score_fault(std::span<const double> scores, const Verdicts::Row& row) {
  const auto classes = static_cast<std::int64_t>(scores.size());
  if (row.label >= classes || row.target.value_or(0) >= classes) {
    return fmt::format("label {} or target {} is not one of the network's {} outputs", row.label,
                       row.target.value_or(artifact::kNoTarget), classes);
  }
  const bool finite = std::ranges::all_of(scores, [](double s) { return std::isfinite(s); });
  if (!finite) return "the network's scores at the witness are not finite";
  const double label_score = scores[static_cast<std::size_t>(row.label)];
  std::int64_t best = row.target.value_or(row.label == 0 ? 1 : 0);
  if (best >= classes) return "the network has one output, so there is no other class";
  for (std::int64_t c = 0; !row.target && c < classes; ++c) {
    if (c != row.label && scores[static_cast<std::size_t>(c)] > scores[static_cast<std::size_t>(best)]) best = c;
  }
  const double other = scores[static_cast<std::size_t>(best)];
  if (other >= label_score) return {};
  return fmt::format("the witness scores {} for label {} and {} for class {}", label_score, row.label, other, best);
}

std::string witness_fault(const Tensor& witness, const Network& network, const Instances& instances, std::size_t row,
                          const Verdicts::Row& verdict) {
  std::string fault = box_fault(witness.as<float>(), instances, row, verdict.epsilon);
  return fault.empty() ? score_fault(network.forward(witness.to_doubles()), verdict) : fault;
}

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

void require_shape(std::string_view what, const Tensor& points, const Network& network) {
  if (points.dim(0) == 0) return;
  const Shape shape(points.shape().begin() + 1, points.shape().end());
  if (points.dtype() == DType::f32 && shape == network.input_shape()) return;
  throw Error(Code::internal, fmt::format("{} are {} {}, but the network takes inputs of shape {}", what,
                                          to_text(points.dtype()), to_text(shape), to_text(network.input_shape())));
}

}  // namespace

Verdicts with_checked_witnesses(Verdicts verdicts, const Network& network, const Instances& instances) {
  require_answers(verdicts, instances);
  artifact::require_points("witnesses", verdicts.witnesses, verdicts.witness_rows, verdicts.rows.size());
  require_shape("witnesses", verdicts.witnesses, network);
  require_shape("centres", instances.centres, network);
  std::map<std::size_t, std::int64_t> witness_of;
  for (std::size_t k = 0; k < verdicts.witness_rows.size(); ++k) {
    witness_of.emplace(static_cast<std::size_t>(verdicts.witness_rows[k]), static_cast<std::int64_t>(k));
  }
  for (std::size_t i = 0; i < verdicts.rows.size(); ++i) {
    Verdicts::Row& row = verdicts.rows[i];
    row.witness_checked = false;  // only this function may say so
    if (row.verdict != Verdict::counterexample) continue;
    const auto found = witness_of.find(i);
    const std::string fault =
        found == witness_of.end()
            ? "there is no witness"
            : witness_fault(verdicts.witnesses.rows(found->second, found->second + 1), network, instances, i, row);
    row.witness_checked = fault.empty();
    if (row.witness_checked) continue;
    row.verdict = Verdict::error;
    row.message = "counterexample refused: " + fault + (row.message.empty() ? "" : "; " + row.message);
  }
  return verdicts;
}

}  // namespace espalier::inline v1
