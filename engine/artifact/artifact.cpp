// SPDX-License-Identifier: Apache-2.0
#include <espalier/artifact.hpp>

namespace espalier::inline v1 {

Artifact::~Artifact() = default;  // here, so that the class has one vtable for engine and plugins

}  // namespace espalier::inline v1
