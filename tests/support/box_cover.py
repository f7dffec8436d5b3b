# SPDX-License-Identifier: Apache-2.0
"""Whether parts of a box leave out nothing of it. Shares nothing with the C++ code."""

import numpy as np


def covers(parts):
    """Whether parts, told by phases in the order of their splits, are everything."""
    stack = [(parts, 0)]
    while stack:
        inside, depth = stack.pop()
        if any(len(p) == depth for p in inside):
            continue
        if not inside:
            return False
        relu, element, _ = inside[0][depth]
        for sign in (1, -1):
            stack.append(([p for p in inside if p[depth] == (relu, element, sign)], depth + 1))
    return True


def is_filled(low, high, lows, highs):
    """Whether boxes, cut out of a box by cuts right through, leave out nothing of it."""
    stack = [(low, high, lows, highs)]
    while stack:
        low, high, lows, highs = stack.pop()
        if np.any(np.all((lows <= low) & (highs >= high), axis=1)):
            continue
        inside = np.where(low < high, (lows < high) & (highs > low), (lows <= low) & (highs >= high))
        touching = np.all(inside, axis=1)
        lows, highs = lows[touching], highs[touching]
        cut = cut_of(low, high, lows, highs)
        if cut is None:
            return False
        k, at = cut
        below, above = high.copy(), low.copy()
        below[k] = above[k] = at
        stack += [(low, below, lows, highs), (above, high, lows, highs)]
    return True


def cut_of(low, high, lows, highs):
    """An input and a number where a cut goes through no box."""
    middle = low / 2 + high / 2
    for k in range(len(low)):
        ends = np.unique(highs[:, k][(highs[:, k] > low[k]) & (highs[:, k] < high[k])])
        for at in sorted(ends, key=lambda v: abs(v - middle[k])):
            if np.all((highs[:, k] <= at) | (lows[:, k] >= at)):
                return k, at
    return None
