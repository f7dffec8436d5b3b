// SPDX-License-Identifier: Apache-2.0
// The thread settings of a stage and the way of tensors to LibTorch and back.

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/torch.hpp>

namespace espalier::inline v1 {

namespace {

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return at::kByte;
    case DType::i32:
      return at::kInt;
    case DType::i64:
      return at::kLong;
    case DType::f32:
      return at::kFloat;
    case DType::f64:
      return at::kDouble;
  }
  throw Error(Code::internal, fmt::format("element type {} has no LibTorch type", static_cast<int>(dtype)));
}

at::Device require_device(std::string_view name) {
  const at::Device device{std::string(name)};
  if (device.is_cuda() && !at::hasCUDA()) {
    throw Error(Code::missing, fmt::format("device '{}' was asked for, but LibTorch finds no CUDA device", name),
                "run on the cpu lane, or use a LibTorch with CUDA on a machine with a GPU");
  }
  return device;
}

/// Process-wide, so set once and left on. TF32 would round the factors of a product to 10 bits.
void require_repeatable_arithmetic() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Without it cuBLAS is not deterministic, and LibTorch refuses to use it.
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
  });
}

template <class T>
Tensor copied(const at::Tensor& tensor) {
  const T* first = tensor.data_ptr<T>();
  return Tensor::of(tensor.sizes().vec(), std::vector<T>(first, first + tensor.numel()));
}

}  // namespace

struct TorchScope::Settings {
  Settings(const Context& ctx, std::uint64_t seed)
      : device(require_device(ctx.device())), generator(at::make_generator<at::CPUGeneratorImpl>(seed)) {
    require_repeatable_arithmetic();
    if (ctx.threads() != previous_threads) at::set_num_threads(ctx.threads());
  }
  ~Settings() {
    if (at::get_num_threads() != previous_threads) at::set_num_threads(previous_threads);
  }

  at::Device device;
  at::Generator generator;
  // Asking also makes LibTorch do its own first-use set-up of this thread, which would undo a number set before it.
  int previous_threads = at::get_num_threads();
  c10::InferenceMode no_inference_mode{false};
  c10::AutoGradMode gradients{true};
};

TorchScope::TorchScope(const Context& ctx, std::uint64_t seed) : settings_(std::make_unique<Settings>(ctx, seed)) {}
TorchScope::~TorchScope() = default;
const at::Device& TorchScope::device() const {
  return settings_->device;
}
at::Generator& TorchScope::generator() {
  return settings_->generator;
}

at::Tensor to_torch(const Tensor& tensor, const at::Device& device) {
  at::Tensor copy = at::empty(tensor.shape(), at::TensorOptions(scalar_type(tensor.dtype())));
  const auto bytes = tensor.bytes();
  if (!bytes.empty()) std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
  return copy.to(device);
}

Tensor from_torch(const at::Tensor& tensor) {
  const at::Tensor here = tensor.detach().to(at::kCPU).contiguous();
  switch (here.scalar_type()) {
    case at::kByte:
      return copied<std::uint8_t>(here);
    case at::kInt:
      return copied<std::int32_t>(here);
    case at::kLong:
      return copied<std::int64_t>(here);
    case at::kFloat:
      return copied<float>(here);
    case at::kDouble:
      return copied<double>(here);
    default:
      throw Error(Code::unsupported,
                  fmt::format("artifacts do not hold elements of type '{}'", at::toString(here.scalar_type())),
                  "convert the tensor to float, double, int, long or byte first");
  }
}

at::Tensor images_as_float(const Split& split, const at::Device& device) {
  // On the CPU, because CUDA kernels replace a division by a constant with a multiplication by its reciprocal.
  return to_torch(split.images).to(at::kFloat).div_(255.0F).to(device);
}

}  // namespace espalier::inline v1
