// SPDX-License-Identifier: Apache-2.0
#include "png.hpp"

#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <png.h>

#include <espalier/error.hpp>

namespace espalier::report {
namespace {

/// Channel by channel -> pixel by pixel.
std::vector<std::uint8_t> interleaved(std::size_t area, std::size_t channels, std::span<const std::uint8_t> pixels) {
  std::vector<std::uint8_t> out(area * channels);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = pixels[i % channels * area + i / channels];
  return out;
}

std::vector<unsigned char> encoded(const Shape& shape, std::span<const std::uint8_t> pixels) {
  const bool colour = shape[0] == 3;
  const auto area = static_cast<std::size_t>(shape[1] * shape[2]);
  const auto samples = interleaved(area, colour ? 3 : 1, pixels);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(shape[2]);
  image.height = static_cast<png_uint_32>(shape[1]);
  image.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::vector<unsigned char> out(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = out.size();
  if (png_image_write_to_memory(&image, out.data(), &size, 0, samples.data(), 0, nullptr) == 0) {
    throw Error(Code::internal, fmt::format("libpng cannot write an image of {}: {}", to_text(shape), image.message));
  }
  out.resize(size);
  return out;
}

}  // namespace

std::string png_data_uri(const Shape& image_shape, std::span<const std::uint8_t> pixels) {
  if (image_shape.size() != 3 || static_cast<std::size_t>(element_count(image_shape)) != pixels.size()) {
    throw Error(Code::internal, fmt::format("{} pixels are not an image of {}", pixels.size(), to_text(image_shape)));
  }
  const auto bytes = encoded(image_shape, pixels);
  std::vector<unsigned char> text(4 * ((bytes.size() + 2) / 3) + 1);
  const int length = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return "data:image/png;base64," + std::string(text.begin(), text.begin() + length);
}

}  // namespace espalier::report
