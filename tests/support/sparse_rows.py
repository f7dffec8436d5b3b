# SPDX-License-Identifier: Apache-2.0
"""Matrices of a network's affine parts with bounds of their rounding errors, in NumPy: rows of few entries, as
convolutions have, and what a check of bounds needs of the finished ones. Shares nothing with the C++ code."""

import numpy as np

UNIT = 2.0**-53
SURE = 1 + 1e-9  # more than the rounding of a sum of sizes
# A matrix of so many numbers is kept as one; of more, only when its rows are full anyway.
DENSE = 1 << 21
# Entries that are worked on at once.
CHUNK = 1 << 21


def gamma(n):
    """Bounds the relative error of a sum of n products, in any order (Higham, section 3.1)."""
    return n * UNIT / (1 - n * UNIT)


class Rows:
    """For each row as many entries: column, value and how far the value can be off. An entry of value 0 and error 0 is
    none; a column may come several times, then its entries add up."""

    def __init__(self, index, value, error, width):
        self.index, self.value, self.error, self.width = index, value, error, width

    @staticmethod
    def unit(size):
        return Rows(np.arange(size)[:, None], np.ones((size, 1)), np.zeros((size, 1)), size)

    def take(self, rows):
        """The rows that are named; -1: a row of zeros."""
        there = (rows >= 0)[:, None]
        return Rows(self.index[rows], self.value[rows] * there, self.error[rows] * there, self.width)

    def scaled(self, by, off):
        """Every row times its factor, which is itself off by that share."""
        value = self.value * by[:, None]
        error = np.abs(by)[:, None] * self.error * SURE + off * np.abs(value)
        return Rows(self.index, value, error, self.width)

    def plus(self, other, sign):
        index, value, error = (
            np.concatenate(pair, axis=1)
            for pair in ((self.index, other.index), (self.value, sign * other.value), (self.error, other.error))
        )
        return Rows(*compact(index, value, error, self.width), self.width)

    def through(self, index, value, off):
        """The product M * self, where M has such entries, each off by that share."""
        is_exact = off == 0 and not np.any(self.error) and np.all((self.value == 0) | (np.abs(self.value) == 1))
        step = max(1, CHUNK // max(1, value.shape[1] * self.index.shape[1]))
        parts = []
        for a in range(0, len(index), step):
            i, v = index[a : a + step], value[a : a + step, :, None]
            product = v * self.value[i]
            error = np.abs(v) * self.error[i] * SURE + (0 if is_exact else (off + gamma(4)) * np.abs(product))
            shape = (len(i), -1)
            parts.append(
                compact(self.index[i].reshape(shape), product.reshape(shape), error.reshape(shape), self.width)
            )
        return Rows(*(np.concatenate(p) for p in zip(*parts)), self.width)


def compact(index, value, error, width):
    """The same entries, or full rows where those are shorter."""
    return (index, value, error) if index.shape[1] <= width else filled(index, value, error, width)


def filled(index, value, error, width):
    rows = len(index)
    place = (np.arange(rows)[:, None] * width + index).reshape(-1)

    def added(numbers):
        return np.bincount(place, numbers.reshape(-1), rows * width).reshape(rows, width)

    terms = added((value != 0) * 1.0)
    total = added(value)
    off = added(error) * SURE + np.where(terms > 1, gamma(1) * (terms + 4), 0) * added(np.abs(value)) * SURE
    return np.broadcast_to(np.arange(width), (rows, width)), total, off


class Matrix:
    """A finished matrix: what bounds multiply with it and its error. `terms`: of the longest sum of a product here."""

    def __init__(self, rows, dense=DENSE):
        self.shape = (len(rows.index), rows.width)
        size = self.shape[0] * self.shape[1]
        self.is_dense = size <= dense or 2 * rows.index.size >= size
        if self.is_dense:
            _, value, error = filled(rows.index, rows.value, rows.error, rows.width)
            self.value, self.terms = value, max(self.shape) + 8
            self.off = gamma(2 * self.terms) * np.abs(value) + error
        else:
            self.index, self.value = rows.index, rows.value
            self.turned, self.turned_value = turned(rows)
            self.terms = max(rows.index.shape[1], self.turned.shape[1]) + 8
            self.off = gamma(2 * self.terms) * np.abs(rows.value) + rows.error
        self.size = np.abs(self.value)
        self.up, self.down = np.maximum(self.value, 0), np.minimum(self.value, 0)

    def apply(self, numbers, x):
        """`numbers`, one of the matrices, times every row of x."""
        if self.is_dense:
            return x @ numbers.T
        return np.stack([np.einsum("ok,ok->o", numbers, one[self.index]) for one in x])

    def back(self, p):
        """Every row of p times the matrix."""
        if self.is_dense:
            return p @ self.value
        of = np.ascontiguousarray(p.T)
        out = np.zeros((self.shape[1], len(p)))
        for t in range(self.turned.shape[1]):
            out += self.turned_value[:, t, None] * of[self.turned[:, t]]
        return out.T


def turned(rows):
    """For each column as many entries: row and value."""
    r, k = np.nonzero(rows.value)
    column, value = rows.index[r, k], rows.value[r, k]
    order = np.argsort(column, kind="stable")
    column, r, value = column[order], r[order], value[order]
    counts = np.bincount(column, minlength=rows.width)
    most = max(1, counts.max(initial=0))
    slot = np.arange(len(column)) - np.repeat(np.cumsum(counts) - counts, counts)
    index, values = np.zeros((rows.width, most), np.int64), np.zeros((rows.width, most))
    index[column, slot], values[column, slot] = r, value
    return index, values
