# SPDX-License-Identifier: Apache-2.0
"""An ONNX network of ReLUs and affine operators as matrices between its ReLUs, with bounds of their rounding errors, in
NumPy. Shares nothing with the C++ code. For networks whose matrices fit into memory."""

import numpy as np

from onnx_numpy import OPERATORS, Model

UNIT = 2.0**-53
# These move numbers or drop them, and so are exact.
MOVING = {"Flatten", "Identity", "Reshape", "Transpose", "Dropout", "Pad"}
# A sum of products with constants, and the same with the constants' sizes.
SUMMING = {"Gemm", "MatMul", "Conv", "AveragePool"}


def gamma(n):
    return n * UNIT / (1 - n * UNIT)


class Affine:
    """A value of the network: for each source (-1: the input, r: the output of ReLU r) a matrix, [elements, source's
    elements]; a constant; and how far each number can be off."""

    def __init__(self, shape, constant=None, error=None):
        self.shape = tuple(shape)
        size = int(np.prod(shape))
        self.constant = np.zeros(size) if constant is None else constant
        self.error = np.zeros(size) if error is None else error
        self.sources = {}

    @staticmethod
    def source(number, shape):
        value = Affine(shape)
        size = int(np.prod(shape))
        value.sources[number] = (np.eye(size), np.zeros((size, size)))
        return value


def through(op, attributes, columns, shape, arguments, place):
    """Every column of a matrix through an operator that is linear in argument `place`."""
    out = []
    for j in range(columns.shape[1]):
        given = list(arguments)
        given[place] = columns[:, j].reshape(shape)
        out.append(np.asarray(OPERATORS[op](attributes, *given)))
    return np.stack([y.reshape(-1) for y in out], axis=1) if out else np.zeros((0, 0)), out


