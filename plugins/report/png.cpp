// SPDX-License-Identifier: Apache-2.0
// PNG (ISO/IEC 15948) without compression: a deflate stream of stored blocks is the same bytes everywhere, while what
// zlib makes of an image differs between its versions and forks. A report is kept by its content.
#include "png.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <espalier/error.hpp>

namespace espalier::report {
namespace {

using Bytes = std::vector<std::uint8_t>;

void put_number(Bytes& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(number >> shift));
}

void put_chunk(Bytes& out, std::string_view type, const Bytes& data) {
  put_number(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t checked_from = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  const uLong check = crc32(0, out.data() + checked_from, static_cast<uInt>(out.size() - checked_from));
  put_number(out, static_cast<std::uint32_t>(check));
}

/// A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4).
Bytes stored(const Bytes& data) {
  constexpr std::size_t kLargestBlock = 65535;
  Bytes out{0x78, 0x01};
  std::size_t at = 0;
  do {
    const std::size_t size = std::min(kLargestBlock, data.size() - at);
    out.push_back(at + size == data.size() ? 1 : 0);
    for (const std::size_t length : {size, ~size}) {
      out.push_back(static_cast<std::uint8_t>(length & 0xff));
      out.push_back(static_cast<std::uint8_t>(length >> 8 & 0xff));
    }
    out.insert(out.end(), data.begin() + static_cast<std::ptrdiff_t>(at),
               data.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  } while (at < data.size());
  put_number(out, static_cast<std::uint32_t>(adler32(1, data.data(), static_cast<uInt>(data.size()))));
  return out;
}

/// Channel by channel -> line by line, each after its filter type 0, pixel by pixel.
Bytes scanlines(const Shape& shape, std::size_t channels, std::span<const std::uint8_t> pixels) {
  const auto height = static_cast<std::size_t>(shape[1]);
  const auto width = static_cast<std::size_t>(shape[2]);
  Bytes out;
  for (std::size_t y = 0; y < height; ++y) {
    out.push_back(0);
    for (std::size_t i = 0; i < width * channels; ++i) {
      out.push_back(pixels[(i % channels * height + y) * width + i / channels]);
    }
  }
  return out;
}

Bytes encoded(const Shape& shape, std::span<const std::uint8_t> pixels) {
  const bool colour = shape[0] == 3;
  Bytes header;
  put_number(header, static_cast<std::uint32_t>(shape[2]));
  put_number(header, static_cast<std::uint32_t>(shape[1]));
  header.insert(header.end(), {8, static_cast<std::uint8_t>(colour ? 2 : 0), 0, 0, 0});  // 8 bits; RGB or grey
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  put_chunk(out, "IHDR", header);
  put_chunk(out, "IDAT", stored(scanlines(shape, colour ? 3 : 1, pixels)));
  put_chunk(out, "IEND", {});
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
