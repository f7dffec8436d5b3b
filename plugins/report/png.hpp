// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <espalier/tensor.hpp>

namespace espalier::report {

/// A picture as a data URI. `pixels` are channel by channel, as in a Dataset; three channels are red, green and blue,
/// of any other number the first is shown in greys.
std::string png_data_uri(const Shape& image_shape, std::span<const std::uint8_t> pixels);

}  // namespace espalier::report
