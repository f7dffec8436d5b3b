// SPDX-License-Identifier: Apache-2.0
// How results are stored. The layouts are in schemas/artifacts.md: change both, and the kind's kFormat, together.
#include <limits>

#include <espalier/results.hpp>

#include "artifact/rows.hpp"

namespace espalier::inline v1 {
namespace {

using artifact::column;
using artifact::load;
using artifact::set_column;
using artifact::to_vector;
using artifact::vector_tensor;

void validate(const Instances& instances) {
  artifact::require_questions(instances.rows);
  const Tensor& centres = instances.centres;
  const auto count = static_cast<std::int64_t>(instances.rows.size());
  if (centres.dtype() != DType::f32 || centres.rank() == 0 || centres.dim(0) != count) {
    throw Error(Code::internal, fmt::format("centres of {} instances are {} {}, but f32 [{}, ...] is needed", count,
                                            to_text(centres.dtype()), to_text(centres.shape()), count));
  }
  const bool finite = std::ranges::all_of(centres.as<float>(), [](float v) { return std::isfinite(v); });
  if (!finite) throw Error(Code::numeric, "a centre of the instances is not finite");
  if (!(instances.clip_low <= instances.clip_high)) {
    throw Error(Code::internal,
                fmt::format("instances are clipped to [{}, {}]", instances.clip_low, instances.clip_high));
  }
}

void validate(const Attacks& attacks) {
  artifact::require_points("points", attacks.points, attacks.point_rows, attacks.rows.size());
  for (std::size_t i = 0; i < attacks.rows.size(); ++i) {
    const Attacks::Row& row = attacks.rows[i];
    if (row.image >= 0 && row.label >= 0 && row.predicted >= 0 && row.adversarial_class >= 0) continue;
    throw Error(Code::internal, fmt::format("row {} has image {}, label {}, predicted class {}, adversarial class {}",
                                            i, row.image, row.label, row.predicted, row.adversarial_class));
  }
}

void validate(const Verdicts& verdicts) {
  artifact::require_questions(verdicts.rows);
  artifact::require_points("witnesses", verdicts.witnesses, verdicts.witness_rows, verdicts.rows.size(), DType::f64);
  for (const auto& [name, values] : verdicts.numbers) {
    if (values.size() == verdicts.rows.size()) continue;
    throw Error(Code::internal,
                fmt::format("'{}' has {} numbers for {} rows", name, values.size(), verdicts.rows.size()));
  }
}

/// Verdicts without numbers are stored as they were before there were any.
void set_numbers(Fields& fields, const Verdicts& verdicts) {
  if (verdicts.numbers.empty()) return;
  std::vector<std::string> names;
  for (const auto& [name, values] : verdicts.numbers) {
    fields.set(fmt::format("numbers/{}", names.size()),
               Tensor::of<double>({static_cast<std::int64_t>(values.size())}, values));
    names.push_back(name);
  }
  fields.set("number_names", std::move(names));
}

void load_numbers(const Fields& fields, Verdicts& verdicts) {
  if (!fields.has("number_names")) return;
  const auto& names = fields.texts("number_names");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && names[i] <= names[i - 1]) {
      throw Error(Code::damaged, fmt::format("the numbers '{}' come before '{}'", names[i - 1], names[i]));
    }
    const auto numbers =
        column<double>(fields, fmt::format("numbers/{}", i), static_cast<std::int64_t>(verdicts.rows.size()));
    verdicts.numbers.emplace(names[i], std::vector<double>(numbers.begin(), numbers.end()));
  }
}

/// Appends a part's numbers to those of the rows before it.
void append_numbers(Verdicts& whole, const Verdicts& part, std::size_t before) {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [name, values] : part.numbers) {
    std::vector<double>& all = whole.numbers[name];
    all.resize(before, kNothing);
    all.insert(all.end(), values.begin(), values.end());
  }
  for (auto& [name, values] : whole.numbers) values.resize(before + part.rows.size(), kNothing);
}

