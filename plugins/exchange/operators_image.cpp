// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "constants.hpp"
#include "operators.hpp"

namespace espalier::exchange {
namespace {

using Pair = std::array<std::int64_t, 2>;

constexpr std::int64_t kLongestStep = std::int64_t{1} << 20;  // as in a network: sums cannot overflow

/// A window over images as an operator's attributes give it.
struct Window {
  Pair kernel{1, 1};
  Pair stride{1, 1};
  Pair dilation{1, 1};
  Margins margins;

  std::int64_t extent(std::size_t axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }
};

std::vector<std::int64_t> numbers(Call& call, const char* name, std::vector<std::int64_t> fallback,
                                  std::int64_t least) {
  const std::size_t count = fallback.size();
  auto out = call.integers(name, std::move(fallback));
  const bool fits =
      out.size() == count && std::ranges::all_of(out, [=](std::int64_t v) { return v >= least && v <= kLongestStep; });
  if (!fits) {
    call.fail(fmt::format("attribute '{}' is {}, expected {} numbers from {} to {}", name, to_text(out), count, least,
                          kLongestStep));
  }
  return out;
}

Pair pair(Call& call, const char* name, const Pair& fallback, std::int64_t least) {
  const auto values = numbers(call, name, {fallback[0], fallback[1]}, least);
  return {values[0], values[1]};
}

/// Operator Conv, attribute auto_pad: SAME gives ceil(size / stride) windows, the odd zero goes behind or in front.
Margins same_margins(const Window& w, const Shape& image, bool upper) {
  Margins out;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t size = image[axis + 1];
    const std::int64_t windows = (size + w.stride[axis] - 1) / w.stride[axis];
    const std::int64_t zeros = std::max<std::int64_t>(0, (windows - 1) * w.stride[axis] + w.extent(axis) - size);
    out.before[axis] = upper ? zeros / 2 : zeros - zeros / 2;
    out.after[axis] = zeros - out.before[axis];
  }
  return out;
}

Window window_of(Call& call, const Shape& image, const Pair& kernel) {
  Window w{.kernel = pair(call, "kernel_shape", kernel, 1),
           .stride = pair(call, "strides", {1, 1}, 1),
           .dilation = pair(call, "dilations", {1, 1}, 1),
           .margins = {}};
  const auto pads = numbers(call, "pads", {0, 0, 0, 0}, 0);
  w.margins = {{pads[0], pads[1]}, {pads[2], pads[3]}};
  const std::string automatic = call.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    w.margins = same_margins(w, image, automatic == "SAME_UPPER");
  } else if (automatic == "VALID") {
    w.margins = {};
  } else if (automatic != "NOTSET") {
    call.fail(fmt::format("auto_pad is '{}'", automatic), Code::damaged);
  }
  return w;
}

/// The shape of the images in a value; refuses everything that is not one image.
Shape image_shape(const Call& call, const Flow& x) {
  if (x.shape.size() == 4 && x.shape[0] == 1) return sample_shape(x.shape);
  call.fail(
      fmt::format("its input has shape {}; images of shape [1, channels, height, width] are read", to_text(x.shape)));
}

/// The same with more zeros around it.
Flow with_margins(Flow x, const Margins& more) {
  for (std::size_t axis = 0; axis < 2; ++axis) {
    x.margins.before[axis] += more.before[axis];
    x.margins.after[axis] += more.after[axis];
    x.shape[axis + 2] += more.before[axis] + more.after[axis];
  }
  return x;
}

/// What a window slides over: the value, and the zeros the operation itself can put around it.
struct Ground {
  int value;
  Pair padding;
};

/// Zeros of the value and of the window together: the operation's own padding when they are the same on both sides,
/// else a layer, which takes what the operation cannot.
Ground ground_of(Call& call, const Flow& x, const Margins& more) {
  const Flow wide = with_margins(x, more);
  const Margins& all = wide.margins;
  const bool own = all.before == all.after && all.before[0] <= kLongestStep && all.before[1] <= kLongestStep;
  if (!own && more.before == more.after) return {call.net().settled(x, call.name()), more.before};
  if (!own) return {call.net().settled(wide, call.name()), {0, 0}};
  Shape bare = sample_shape(wide.shape);
  for (std::size_t axis = 0; axis < 2; ++axis) bare[axis + 1] -= 2 * all.before[axis];
  return {call.net().as(x.value, bare, call.name() + ".image"), all.before};
}

/// The shape that windows over an image give.
Shape windows_over(const Call& call, const Shape& image, const Window& w, std::int64_t channels) {
  Shape out{1, channels};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t room = w.margins.before[axis] + image[axis + 1] + w.margins.after[axis];
    if (w.extent(axis) > room) {
      call.fail(
          fmt::format("a kernel of [{}, {}] does not fit images of shape {}", w.kernel[0], w.kernel[1], to_text(image)),
          Code::damaged);
    }
    out.push_back((room - w.extent(axis)) / w.stride[axis] + 1);
  }
  return out;
}

