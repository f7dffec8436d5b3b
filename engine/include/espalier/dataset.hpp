// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <espalier/artifact.hpp>
#include <espalier/tensor.hpp>

namespace espalier::inline v1 {

/// Labelled images in bytes: pixel value = byte / 255, in [0, 1].
struct Split {
  Tensor images;  ///< u8 [n, channels, height, width]
  Tensor labels;  ///< i64 [n], each in [0, classes)
  std::int64_t size() const { return labels.size(); }
};

class ESPALIER_API Dataset : public Artifact {
 public:
  static constexpr std::string_view kKind = "Dataset";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "labelled images as bytes, with a train and a test split";

  std::string name;
  Split train;
  Split test;
  std::vector<std::string> classes;  ///< one name a class

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Dataset from_fields(const Fields& fields);

  /// Throws Error when shapes, counts or labels do not fit together.
  void validate() const;
  Shape image_shape() const;  ///< of one image: {channels, height, width}
};

}  // namespace espalier::inline v1
