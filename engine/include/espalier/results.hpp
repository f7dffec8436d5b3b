// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <espalier/artifact.hpp>
#include <espalier/network.hpp>
#include <espalier/property.hpp>
#include <espalier/tensor.hpp>

namespace espalier::inline v1 {

/// Questions to a verifier, one a row: does the network give `label` everywhere within `epsilon` (L-infinity) of
/// `centre`, clipped to [clip_low, clip_high]? With a target: is `target` never scored at least as high as `label`?
class ESPALIER_API Instances : public Artifact {
 public:
  static constexpr std::string_view kKind = "Instances";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "questions to a verifier: images, labels, radii, optional targets";

  struct Row {
    std::int64_t image = 0;  ///< index in the test split
    std::int64_t label = 0;
    std::optional<std::int64_t> target;  ///< absent: any other class
    double epsilon = 0;
  };
  std::vector<Row> rows;
  Tensor centres;  ///< f32 [rows, ...shape of an image]; see fit.hpp
  double clip_low = 0;
  double clip_high = 1;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Instances from_fields(const Fields& fields);
  /// Rows [begin, end), for shards.
  Instances slice(std::int64_t begin, std::int64_t end) const;
};

/// Whether |x - centre| <= radius over the reals, decided without rounding: whether x lies in an instance's box. NaN is
/// outside.
inline bool is_within(double x, double centre, double radius) {
  const double difference = x - centre;
  const double distance = std::abs(difference);
  if (distance != radius) return distance < radius;  // rounding is monotone: it carries nothing across the radius
  // The difference rounds to the radius, so what rounding took away decides: Knuth's exact sum of x and -centre.
  const double minus_centre = difference - x;
  const double lost = (x - (difference - minus_centre)) + (-centre - minus_centre);
  return difference < 0 ? lost >= 0 : lost <= 0;
}

/// What an attack found, one row an image attacked.
class ESPALIER_API Attacks : public Artifact {
 public:
  static constexpr std::string_view kKind = "Attacks";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "what an attack found, image by image";

  struct Row {
    std::int64_t image = 0;  ///< index in the test split
    std::int64_t label = 0;
    std::int64_t predicted = 0;          ///< class of the unchanged image
    bool found = false;                  ///< an adversarial point was found for an image that was classified correctly
    std::int64_t adversarial_class = 0;  ///< class at the point found; `predicted` when nothing was found
    double distance = 0;                 ///< L-infinity distance of the point found; 0 when nothing was found
    double margin = 0;                   ///< smallest label score minus best other score that was seen
  };
  std::string method;  ///< "fgsm", "pgd"
  double epsilon = 0;
  std::vector<Row> rows;
  /// Adversarial points that were kept, f32 [k, ...input shape], and the row each belongs to.
  Tensor points;
  std::vector<std::int64_t> point_rows;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Attacks from_fields(const Fields& fields);
  /// Share of rows classified correctly for which nothing was found; a misclassified image is not robust. The
  /// "robustness" column of Guidotti et al. 2020, tables 2 and 3.
  double robustness() const;
};

/// Stored as a u8 in every Verdicts file. Append only; never renumber.
enum class Verdict : std::uint8_t { robust = 0, counterexample = 1, unknown = 2, timeout = 3, error = 4 };
inline constexpr int kVerdictCount = 5;
ESPALIER_API std::string_view to_text(Verdict verdict);

/// A verifier's answers, in the order of the instances it was given.
class ESPALIER_API Verdicts : public Artifact {
 public:
  static constexpr std::string_view kKind = "Verdicts";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "a verifier's answers, with bounds, times and replayed witnesses";

  struct Row {
    std::int64_t image = 0;
    std::int64_t label = 0;
    std::optional<std::int64_t> target;
    double epsilon = 0;
    Verdict verdict = Verdict::unknown;
    double seconds = 0;
    /// Certified lower bound on min over other classes of (label score - class score) in the box; -inf when none.
    double bound = 0;
    bool witness_checked = false;  ///< set by the engine after it replayed the witness; a stage leaves it false
    /// Why a verdict is `error` or `unknown`, or that `robust` or `counterexample` is known of the reals only and not
    /// of inference in single precision. May be empty.
    std::string message;
  };
  std::string solver;   ///< "abstract.deeppoly", say
  double budget_s = 0;  ///< time limit an instance; 0 means none
  std::vector<Row> rows;
  Tensor witnesses;  ///< f32, or f64 where no floats are witnesses [k, ...input shape]
  std::vector<std::int64_t> witness_rows;
  /// What the solver tells of its work ("integer_variables", say), an entry a row; NaN where there is nothing to tell.
  std::map<std::string, std::vector<double>, std::less<>> numbers;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Verdicts from_fields(const Fields& fields);
  std::array<std::int64_t, kVerdictCount> counts() const;
  /// The parts one after the other; NaN for numbers that a part does not have. Needs: at least one; all from one solver
  /// with one budget.
  static Verdicts merge(std::span<const Verdicts* const> parts);
};

/// Replays every counterexample without rounding (see replay.hpp): the witness must lie within the row's epsilon of the
/// instance's centre, clipped, and must not be classified as `label` over the reals (ties count as violations). A row
/// that fails, or has no witness, becomes `error` with the reason; one that single precision tells otherwise says so.
ESPALIER_API Verdicts with_checked_witnesses(Verdicts verdicts, const Network& network, const Instances& instances);

/// The same for the one row of an answer about a property: the witness lies in the box of a case and meets all of its
/// constraints over the reals. What single precision tells of it is said in any case.
ESPALIER_API Verdicts with_checked_witnesses(Verdicts verdicts, const Network& network, const Property& property);

/// Named numbers and series (a loss an epoch, say).
class ESPALIER_API Metrics : public Artifact {
 public:
  static constexpr std::string_view kKind = "Metrics";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "named numbers and series: accuracy, sizes, training history";

  std::map<std::string, double, std::less<>> values;
  std::map<std::string, std::vector<double>, std::less<>> series;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Metrics from_fields(const Fields& fields);
};

}  // namespace espalier::inline v1
