// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/property.hpp>
#include <espalier/results.hpp>

namespace espalier::inline v1 {

/// An image has the shape that the network takes, whatever axes of one there are; where one of both is a vector, as
/// many elements. There is one output a class. Throws Error(request), naming both, when it is not so.
ESPALIER_API void require_fit(const Network& network, const Dataset& dataset);
/// The same for the centres; labels and targets are among the network's outputs, and differ. Throws Error(request),
/// naming the row and both values, when it is not so.
ESPALIER_API void require_fit(const Network& network, const Instances& instances);

/// The property is about as many inputs and outputs as the network has. Throws Error(request), naming all four, when it
/// is not.
ESPALIER_API void require_fit(const Network& network, const Property& property);

}  // namespace espalier::inline v1
