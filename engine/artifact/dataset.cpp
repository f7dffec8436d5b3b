// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <espalier/dataset.hpp>

#include "artifact/decoding.hpp"

namespace espalier::inline v1 {
namespace {

void require_split(std::string_view name, const Split& split, std::size_t classes) {
  const Tensor& images = split.images;
  const bool images_fit = images.dtype() == DType::u8 && images.rank() == 4;
  const bool labels_fit = split.labels.dtype() == DType::i64 && split.labels.rank() == 1;
  if (!images_fit || !labels_fit || images.dim(0) != split.labels.dim(0)) {
    throw Error(Code::damaged,
                fmt::format("the {} split has images {} {} and labels {} {}, but u8 [n, channels, height, width] and "
                            "i64 [n] are needed",
                            name, to_text(images.dtype()), to_text(images.shape()), to_text(split.labels.dtype()),
                            to_text(split.labels.shape())));
  }
  const auto labels = split.labels.as<std::int64_t>();
  const auto bad = std::ranges::find_if_not(
      labels, [&](std::int64_t label) { return label >= 0 && label < static_cast<std::int64_t>(classes); });
  if (bad == labels.end()) return;
  throw Error(Code::damaged, fmt::format("label {} of the {} split is {}, but there are {} classes",
                                         bad - labels.begin(), name, *bad, classes));
}

Shape without_rows(const Tensor& images) {
  return {images.shape().begin() + 1, images.shape().end()};
}

}  // namespace

void Dataset::validate() const {
  if (classes.empty()) throw Error(Code::damaged, fmt::format("data set '{}' has no classes", name));
  require_split("train", train, classes.size());
  require_split("test", test, classes.size());
  const Shape shape = without_rows(train.images);
  if (shape != without_rows(test.images) || element_count(shape) == 0) {
    throw Error(Code::damaged, fmt::format("data set '{}' has train images of shape {} and test images of shape {}",
                                           name, to_text(shape), to_text(without_rows(test.images))));
  }
}

Shape Dataset::image_shape() const {
  return without_rows(train.images);
}

Fields Dataset::to_fields() const {
  validate();
  Fields fields;
  fields.set("name", name);
  fields.set("classes", classes);
  fields.set("train/images", train.images);
  fields.set("train/labels", train.labels);
  fields.set("test/images", test.images);
  fields.set("test/labels", test.labels);
  return fields;
}

Dataset Dataset::from_fields(const Fields& fields) {
  return artifact::decoded<Dataset>(fields, [&] {
    Dataset d;
    d.name = fields.text("name");
    d.classes = fields.texts("classes");
    d.train = {fields.tensor("train/images"), fields.tensor("train/labels")};
    d.test = {fields.tensor("test/images"), fields.tensor("test/labels")};
    return d;
  });
}

}  // namespace espalier::inline v1
