// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace espalier::crown::device {

/// Does work(most), and with half as many as often as that throws `Full`; `most` remembers what went.
template <class Full, class Work>
auto with_fewer_when_full(std::int64_t& most, const Work& work) {
  while (true) {
    try {
      return work(most);
    } catch (const Full&) {
      if (most <= 1) throw;
    }
    most = std::max<std::int64_t>(1, most / 2);
  }
}

}  // namespace espalier::crown::device