class AffineNetwork:
    def __init__(self, path):
        self.model = Model(path)
        self.steps = []  # of every ReLU's input, then of the output: Affine
        values = {name: np.asarray(v) for name, v in self.model.constants.items()}
        shape = self.model.input_shape()
        values[self.model.input[1][0].decode()] = Affine.source(-1, shape)
        self.inputs = int(np.prod(shape))
        for node in self.model.nodes:
            values[node.outputs[0]] = self.step(node, [values[n] if n else None for n in node.inputs])
        self.steps.append(values[self.model.output])
        self.relus = len(self.steps) - 1
        self.outputs = self.width(self.relus)

    def width(self, r):
        return len(self.steps[r].constant)

    def sources(self, r):
        step = self.steps[r]
        return step.sources, step.constant, step.error

    def interval(self, r, low, high, outputs):
        """Bounds of a ReLU's input, or of the output, rounded outward."""
        step = self.steps[r]
        down, up = step.constant - step.error, step.constant + step.error
        size, count = np.abs(step.constant) + step.error, 4
        for source, (weight, error) in step.sources.items():
            a, b = (low, high) if source < 0 else outputs[source]
            reach = np.maximum(np.abs(a), np.abs(b))
            positive, negative = np.maximum(weight, 0), np.minimum(weight, 0)
            down, up = down + positive @ a + negative @ b, up + positive @ b + negative @ a
            size = size + np.abs(weight) @ reach
            off = error @ reach * (1 + 1e-9)
            down, up = down - off, up + off
            count += weight.shape[1] + 4
        slack = 2 * gamma(count) * size + 1e-290
        # A constant is itself.
        alone = np.array([all(not np.any(w[k]) and not np.any(e[k]) for w, e in step.sources.values())
                          for k in range(len(down))]) if len(down) else np.zeros(0, bool)
        slack[alone & (step.error == 0)] = 0
        return down - slack, up + slack

    def step(self, node, arguments):
        changing = [i for i, a in enumerate(arguments) if isinstance(a, Affine)]
        if not changing:
            return np.asarray(OPERATORS[node.op](node.attributes, *arguments))
        if node.op == "Relu":
            self.steps.append(arguments[0])
            return Affine.source(len(self.steps) - 1, arguments[0].shape)
        if node.op in ("Add", "Sub"):
            return self.sum(arguments, -1 if node.op == "Sub" else 1)
        if len(changing) == 1 and node.op in ("Mul", "Div") and not (node.op == "Div" and changing[0] == 1):
            return self.scaled(node, arguments, changing[0])
        if node.op == "BatchNormalization" and changing == [0]:
            return self.normalised(node.attributes, *arguments)
        if node.op in MOVING and changing == [0]:
            return self.moved(node, arguments)
        if node.op in SUMMING and len(changing) == 1 and changing[0] < 2:
            return self.summed(node, arguments, changing[0])
        raise ValueError("operator %s of inputs that vary cannot be checked" % node.op)

    def sum(self, arguments, sign):
        shape = np.broadcast_shapes(*(a.shape for a in arguments))
        first, second = (self.spread(a, shape) for a in arguments)
        out = Affine(shape, first.constant + sign * second.constant, first.error + second.error)
        out.error = out.error + UNIT * np.abs(out.constant) * (1 if np.any(first.constant) and np.any(second.constant) else 0)
        out.sources = dict(first.sources)
        for number, (weight, error) in second.sources.items():
            if number not in out.sources:
                out.sources[number] = (sign * weight, error)
                continue
            total = out.sources[number][0] + sign * weight
            out.sources[number] = (total, out.sources[number][1] + error + UNIT * np.abs(total))
        return out

    @staticmethod
    def spread(value, shape):
        """As an Affine of that shape."""
        if not isinstance(value, Affine):
            return Affine(shape, np.broadcast_to(value, shape).reshape(-1).astype(np.float64))
        if value.shape == tuple(shape):
            return value
        index = np.broadcast_to(np.arange(len(value.constant)).reshape(value.shape), shape).reshape(-1)
        out = Affine(shape, value.constant[index], value.error[index])
        out.sources = {n: (w[index], e[index]) for n, (w, e) in value.sources.items()}
        return out

    def scaled(self, node, arguments, place):
        shape = np.broadcast_shapes(*(np.shape(a) if not isinstance(a, Affine) else a.shape for a in arguments))
        value = self.spread(arguments[place], shape)
        by = np.broadcast_to(arguments[1 - place], shape).reshape(-1).astype(np.float64)
        by = 1 / by if node.op == "Div" else by
        return self.by_factor(value, by, 2)

    @staticmethod
    def by_factor(value, by, operations):
        """Times a factor an element, which is itself off by that many roundings."""
        off = gamma(operations + 2)
        out = Affine(value.shape, value.constant * by, np.abs(by) * value.error * (1 + 1e-9) + off * np.abs(value.constant * by))
        for number, (w, e) in value.sources.items():
            moved = w * by[:, None]
            out.sources[number] = (moved, np.abs(by)[:, None] * e * (1 + 1e-9) + off * np.abs(moved))
        return out

    def normalised(self, attributes, x, scale, shift, mean, variance):
        column = [1, -1] + [1] * (len(x.shape) - 2)
        spread = [np.broadcast_to(v.reshape(column), x.shape).reshape(-1) for v in (scale, shift, mean, variance)]
        scale, shift, mean, variance = spread
        by = scale / np.sqrt(variance + attributes.get("epsilon", 1e-5))
        out = self.by_factor(x, by, 8)
        move = -mean * by
        out.error = out.error + gamma(16) * (np.abs(move) + np.abs(shift) + np.abs(out.constant))
        out.constant = out.constant + move + shift
        return out

    def moved(self, node, arguments):
        value = arguments[0]

        def move(v, shape=value.shape):
            return np.asarray(OPERATORS[node.op](node.attributes, v.reshape(shape), *arguments[1:]))

        filled = node.op == "Pad" and (node.attributes.get("value", 0) or (len(arguments) > 2 and np.any(arguments[2])))
        if filled:
            raise ValueError("Pad with a number other than 0 cannot be checked")
        # 0 is what a Pad brings in; what is behind an index is one more.
        index = move(np.arange(1.0, len(value.constant) + 1))
        flat = index.reshape(-1).astype(np.int64)
        grown = lambda a: np.concatenate([np.zeros((1,) + a.shape[1:]), a])[flat]  # noqa: E731
        out = Affine(index.shape, grown(value.constant), grown(value.error))
        out.sources = {n: (grown(w), grown(e)) for n, (w, e) in value.sources.items()}
        return out

    def summed(self, node, arguments, place):
        """A product with constants, and for Gemm and Conv a constant more."""
        value = arguments[place]
        constant = arguments[2] if len(arguments) > 2 else None
        if constant is not None and node.op == "Gemm":
            constant = node.attributes.get("beta", 1.0) * constant
        plain = [arguments[0], arguments[1]] if node.op != "AveragePool" else [arguments[0]]
        sizes = [np.abs(a) if not isinstance(a, Affine) else a for a in plain]
        attributes = dict(node.attributes)
        absolute = {**attributes, "alpha": abs(attributes.get("alpha", 1.0))} if node.op == "Gemm" else attributes

        def send(columns):
            return through(node.op, attributes, columns, value.shape, plain, place)

        def send_sizes(columns):
            return through(node.op, absolute, columns, value.shape, sizes, place)[0]

        moved, made = send(value.constant.reshape(-1, 1))
        # Terms of a sum: the elements of the constant, or of a window.
        terms = 8 + (int(np.prod(np.shape(plain[1 - place]))) if len(plain) > 1 else int(np.prod(attributes["kernel_shape"])))
        out = Affine(made[0].shape, moved[:, 0])
        off = send_sizes(np.stack([value.error, np.abs(value.constant)], axis=1))
        out.error = off[:, 0] * (1 + 1e-9) + gamma(terms) * off[:, 1]
        for number, (w, e) in value.sources.items():
            is_unit = np.count_nonzero(w) == np.count_nonzero(w == 1) == w.shape[1] and not np.any(e)
            exact = is_unit and attributes.get("alpha", 1.0) == 1 and node.op != "AveragePool"
            sent = send(w)[0]
            error = np.zeros_like(sent) if exact else send_sizes(e) * (1 + 1e-9) + gamma(terms) * send_sizes(np.abs(w))
            out.sources[number] = (sent, error)
        if constant is None:
            return out
        if node.op == "Conv":
            constant = np.asarray(constant).reshape(1, -1, 1, 1)
        added = np.broadcast_to(constant, out.shape).reshape(-1).astype(np.float64)
        total = out.constant + added
        out.error = out.error + (UNIT * np.abs(total) if np.any(out.constant) else 0)
        if node.op == "Gemm" and node.attributes.get("beta", 1.0) != 1:
            out.error = out.error + UNIT * np.abs(added)
        out.constant = total
        return out
