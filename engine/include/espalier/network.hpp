// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <espalier/artifact.hpp>
#include <espalier/tensor.hpp>

namespace espalier::inline v1 {

/// y = W x + b. `weight` f32 [out, in], `bias` f32 [out]. `mask` u8 [out, in] or absent: a 0 marks a pruned weight that
/// is 0 and stays 0 through fine-tuning.
struct Linear {
  Tensor weight;
  Tensor bias;
  Tensor mask;
};

/// `weight` f32 [out, in / groups, kernel_h, kernel_w], `bias` f32 [out], `mask` as in Linear. Pairs are {height,
/// width}.
struct Conv2d {
  Tensor weight;
  Tensor bias;
  Tensor mask;
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::int64_t groups = 1;
};

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, per channel (axis 0 of a sample). All f32 [channels].
struct BatchNorm {
  Tensor gamma;
  Tensor beta;
  Tensor mean;
  Tensor variance;
  double epsilon = 1e-5;
};

struct Relu {};
/// The sum of two values of one shape.
struct Add {};
/// A sample of any shape as one axis, row-major.
struct Flatten {};
/// Mean over windows, padding counted as zeros. Pairs are {height, width}.
struct AvgPool {
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};
};

/// y = scale x / divisor + shift, element by element. f32 of the sample's shape each; an absent divisor is 1. Division
/// is kept apart because a reciprocal is rarely a float.
struct Affine {
  Tensor scale;
  Tensor shift;
  Tensor divisor;
};
/// A sample under another shape with as many elements, row-major.
struct Reshape {
  Shape shape;
};
/// A sample with its axes in another order: axis i of the output is axis order[i] of the input.
struct Transpose {
  std::vector<std::int64_t> order;
};
/// Zeros around an image. Pairs are {height, width}.
struct Pad {
  std::array<std::int64_t, 2> before{0, 0};
  std::array<std::int64_t, 2> after{0, 0};
};

using Op = std::variant<Linear, Conv2d, BatchNorm, Relu, Add, Flatten, AvgPool, Affine, Reshape, Transpose, Pad>;
/// "linear", "conv2d", ...: stored in files, never renamed.
ESPALIER_API std::string_view op_name(const Op& op);

/// Which element of the input an element of the output is, for every element of the output in row-major order; -1 is
/// the zero of a padding. Needs: the op fits a sample of shape `in`.
ESPALIER_API std::vector<std::int64_t> sources(const Transpose& op, const Shape& in);
ESPALIER_API std::vector<std::int64_t> sources(const Pad& op, const Shape& in);

/// For exhaustive `std::visit`: a new op does not compile until every analysis has an answer.
template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

/// One operation. `inputs` are value numbers: 0 is the network's input, i + 1 is the output of layer i.
struct Layer {
  std::string name;
  Op op;
  std::vector<int> inputs;
};

/// A feed-forward network as a DAG of operations in topological order; the last layer's value is the output.
/// Inputs are pixels in [0, 1]; a data set's normalisation, if any, is a layer.
class ESPALIER_API Network : public Artifact {
 public:
  static constexpr std::string_view kKind = "Network";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "a network: operations in topological order, weights, pruning masks";

  /// Throws Error, naming the layer and both shapes, when something does not fit or a weight is not finite.
  Network(Shape input_shape, std::vector<Layer> layers);

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Network from_fields(const Fields& fields);

  const Shape& input_shape() const { return input_shape_; }  ///< of one sample, {1, 28, 28} say
  const std::vector<Layer>& layers() const { return layers_; }
  /// The shape of a value (see Layer) for one sample.
  const Shape& value_shape(int value) const { return value_shapes_[static_cast<std::size_t>(value)]; }
  const Shape& output_shape() const { return value_shapes_.back(); }

  /// One sample through the network in double precision: `input` holds element_count(input_shape()) values.
  std::vector<double> forward(std::span<const double> input) const;

  std::int64_t hidden_neurons() const;  ///< elements that enter a ReLU
  /// Entries of Linear and Conv2d weights, biases not counted. Guidotti et al. 2020, table 4.
  std::int64_t weights() const;
  std::int64_t zero_weights() const;
  std::int64_t remaining_weights() const { return weights() - zero_weights(); }

 private:
  Shape input_shape_;
  std::vector<Layer> layers_;
  std::vector<Shape> value_shapes_;
};

/// The index of the largest element; the first of equals. NaN never wins; Needs: not empty.
ESPALIER_API std::int64_t argmax(std::span<const double> values);

}  // namespace espalier::inline v1