void load_verdicts(const Fields& fields, std::vector<Verdicts::Row>& rows) {
  const auto values = column<std::uint8_t>(fields, "verdict", static_cast<std::int64_t>(rows.size()));
  const auto& messages = fields.texts("message");
  if (messages.size() != rows.size()) {
    throw Error(Code::damaged, fmt::format("{} messages for {} rows", messages.size(), rows.size()));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (values[i] >= kVerdictCount) throw Error(Code::damaged, fmt::format("verdict[{}] is {}", i, values[i]));
    rows[i].verdict = static_cast<Verdict>(values[i]);
    rows[i].message = messages[i];
  }
}

/// Joins tensors of T along the first axis; those without elements only count as none.
template <class T>
Tensor joined(const std::vector<Tensor>& parts) {
  Shape shape{0};
  std::vector<T> values;
  for (const Tensor& part : parts) {
    if (part.dim(0) == 0) continue;
    Shape wanted = part.shape();
    wanted[0] = shape[0];
    if (shape[0] != 0 && shape != wanted) {
      throw Error(Code::internal,
                  fmt::format("witnesses of shapes {} and {} cannot be merged", to_text(shape), to_text(part.shape())));
    }
    wanted[0] += part.dim(0);
    shape = std::move(wanted);
    const auto more = [&] {
      if constexpr (std::is_same_v<T, double>) return part.to_doubles();
      if constexpr (std::is_same_v<T, float>) return part.to_floats();
    }();
    values.insert(values.end(), more.begin(), more.end());
  }
  return Tensor::of<T>(std::move(shape), std::move(values));
}

/// Doubles when some are.
Tensor joined(const std::vector<Tensor>& parts) {
  const bool doubles = std::ranges::any_of(parts, [](const Tensor& part) { return part.dtype() == DType::f64; });
  return doubles ? joined<double>(parts) : joined<float>(parts);
}

}  // namespace

std::string_view to_text(Verdict verdict) {
  constexpr std::string_view kNames[] = {"robust", "counterexample", "unknown", "timeout", "error"};
  static_assert(std::size(kNames) == kVerdictCount);
  return kNames[static_cast<std::size_t>(verdict)];
}

Fields Instances::to_fields() const {
  validate(*this);
  Fields fields;
  set_column<std::int64_t>(fields, "image", rows, &Row::image);
  set_column<std::int64_t>(fields, "label", rows, &Row::label);
  artifact::set_targets(fields, rows);
  set_column<double>(fields, "epsilon", rows, &Row::epsilon);
  fields.set("centres", centres);
  fields.set("clip_low", clip_low);
  fields.set("clip_high", clip_high);
  return fields;
}

Instances Instances::from_fields(const Fields& fields) {
  return artifact::decoded<Instances>(fields, [&] {
    Instances out;
    out.rows = artifact::rows_in<Row>(fields);
    load(fields, "image", out.rows, &Row::image);
    load(fields, "label", out.rows, &Row::label);
    artifact::load_targets(fields, out.rows);
    load(fields, "epsilon", out.rows, &Row::epsilon);
    out.centres = fields.tensor("centres");
    out.clip_low = fields.real("clip_low");
    out.clip_high = fields.real("clip_high");
    return out;
  });
}

Instances Instances::slice(std::int64_t begin, std::int64_t end) const {
  Instances out = *this;
  out.centres = centres.rows(begin, end);  // checks the range
  out.rows.assign(rows.begin() + begin, rows.begin() + end);
  return out;
}

Fields Attacks::to_fields() const {
  validate(*this);
  Fields fields;
  fields.set("method", method);
  fields.set("epsilon", epsilon);
  set_column<std::int64_t>(fields, "image", rows, &Row::image);
  set_column<std::int64_t>(fields, "label", rows, &Row::label);
  set_column<std::int64_t>(fields, "predicted", rows, &Row::predicted);
  set_column<std::uint8_t>(fields, "found", rows, &Row::found);
  set_column<std::int64_t>(fields, "adversarial_class", rows, &Row::adversarial_class);
  set_column<double>(fields, "distance", rows, &Row::distance);
  set_column<double>(fields, "margin", rows, &Row::margin);
  fields.set("points", points);
  fields.set("point_rows", vector_tensor(point_rows));
  return fields;
}

