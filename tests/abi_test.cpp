// SPDX-License-Identifier: Apache-2.0
// Plugins are compiled against the public structs and loaded without being compiled again, so their layout may only
// change together with the ABI number. Virtual functions leave no trace in a layout: adding one needs a new number,
// too.
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/plugin.hpp>
#include <espalier/property.hpp>
#include <espalier/report.hpp>
#include <espalier/results.hpp>

namespace {

using namespace espalier;

/// Writes "Name size alignment" and, for each member, "name offset size".
template <class T>
class Layout {
 public:
  Layout(std::string& out, const char* name) : out_(out) {
    out_ += fmt::format("{} {} {}\n", name, sizeof(T), alignof(T));
  }
  template <class M, class Owner>
  Layout& operator()(const char* name, M Owner::*member) {
    const auto* start = reinterpret_cast<const char*>(&object_);
    const auto* at = reinterpret_cast<const char*>(&(object_.*member));
    out_ += fmt::format("  {} {} {}\n", name, at - start, sizeof(M));
    return *this;
  }

 private:
  std::string& out_;
  T object_{};
};

template <class T>
void size_only(std::string& out, const char* name) {
  out += fmt::format("{} {} {}\n", name, sizeof(T), alignof(T));
}

void describe_specs(std::string& out) {
  Layout<PortSpec>(out, "PortSpec")("name", &PortSpec::name)("kind", &PortSpec::kind)("doc", &PortSpec::doc)(
      "gathers", &PortSpec::gathers)("labelled", &PortSpec::labelled)("optional", &PortSpec::optional);
  Layout<ParamSpec>(out, "ParamSpec")("name", &ParamSpec::name)("doc", &ParamSpec::doc)("type", &ParamSpec::type)(
      "fallback", &ParamSpec::fallback)("min", &ParamSpec::min)("max", &ParamSpec::max)("choices", &ParamSpec::choices)(
      "required", &ParamSpec::required)("file", &ParamSpec::file)("execution", &ParamSpec::execution)(
      "neutral", &ParamSpec::neutral)("member", &ParamSpec::member);
  Layout<StageSpec>(out, "StageSpec")("plugin", &StageSpec::plugin)("name", &StageSpec::name)("doc", &StageSpec::doc)(
      "revision", &StageSpec::revision)("inputs", &StageSpec::inputs)("outputs", &StageSpec::outputs)(
      "params", &StageSpec::params)("lane", &StageSpec::lane)("repeatable", &StageSpec::repeatable)(
      "uses_device", &StageSpec::uses_device)("single_threaded", &StageSpec::single_threaded)("run", &StageSpec::run);
  Layout<KindSpec>(out, "KindSpec")("name", &KindSpec::name)("format", &KindSpec::format)("doc", &KindSpec::doc)(
      "encode", &KindSpec::encode)("decode", &KindSpec::decode);
  Layout<PluginSpec>(out, "PluginSpec")("name", &PluginSpec::name)("version", &PluginSpec::version)(
      "doc", &PluginSpec::doc)("stages", &PluginSpec::stages)("kinds", &PluginSpec::kinds);
  Layout<Gathered>(out, "Gathered")("artifact", &Gathered::artifact)("labels", &Gathered::labels);
  size_only<PluginBuilder>(out, "PluginBuilder");
  size_only<Context>(out, "Context");
}

void describe_values(std::string& out) {
  size_only<Value>(out, "Value");
  size_only<Error>(out, "Error");
  size_only<Fields>(out, "Fields");
  size_only<Field>(out, "Field");
  size_only<Tensor>(out, "Tensor");
  size_only<Hasher>(out, "Hasher");
  size_only<Diagnostics>(out, "Diagnostics");
  Layout<Digest>(out, "Digest")("bytes", &Digest::bytes);
  Layout<Span>(out, "Span")("file", &Span::file)("line", &Span::line)("column", &Span::column)("length", &Span::length);
  Layout<Diagnostic>(out, "Diagnostic")("severity", &Diagnostic::severity)("span", &Diagnostic::span)(
      "text", &Diagnostic::text)("hint", &Diagnostic::hint);
}

void describe_networks(std::string& out) {
  Layout<Linear>(out, "Linear")("weight", &Linear::weight)("bias", &Linear::bias)("mask", &Linear::mask);
  Layout<Conv2d>(out, "Conv2d")("weight", &Conv2d::weight)("bias", &Conv2d::bias)("mask", &Conv2d::mask)(
      "stride", &Conv2d::stride)("padding", &Conv2d::padding)("dilation", &Conv2d::dilation)("groups", &Conv2d::groups);
  Layout<BatchNorm>(out, "BatchNorm")("gamma", &BatchNorm::gamma)("beta", &BatchNorm::beta)("mean", &BatchNorm::mean)(
      "variance", &BatchNorm::variance)("epsilon", &BatchNorm::epsilon);
  Layout<AvgPool>(out, "AvgPool")("kernel", &AvgPool::kernel)("stride", &AvgPool::stride)("padding", &AvgPool::padding);
  Layout<Affine>(out, "Affine")("scale", &Affine::scale)("shift", &Affine::shift)("divisor", &Affine::divisor);
  Layout<Reshape>(out, "Reshape")("shape", &Reshape::shape);
  Layout<Transpose>(out, "Transpose")("order", &Transpose::order);
  Layout<Pad>(out, "Pad")("before", &Pad::before)("after", &Pad::after);
  Layout<Layer>(out, "Layer")("name", &Layer::name)("op", &Layer::op)("inputs", &Layer::inputs);
  size_only<Network>(out, "Network");
}

void describe_results(std::string& out) {
  Layout<Split>(out, "Split")("images", &Split::images)("labels", &Split::labels);
  Layout<Dataset>(out, "Dataset")("name", &Dataset::name)("train", &Dataset::train)("test", &Dataset::test)(
      "classes", &Dataset::classes);
  Layout<Instances::Row>(out, "Instances::Row")("image", &Instances::Row::image)("label", &Instances::Row::label)(
      "target", &Instances::Row::target)("epsilon", &Instances::Row::epsilon);
  Layout<Instances>(out, "Instances")("rows", &Instances::rows)("centres", &Instances::centres)(
      "clip_low", &Instances::clip_low)("clip_high", &Instances::clip_high);
  using Attack = Attacks::Row;
  Layout<Attack>(out, "Attacks::Row")("image", &Attack::image)("label", &Attack::label)(
      "predicted", &Attack::predicted)("found", &Attack::found)("adversarial_class", &Attack::adversarial_class)(
      "distance", &Attack::distance)("margin", &Attack::margin);
  Layout<Attacks>(out, "Attacks")("method", &Attacks::method)("epsilon", &Attacks::epsilon)("rows", &Attacks::rows)(
      "points", &Attacks::points)("point_rows", &Attacks::point_rows);
  using Answer = Verdicts::Row;
  Layout<Answer>(out, "Verdicts::Row")("image", &Answer::image)("label", &Answer::label)("target", &Answer::target)(
      "epsilon", &Answer::epsilon)("verdict", &Answer::verdict)("seconds", &Answer::seconds)("bound", &Answer::bound)(
      "witness_checked", &Answer::witness_checked)("message", &Answer::message);
  Layout<Verdicts>(out, "Verdicts")("solver", &Verdicts::solver)("budget_s", &Verdicts::budget_s)(
      "rows", &Verdicts::rows)("witnesses", &Verdicts::witnesses)("witness_rows", &Verdicts::witness_rows)(
      "numbers", &Verdicts::numbers);
  Layout<OutputConstraint::Term>(out, "OutputConstraint::Term")("output", &OutputConstraint::Term::output)(
      "factor", &OutputConstraint::Term::factor);
  Layout<OutputConstraint>(out, "OutputConstraint")("terms", &OutputConstraint::terms)("limit",
                                                                                       &OutputConstraint::limit);
  Layout<Property::Box>(out, "Property::Box")("low", &Property::Box::low)("high", &Property::Box::high);
  Layout<Property::Case>(out, "Property::Case")("box", &Property::Case::box)("constraints",
                                                                             &Property::Case::constraints);
  Layout<Property>(out, "Property")("inputs", &Property::inputs)("outputs", &Property::outputs)(
      "boxes", &Property::boxes)("cases", &Property::cases);
  Layout<Metrics>(out, "Metrics")("values", &Metrics::values)("series", &Metrics::series);
  Layout<Number>(out, "Number")("value", &Number::value)("digits", &Number::digits);
  Layout<Table>(out, "Table")("name", &Table::name)("caption", &Table::caption)("columns", &Table::columns)(
      "rows", &Table::rows);
  Layout<Report::File>(out, "Report::File")("name", &Report::File::name)("bytes", &Report::File::bytes);
  Layout<Report>(out, "Report")("title", &Report::title)("files", &Report::files);
}

}  // namespace

TEST_CASE("the layout of the public structs is the one of this ABI number") {
  std::string now = "abi " ESPALIER_TEXT(ESPALIER_ABI_VERSION) "\n";
  describe_specs(now);
  describe_values(now);
  describe_networks(now);
  describe_results(now);
  std::ifstream file(ESPALIER_SOURCE_DIR "/tests/fixtures/abi_layout.txt");
  const std::string known{std::istreambuf_iterator<char>(file), {}};
  const bool same = now == known;
  CHECK_MESSAGE(same, "bump ESPALIER_ABI_VERSION in abi.hpp, and write to tests/fixtures/abi_layout.txt:\n", now);
}
