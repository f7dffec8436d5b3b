// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace espalier::bench {

/// Whether crown's kernels, which this program replaces, sum the error terms of float from now on. [one thread]
void use_rigorous_kernels(bool rigorous);

}  // namespace espalier::bench