Tensor bias_of(const Call& call, std::int64_t channels) {
  if (!call.has(2)) return Tensor::zeros(DType::f32, {channels});
  const Tensor& bias = call.floats(2);
  if (bias.size() == channels) return bias.reshaped({channels});
  call.fail(fmt::format("a bias of shape {} for {} channels", to_text(bias.shape()), channels), Code::damaged);
}

/// Operator Pad: attributes up to opset 10, inputs from 11 on.
std::vector<std::int64_t> paddings(Call& call, const Shape& shape) {
  const bool by_input = call.opset() >= 11;
  if (by_input != call.has(1)) {
    call.fail(fmt::format("its paddings are not where opset {} has them", call.opset()), Code::damaged);
  }
  auto out = by_input ? call.integers(1) : call.integers("pads", {});
  if (out.size() != 2 * shape.size()) {
    call.fail(fmt::format("{} paddings for a value of shape {}", out.size(), to_text(shape)), Code::damaged);
  }
  return out;
}

float fill_of(Call& call) {
  if (call.opset() < 11) return call.real("value", 0);
  if (!call.has(2)) return 0;
  const Tensor& fill = call.floats(2);
  if (fill.size() != 1) call.fail("its padding has no one value", Code::damaged);
  return fill.as<float>()[0];
}

}  // namespace

Value conv(Call& call) {
  call.require_inputs(2, 3);
  const Flow& x = call.flow(0);
  const Tensor& weight = call.floats(1);
  const Shape image = image_shape(call, x);
  const std::int64_t groups = call.integer("group", 1);
  if (weight.rank() != 4 || weight.empty() || groups < 1 || image[0] % groups != 0 ||
      weight.dim(1) != image[0] / groups || weight.dim(0) % groups != 0) {
    call.fail(fmt::format("a weight of shape {} in {} groups does not fit images of shape {}", to_text(weight.shape()),
                          groups, to_text(image)),
              Code::damaged);
  }
  const Pair kernel{weight.dim(2), weight.dim(3)};
  const Window w = window_of(call, image, kernel);
  if (w.kernel != kernel) call.fail("kernel_shape is not the weight's", Code::damaged);
  const Shape out = windows_over(call, image, w, weight.dim(0));
  require_sensible(out);
  const Ground ground = ground_of(call, x, w.margins);
  const int value = call.net().add(call.name(),
                                   Conv2d{.weight = weight,
                                          .bias = bias_of(call, weight.dim(0)),
                                          .mask = {},
                                          .stride = w.stride,
                                          .padding = ground.padding,
                                          .dilation = w.dilation,
                                          .groups = groups},
                                   {ground.value}, sample_shape(out));
  call.net().set_lacks_bias(value, !call.has(2));
  return Flow(value, out);
}

Value average_pool(Call& call) {
  call.require_inputs(1, 1);
  const Flow& x = call.flow(0);
  const Shape image = image_shape(call, x);
  if (call.find("kernel_shape") == nullptr) call.fail("it has no attribute 'kernel_shape'", Code::damaged);
  const Window w = window_of(call, image, {1, 1});
  if (w.dilation != Pair{1, 1}) call.fail("windows with gaps are not read");
  const bool counts_padding = call.integer("count_include_pad", 0) != 0;
  if (!w.margins.empty() && !counts_padding) {
    call.fail("means that leave the padding out are not read (count_include_pad is 0)");
  }
  const Shape out = windows_over(call, image, w, image[0]);
  if (call.integer("ceil_mode", 0) != 0) {
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const std::int64_t room = w.margins.before[axis] + image[axis + 1] + w.margins.after[axis];
      if ((room - w.extent(axis)) % w.stride[axis] != 0) call.fail("windows beyond the edge (ceil_mode) are not read");
    }
  }
  require_sensible(out);
  const Ground ground = ground_of(call, x, w.margins);
  const AvgPool op{.kernel = w.kernel, .stride = w.stride, .padding = ground.padding};
  return Flow(call.net().add(call.name(), op, {ground.value}, sample_shape(out)), out);
}

Value pad(Call& call) {
  call.require_inputs(1, 3);
  const Flow& x = call.flow(0);
  const auto pads = paddings(call, x.shape);
  const std::string mode = call.text("mode", "constant");
  const float fill = fill_of(call);
  if (std::ranges::all_of(pads, [](std::int64_t p) { return p == 0; })) return x;
  if (mode != "constant" || !(fill == 0)) call.fail("only padding with zeros is read");
  image_shape(call, x);
  if (pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0) call.fail("only height and width are padded");
  for (const std::int64_t p : pads) {
    if (p < 0 || p > kLongestStep) call.fail(fmt::format("a padding of {} is outside 0 to {}", p, kLongestStep));
  }
  Flow out = with_margins(x, {{pads[2], pads[3]}, {pads[6], pads[7]}});
  out.pad = call.name();
  return out;
}

}  // namespace espalier::exchange
