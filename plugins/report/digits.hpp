// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "result_table.hpp"

namespace espalier::report {

/// A number with as many digits as read well, zeros at the end left out; nothing for NaN.
Cell number(double value);

/// For reading: the numbers of a column have one number of decimals, the largest that one of them has, and fewer where
/// all are large. Not where that would write small numbers' decimals behind large ones (seconds from 0.00084 to 16):
/// there each keeps its own.
ResultTable evened(ResultTable result);

}  // namespace espalier::report
