# SPDX-License-Identifier: Apache-2.0
"""Lower bounds of linear functions of a network over boxes with known phases, from the multipliers that a proof names.
In double precision, less a bound of the computation's error, so that they hold over the reals (Higham, section 3.1).
Shares nothing with the C++ code."""

import numpy as np

from sparse_rows import SURE, UNIT, gamma

# More than what gradual underflow can take from any sum here; as a coefficient, more than what it can take from one.
TINY = 1e-290


def together(start, rows):
    """The entries of rows: (which of the rows each belongs to, its place)."""
    begin, counts = start[rows], start[rows + 1] - start[rows]
    first = np.cumsum(counts) - counts
    return np.repeat(np.arange(len(rows)), counts), np.arange(counts.sum()) + np.repeat(begin - first, counts)


class Level:
    """Scopes that are inside no other of them, with the bounds of every ReLU's input there. They become known in the
    network's order: start(r) gives those of ReLU r by intervals and from the scopes around, claims may better them, and
    close(r) takes the phases. A claim about r rests on what is before r only, whatever the order of claims is."""

    def __init__(self, network, low, high, phases, outer):
        """Of S scopes: low and high are [S, inputs], phases [n, 4] holds scope, relu, element, sign; outer: nothing, or
        the level around and who of it is around each."""
        self.network, self.low, self.high, self.phases, self.outer = network, low, high, phases, outer
        self.bounds, self.offs, self.outputs = [], [], []
        self.is_empty = np.zeros(len(low), bool)

    def start(self, r):
        low, high = self.network.interval(r, self.low, self.high, self.outputs)
        if self.outer is not None and r < self.network.relus:
            level, of = self.outer
            low, high = np.maximum(low, level.bounds[r][0][of]), np.minimum(high, level.bounds[r][1][of])
        self.bounds.append((low, high))
        self.offs.append(self.off(r))

    def learn(self, r, scopes, elements, sides, bounds):
        low, high = self.bounds[r]
        up = sides > 0
        np.maximum.at(low, (scopes[up], elements[up]), bounds[up])
        np.minimum.at(high, (scopes[~up], elements[~up]), bounds[~up])

    def close(self, r):
        low, high = self.bounds[r]
        mine = self.phases[self.phases[:, 1] == r]
        self.learn(r, mine[:, 0], mine[:, 2], mine[:, 3], np.zeros(len(mine)))
        self.is_empty |= np.any(low > high, axis=1)
        self.outputs.append((np.maximum(low, 0), np.maximum(high, 0)))

    def reach(self, source):
        return np.maximum(*np.abs((self.low, self.high) if source < 0 else self.outputs[source]))

    def off(self, r):
        """How far a ReLU's input can be from what is computed, by the rounding of one multiplication with its matrices."""
        step = self.network.steps[r]
        off = np.tile(np.abs(step.constant) * gamma(16) + step.error, (len(self.low), 1))
        for source, matrix in step.sources.items():
            off += matrix.apply(matrix.off, self.reach(source))
        return off * SURE

    def least(self, relu, rows, constant, scope, lines):
        """Lower bounds of rows . (input of `relu`) + constant, each in its scope and with its own lines."""
        if len(scope) and np.all(scope == scope[0]):
            scope = scope[:1]  # one for all rows
        network = self.network
        pending = {relu: rows}
        total, size = constant, np.abs(constant)  # of everything that was summed up
        error = np.full(len(rows), TINY)
        terms = len(self.low[0]) + 16
        for r in range(relu, -1, -1):
            # Also where nothing depends on a ReLU, a phase may say that it has no inputs.
            p = pending.pop(r) if r in pending else np.zeros((len(rows), network.width(r)))
            if r < relu:
                low, high = (b[scope] for b in self.bounds[r])
                p, offset = lines.through_relu(r, p, low, high)
                total, size = total + offset.sum(axis=1), size + np.abs(offset).sum(axis=1)
                reach = np.maximum(np.abs(low), np.abs(high))
                error = error + ((2 * gamma(16) * np.abs(p) + TINY) * reach).sum(axis=1)
            step = network.steps[r]
            terms += 2 * step.width
            total, size = total + p @ step.constant, size + np.abs(p) @ np.abs(step.constant)
            error = error + (np.abs(p) * self.offs[r][scope]).sum(axis=1)
            for source, matrix in step.sources.items():
                moved, reach = matrix.back(p), self.reach(source)[scope]
                if source in pending:
                    moved = pending[source] + moved
                    error = error + (2 * gamma(4) * np.abs(moved) * reach).sum(axis=1)
                error = error + TINY * reach.sum(axis=1)
                pending[source] = moved
        if -1 in pending:
            ends = np.minimum(pending[-1] * self.low[scope], pending[-1] * self.high[scope])
            total, size = total + ends.sum(axis=1), size + np.abs(ends).sum(axis=1)
        return total - SURE * (error + 2 * gamma(terms) * size + TINY)


class Lines:
    """What bounds ReLUs from both sides: slopes, and phases with multipliers, of some rows each."""

    def __init__(self, slopes, phases):
        """[row, relu, element] with slopes below and above; [row, relu, element, sign] with a multiplier each."""
        self.slopes, self.phases = slopes, phases

    @staticmethod
    def of(relu, numbers):
        of, values = numbers
        mine = of[:, 1] == relu
        return of[mine], values[mine]

    def through_relu(self, r, a, low, high):
        """Coefficients on a ReLU's input for those on its output, and what is added."""
        unstable = (low < 0) & (high > 0)
        with np.errstate(all="ignore"):
            chord = np.where(unstable, np.clip(high / (high - low), 0, 1), np.where(low >= 0, 1.0, 0.0))
        below = np.where(unstable, (high > -low) * 1.0, chord)
        below, above = (np.broadcast_to(v, a.shape).copy() for v in (below, chord))
        pull = np.zeros_like(a)
        # Those that are named have the proof's lines, stable or not: whatever better bounds are known here, what the
        # proof has computed is no better then.
        of, slopes = self.of(r, self.slopes)
        row, k = of[:, 0], of[:, 2]
        below[row, k], above[row, k] = slopes[:, 0], slopes[:, 1]
        # max(0, z) - s z is largest at one end, whatever s in [0, 1] is.
        ends = (np.maximum(end, 0) - above * end for end in (low, high))
        offset = np.maximum(np.maximum(*ends), 0) * (1 + 1e-14) + UNIT * 4 * np.maximum(np.abs(low), np.abs(high)) + TINY
        offset = np.where((above == chord) & ~unstable, 0, offset)
        of, multipliers = self.of(r, self.phases)
        row, k, sign = of[:, 0], of[:, 2], of[:, 3]
        below[row, k] = above[row, k] = (sign > 0) * 1.0
        offset[row, k] = 0
        np.add.at(pull, (row, k), sign * multipliers)
        # The slope that a rounded product stands for is another one: below, still a slope; above, the offset has to
        # do for it, and for its own rounding.
        down = np.minimum(a, 0)
        extra = 4 * UNIT * np.abs(down) * np.maximum(np.abs(low), np.abs(high))
        return np.maximum(a, 0) * below + down * above - pull, down * offset - extra
