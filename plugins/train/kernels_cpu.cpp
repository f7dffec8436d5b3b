// SPDX-License-Identifier: Apache-2.0
// Plain loops over small row-major matrices, written so that the compiler vectorises them along the columns.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels.hpp"

// The build is for any x86-64; the loops are compiled for newer ones as well and chosen when the library is loaded.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define ESPALIER_VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ESPALIER_VECTORISED
#endif

namespace espalier::train {

namespace {

struct Size {
  std::int64_t rows;
  std::int64_t columns;
};
Size extent(const at::Tensor& x) {
  return {x.size(0), x.size(1)};
}

ESPALIER_VECTORISED void bytes_to_pixels(const std::uint8_t* bytes, float* pixels, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) pixels[i] = static_cast<float>(bytes[i]) / 255.0F;
}

void fetch_early(const std::uint8_t* bytes, std::int64_t count) {
  constexpr std::int64_t kCacheLine = 64;
  for (std::int64_t i = 0; i < count; i += kCacheLine) __builtin_prefetch(bytes + i);
}

// Written so that a NaN stays one: no comparison with it is true.
ESPALIER_VECTORISED void relu_loop(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] <= 0.0F ? 0.0F : x[i];
}

ESPALIER_VECTORISED void relu_backward_loop(const float* y, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = y[i] <= 0.0F ? 0.0F : dy[i];
}

ESPALIER_VECTORISED void add_rows(const float* x, Size size, float* __restrict sums) {
  for (std::int64_t c = 0; c < size.columns; ++c) sums[c] = 0.0F;
  for (std::int64_t r = 0; r < size.rows; ++r) {
    const float* row = x + r * size.columns;
    for (std::int64_t c = 0; c < size.columns; ++c) sums[c] += row[c];
  }
}

struct Norm {
  const float* gamma;
  const float* beta;
  float* running_mean;
  float* running_variance;
  float epsilon;
};
struct Batch {
  float* normalised;
  float* mean;
  float* scale;
};

/// The mean of each column; `normalised` becomes the differences to it and `scale` the sums of their squares.
ESPALIER_VECTORISED void centre(Size size, const float* __restrict x, float* __restrict normalised,
                                float* __restrict mean, float* __restrict scale) {
  const auto [rows, columns] = size;
  const float share = 1.0F / static_cast<float>(rows);
  for (std::int64_t c = 0; c < columns; ++c) mean[c] = scale[c] = 0.0F;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) mean[c] += x[r * columns + c];
  }
  for (std::int64_t c = 0; c < columns; ++c) mean[c] *= share;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const float difference = x[r * columns + c] - mean[c];
      normalised[r * columns + c] = difference;
      scale[c] += difference * difference;
    }
  }
}

/// The running statistics hold the unbiased variance, the batch is scaled by the biased one.
void move_statistics(Size size, const Norm& norm, const Batch& batch) {
  constexpr auto kMove = static_cast<float>(kStatisticsMomentum);
  const auto [rows, columns] = size;
  for (std::int64_t c = 0; c < columns; ++c) {
    const float variance = batch.scale[c] / static_cast<float>(rows);
    const float unbiased = batch.scale[c] / static_cast<float>(rows - 1);
    norm.running_mean[c] += kMove * (batch.mean[c] - norm.running_mean[c]);
    norm.running_variance[c] += kMove * (unbiased - norm.running_variance[c]);
    batch.scale[c] = 1.0F / std::sqrt(variance + norm.epsilon);
  }
}

ESPALIER_VECTORISED void scale_and_shift(Size size, const float* __restrict scale, const float* __restrict gamma,
                                         const float* __restrict beta, float* __restrict normalised,
                                         float* __restrict y) {
  const auto [rows, columns] = size;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const float value = normalised[r * columns + c] * scale[c];
      normalised[r * columns + c] = value;
      y[r * columns + c] = gamma[c] * value + beta[c];
    }
  }
}

/// Ioffe and Szegedy 2015, section 3, with the sums over the batch taken first.
ESPALIER_VECTORISED void normalise_backward(Size size, const float* __restrict dy, const float* __restrict normalised,
                                            const float* __restrict scale, const float* __restrict gamma,
                                            float* __restrict dgamma, float* __restrict dbeta, float* __restrict dx) {
  const auto [rows, columns] = size;
  for (std::int64_t c = 0; c < columns; ++c) dgamma[c] = dbeta[c] = 0.0F;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      dbeta[c] += dy[r * columns + c];
      dgamma[c] += dy[r * columns + c] * normalised[r * columns + c];
    }
  }
  const float share = 1.0F / static_cast<float>(rows);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const std::int64_t i = r * columns + c;
      dx[i] = gamma[c] * scale[c] * (dy[i] - share * (dbeta[c] + normalised[i] * dgamma[c]));
    }
  }
}

