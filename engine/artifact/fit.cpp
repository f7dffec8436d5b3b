// SPDX-License-Identifier: Apache-2.0
// Whether what a stage was given belongs together, asked by every stage with the same words.
#include <vector>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fit.hpp>

namespace espalier::inline v1 {
namespace {

constexpr const char* kOtherDataset = "give the data set that the network was trained on";
constexpr const char* kOtherInstances = "give instances that were chosen for this network and its data set";

void require_class(std::size_t row, std::string_view what, std::int64_t value, std::int64_t classes) {
  if (value >= 0 && value < classes) return;
  throw Error(Code::request,
              fmt::format("instance {} has {} {}, but the network has {} outputs", row, what, value, classes),
              kOtherInstances);
}

Shape without_ones(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

/// Where one of both is a vector, its elements are the other's in their order; [32, 32, 3] is no [3, 32, 32].
bool takes(const Shape& input, const Shape& point) {
  if (element_count(input) != element_count(point)) return false;
  const Shape taken = without_ones(input);
  const Shape given = without_ones(point);
  return taken.size() <= 1 || given.size() <= 1 || taken == given;
}

}  // namespace

void require_fit(const Network& network, const Dataset& dataset) {
  if (!takes(network.input_shape(), dataset.image_shape())) {
    throw Error(Code::request,
                fmt::format("the network takes {}, the images of '{}' are {}", to_text(network.input_shape()),
                            dataset.name, to_text(dataset.image_shape())),
                kOtherDataset);
  }
  const std::int64_t outputs = element_count(network.output_shape());
  if (outputs != static_cast<std::int64_t>(dataset.classes.size())) {
    throw Error(
        Code::request,
        fmt::format("the network has {} outputs, '{}' has {} classes", outputs, dataset.name, dataset.classes.size()),
        kOtherDataset);
  }
}

void require_fit(const Network& network, const Instances& instances) {
  if (instances.rows.empty()) return;
  const Shape& centres = instances.centres.shape();
  const Shape of_one(centres.begin() + 1, centres.end());
  if (!takes(network.input_shape(), of_one)) {
    throw Error(Code::request,
                fmt::format("the network takes {}, the instances' centres are {}", to_text(network.input_shape()),
                            to_text(of_one)),
                kOtherInstances);
  }
  const std::int64_t classes = element_count(network.output_shape());
  for (std::size_t i = 0; i < instances.rows.size(); ++i) {
    const Instances::Row& row = instances.rows[i];
    require_class(i, "label", row.label, classes);
    if (!row.target) continue;
    require_class(i, "target", *row.target, classes);
    if (*row.target == row.label) {
      throw Error(Code::request, fmt::format("instance {} has target {}, which is its label", i, row.label),
                  "a target is another class than the label; leave it out to ask about all of them");
    }
  }
}

void require_fit(const Network& network, const Property& property) {
  const std::int64_t inputs = element_count(network.input_shape());
  const std::int64_t outputs = element_count(network.output_shape());
  if (property.inputs == inputs && property.outputs == outputs) return;
  throw Error(Code::request,
              fmt::format("the property is about {} inputs and {} outputs, but the network has {} and {}",
                          property.inputs, property.outputs, inputs, outputs),
              "give the property that was written for this network");
}

}  // namespace espalier::inline v1
