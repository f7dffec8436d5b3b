// SPDX-License-Identifier: Apache-2.0
#include "found.hpp"

#include <fmt/format.h>

#include <espalier/results.hpp>

#include "view.hpp"

namespace espalier::report {
namespace {

template <class Rows>
const auto& row_of_point(const Rows& rows, std::int64_t row, const std::string& maker) {
  if (row >= 0 && row < static_cast<std::int64_t>(rows.size())) return rows[static_cast<std::size_t>(row)];
  throw Error(Code::request, fmt::format("a point of '{}' belongs to row {} of {}", maker, row, rows.size()));
}

}  // namespace

std::vector<Found> found_points(const Findings& findings) {
  std::vector<Found> out;
  for (const Gathered& g : findings.attacks) {
    const auto& attacks = g.as<Attacks>();
    for (std::size_t i = 0; i < attacks.point_rows.size(); ++i) {
      const auto& row = row_of_point(attacks.rows, attacks.point_rows[i], attacks.method);
      out.push_back({&g, i, row.image, attacks.method, row.predicted, row.adversarial_class});
    }
  }
  for (const Gathered& g : findings.verdicts) {
    const auto& verdicts = g.as<Verdicts>();
    for (std::size_t i = 0; i < verdicts.witness_rows.size(); ++i) {
      const auto& row = row_of_point(verdicts.rows, verdicts.witness_rows[i], verdicts.solver);
      if (row.verdict != Verdict::counterexample) continue;
      out.push_back({&g, i, row.image, verifier_of(g), row.label, row.target.value_or(-1)});
    }
  }
  return out;
}

std::vector<float> values_of(const Found& found, std::size_t elements) {
  const bool is_attack = found.gathered->artifact->kind() == Attacks::kKind;
  const Tensor& points = is_attack ? found.gathered->as<Attacks>().points : found.gathered->as<Verdicts>().witnesses;
  const auto at = static_cast<std::int64_t>(found.point);
  if (points.rank() > 0 && at < points.dim(0)) {
    auto values = points.rows(at, at + 1).to_floats();
    if (values.size() == elements) return values;
  }
  throw Error(Code::request,
              fmt::format("the points of '{}' are {}, the images have {} values", found.maker, to_text(points.shape()),
                          elements),
              "give the data set that was attacked");
}

}  // namespace espalier::report