Attacks Attacks::from_fields(const Fields& fields) {
  return artifact::decoded<Attacks>(fields, [&] {
    Attacks out;
    out.method = fields.text("method");
    out.epsilon = fields.real("epsilon");
    out.rows = artifact::rows_in<Row>(fields);
    load(fields, "image", out.rows, &Row::image);
    load(fields, "label", out.rows, &Row::label);
    load(fields, "predicted", out.rows, &Row::predicted);
    load(fields, "found", out.rows, &Row::found);
    load(fields, "adversarial_class", out.rows, &Row::adversarial_class);
    load(fields, "distance", out.rows, &Row::distance);
    load(fields, "margin", out.rows, &Row::margin);
    out.points = fields.tensor("points");
    out.point_rows = to_vector(column<std::int64_t>(fields, "point_rows"));
    return out;
  });
}

double Attacks::robustness() const {
  if (rows.empty()) throw Error(Code::request, "there is no robustness of no images", "attack at least one image");
  const auto robust = std::ranges::count_if(rows, [](const Row& r) { return r.predicted == r.label && !r.found; });
  return static_cast<double>(robust) / static_cast<double>(rows.size());
}

Fields Verdicts::to_fields() const {
  validate(*this);
  Fields fields;
  fields.set("solver", solver);
  fields.set("budget_s", budget_s);
  set_column<std::int64_t>(fields, "image", rows, &Row::image);
  set_column<std::int64_t>(fields, "label", rows, &Row::label);
  artifact::set_targets(fields, rows);
  set_column<double>(fields, "epsilon", rows, &Row::epsilon);
  set_column<std::uint8_t>(fields, "verdict", rows, &Row::verdict);
  set_column<double>(fields, "seconds", rows, &Row::seconds);
  set_column<double>(fields, "bound", rows, &Row::bound);
  set_column<std::uint8_t>(fields, "witness_checked", rows, &Row::witness_checked);
  std::vector<std::string> messages;
  for (const Row& row : rows) messages.push_back(row.message);
  fields.set("message", std::move(messages));
  fields.set("witnesses", witnesses);
  fields.set("witness_rows", vector_tensor(witness_rows));
  set_numbers(fields, *this);
  return fields;
}

Verdicts Verdicts::from_fields(const Fields& fields) {
  return artifact::decoded<Verdicts>(fields, [&] {
    Verdicts out;
    out.solver = fields.text("solver");
    out.budget_s = fields.real("budget_s");
    out.rows = artifact::rows_in<Row>(fields);
    load(fields, "image", out.rows, &Row::image);
    load(fields, "label", out.rows, &Row::label);
    artifact::load_targets(fields, out.rows);
    load(fields, "epsilon", out.rows, &Row::epsilon);
    load_verdicts(fields, out.rows);
    load(fields, "seconds", out.rows, &Row::seconds);
    load(fields, "bound", out.rows, &Row::bound);
    load(fields, "witness_checked", out.rows, &Row::witness_checked);
    out.witnesses = fields.tensor("witnesses");
    out.witness_rows = to_vector(column<std::int64_t>(fields, "witness_rows"));
    load_numbers(fields, out);
    return out;
  });
}

std::array<std::int64_t, kVerdictCount> Verdicts::counts() const {
  std::array<std::int64_t, kVerdictCount> out{};
  for (const Row& row : rows) ++out[static_cast<std::size_t>(row.verdict)];
  return out;
}

Verdicts Verdicts::merge(std::span<const Verdicts* const> parts) {
  if (parts.empty()) throw Error(Code::internal, "there are no verdicts to merge");
  Verdicts out;
  out.solver = parts[0]->solver;
  out.budget_s = parts[0]->budget_s;
  std::vector<Tensor> witnesses;
  for (const Verdicts* part : parts) {
    if (part->solver != out.solver || part->budget_s != out.budget_s) {
      throw Error(Code::request, fmt::format("verdicts of '{}' within {} s and of '{}' within {} s cannot be merged",
                                             out.solver, out.budget_s, part->solver, part->budget_s));
    }
    const auto before = static_cast<std::int64_t>(out.rows.size());
    for (const std::int64_t row : part->witness_rows) out.witness_rows.push_back(before + row);
    append_numbers(out, *part, out.rows.size());
    out.rows.insert(out.rows.end(), part->rows.begin(), part->rows.end());
    witnesses.push_back(part->witnesses);
  }
  out.witnesses = joined(witnesses);
  return out;
}

}  // namespace espalier::inline v1