struct Totals {
  double loss = 0;
  std::int64_t right = 0;
};

/// One image: turns scores into the loss' gradient times `share`.
void cross_entropy_row(const float* scores, float* dscores, std::int64_t classes, std::int64_t label, float share,
                       Totals& totals) {
  float largest = scores[0];
  std::int64_t first_largest = 0;
  for (std::int64_t c = 1; c < classes; ++c) {
    if (scores[c] > largest) largest = scores[c], first_largest = c;
  }
  float sum = 0.0F;
  for (std::int64_t c = 0; c < classes; ++c) sum += dscores[c] = std::exp(scores[c] - largest);
  totals.loss += std::log(sum) + largest - scores[label];
  totals.right += first_largest == label ? 1 : 0;
  for (std::int64_t c = 0; c < classes; ++c) dscores[c] *= share / sum;
  dscores[label] -= share;
}

ESPALIER_VECTORISED void descend_loop(float* __restrict values, const float* __restrict gradients,
                                      float* __restrict velocity, std::int64_t count, float rate, float momentum,
                                      float decay) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float gradient = gradients[i] + decay * values[i];
    velocity[i] = momentum * velocity[i] + gradient;
    values[i] -= rate * (gradient + momentum * velocity[i]);
  }
}

float* data(const at::Tensor& x) {
  return x.data_ptr<float>();
}

class CpuKernels final : public Kernels {
 public:
  void load(const at::Tensor& images, const at::Tensor& index, at::Tensor& batch) const override {
    const auto* first = images.data_ptr<std::uint8_t>();
    const auto* chosen = index.data_ptr<std::int64_t>();
    const auto [rows, columns] = extent(batch);
    // The order is random, so the next images are asked for while this one is converted.
    constexpr std::int64_t kAhead = 2;
    for (std::int64_t r = 0; r < rows; ++r) {
      fetch_early(first + chosen[std::min(r + kAhead, rows - 1)] * columns, columns);
      bytes_to_pixels(first + chosen[r] * columns, data(batch) + r * columns, columns);
    }
  }

  void relu(const at::Tensor& x, at::Tensor& y) const override { relu_loop(data(x), data(y), x.numel()); }

  void relu_backward(const at::Tensor& y, const at::Tensor& dy, at::Tensor& dx) const override {
    relu_backward_loop(data(y), data(dy), data(dx), y.numel());
  }

  void batch_norm(const BatchNormNode& node, const at::Tensor& x, BatchNormSaved& saved, at::Tensor& y) const override {
    const Norm norm{data(node.gamma.value), data(node.beta.value), data(node.mean), data(node.variance),
                    static_cast<float>(node.epsilon)};
    const Batch batch{data(saved.normalised), data(saved.mean), data(saved.scale)};
    const Size size = extent(x);
    centre(size, data(x), batch.normalised, batch.mean, batch.scale);
    move_statistics(size, norm, batch);
    scale_and_shift(size, batch.scale, norm.gamma, norm.beta, batch.normalised, data(y));
  }

  void batch_norm_backward(const BatchNormNode& node, const BatchNormSaved& saved, const at::Tensor& dy,
                           at::Tensor& dx) const override {
    normalise_backward(extent(dy), data(dy), data(saved.normalised), data(saved.scale), data(node.gamma.value),
                       data(node.gamma.gradient), data(node.beta.gradient), data(dx));
  }

  void column_sums(const at::Tensor& x, at::Tensor& sums) const override { add_rows(data(x), extent(x), data(sums)); }

  void cross_entropy(const at::Tensor& scores, const at::Tensor& labels, at::Tensor& dscores,
                     at::Tensor& totals) const override {
    const auto [rows, classes] = extent(scores);
    const auto* label = labels.data_ptr<std::int64_t>();
    const float share = 1.0F / static_cast<float>(rows);
    Totals sum;
    for (std::int64_t r = 0; r < rows; ++r) {
      cross_entropy_row(data(scores) + r * classes, data(dscores) + r * classes, classes, label[r], share, sum);
    }
    auto* total = totals.data_ptr<double>();
    total[0] += sum.loss;
    total[1] += static_cast<double>(sum.right);
  }

  void descend(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& velocity,
               const Descent& by) const override {
    descend_loop(data(values), data(gradients), data(velocity), values.numel(), static_cast<float>(by.learning_rate),
                 static_cast<float>(by.momentum), static_cast<float>(by.weight_decay));
  }
};

}  // namespace

std::unique_ptr<Kernels> cpu_kernels() {
  return std::make_unique<CpuKernels>();
}

}  // namespace espalier::train
