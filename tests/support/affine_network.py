# SPDX-License-Identifier: Apache-2.0
"""An ONNX network of ReLUs and affine operators as matrices between its ReLUs, with bounds of their rounding errors, in
NumPy. Shares nothing with the C++ code."""

import numpy as np

from onnx_numpy import EPSILON, OPERATORS, Model, pads_of, padded, windows
from sparse_rows import SURE, UNIT, Matrix, Rows, gamma

# These move numbers or drop them, and so are exact.
MOVING = {"Flatten", "Identity", "Reshape", "Transpose", "Dropout", "Pad"}


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
        value.sources[number] = Rows.unit(int(np.prod(shape)))
        return value


class Step:
    """What a ReLU or the output gets, with finished matrices."""

    def __init__(self, value, dense):
        self.constant, self.error = value.constant, value.error
        self.sources = {number: Matrix(rows, *dense) for number, rows in value.sources.items()}
        self.width = len(value.constant)


class AffineNetwork:
    def __init__(self, path, *dense):
        """`dense`: of Matrix."""
        self.model, self.dense = Model(path), dense
        self.steps = []  # of every ReLU's input, then of the output
        values = {name: np.asarray(v) for name, v in self.model.constants.items()}
        shape = self.model.input_shape()
        values[self.model.input[1][0].decode()] = Affine.source(-1, shape)
        self.inputs = int(np.prod(shape))
        for node in self.model.nodes:
            values[node.outputs[0]] = self.step(node, [values[n] if n else None for n in node.inputs])
        if not isinstance(values[self.model.output], Affine):
            raise ValueError("an output that does not vary cannot be checked")
        self.steps.append(Step(values[self.model.output], dense))
        self.relus = len(self.steps) - 1
        self.outputs = self.width(self.relus)

    def width(self, r):
        return self.steps[r].width

    def interval(self, r, low, high, outputs):
        """Bounds of a ReLU's input, or of the output, rounded outward, for every row of low and high: inputs. `outputs`:
        such rows of every ReLU before."""
        step = self.steps[r]
        down = np.tile(step.constant - step.error, (len(low), 1))
        up = np.tile(step.constant + step.error, (len(low), 1))
        size, terms = np.tile(np.abs(step.constant) + step.error, (len(low), 1)), 8
        off = np.zeros_like(size)
        for source, matrix in step.sources.items():
            a, b = (low, high) if source < 0 else outputs[source]
            reach = np.maximum(np.abs(a), np.abs(b))
            down += matrix.apply(matrix.up, a) + matrix.apply(matrix.down, b)
            up += matrix.apply(matrix.up, b) + matrix.apply(matrix.down, a)
            size += matrix.apply(matrix.size, reach)
            off += matrix.apply(matrix.off, reach) * SURE
            terms += matrix.terms + 8
        slack = (off + 2 * gamma(terms) * size + 1e-290) * SURE
        # A constant is itself.
        slack[(off == 0) & (size == np.abs(step.constant)) & (step.error == 0)] = 0
        return down - slack, up + slack

    def step(self, node, arguments):
        changing = [i for i, a in enumerate(arguments) if isinstance(a, Affine)]
        if not changing:
            return np.asarray(OPERATORS[node.op](node.attributes, *arguments))
        if node.op == "Relu":
            self.steps.append(Step(arguments[0], self.dense))
            return Affine.source(len(self.steps) - 1, arguments[0].shape)
        if node.op in ("Add", "Sub"):
            return self.sum(arguments, -1 if node.op == "Sub" else 1)
        if len(changing) == 1 and node.op in ("Mul", "Div") and not (node.op == "Div" and changing[0] == 1):
            return self.scaled(node, arguments, changing[0])
        if node.op == "BatchNormalization" and changing == [0]:
            return self.normalised(node.attributes, *arguments)
        if node.op in MOVING and changing == [0]:
            return self.moved(node, arguments)
        if node.op in ("Gemm", "MatMul") and len(changing) == 1 and changing[0] < 2:
            return self.multiplied(node, arguments, changing[0])
        if node.op in ("Conv", "AveragePool") and changing == [0]:
            return self.windowed(node, arguments)
        raise ValueError("operator %s of inputs that vary cannot be checked" % node.op)

    def sum(self, arguments, sign):
        shape = np.broadcast_shapes(*(np.shape(a) if not isinstance(a, Affine) else a.shape for a in arguments))
        first, second = (self.spread(a, shape) for a in arguments)
        out = Affine(shape, first.constant + sign * second.constant, first.error + second.error)
        if np.any(first.constant) and np.any(second.constant):
            out.error = out.error + UNIT * np.abs(out.constant)
        out.error = out.error * SURE
        out.sources = dict(first.sources)
        for number, rows in second.sources.items():
            if number in out.sources:
                out.sources[number] = out.sources[number].plus(rows, sign)
            else:
                out.sources[number] = rows.scaled(np.full(len(rows.index), float(sign)), 0)
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
        out.sources = {n: rows.take(index) for n, rows in value.sources.items()}
        return out

    def scaled(self, node, arguments, place):
        shape = np.broadcast_shapes(*(np.shape(a) if not isinstance(a, Affine) else a.shape for a in arguments))
        value = self.spread(arguments[place], shape)
        by = np.broadcast_to(arguments[1 - place], shape).reshape(-1).astype(np.float64)
        return self.by_factor(value, 1 / by if node.op == "Div" else by, 2)

    @staticmethod
    def by_factor(value, by, operations):
        """Times a factor an element, which is itself off by that many roundings."""
        off = gamma(operations + 2)
        constant = value.constant * by
        out = Affine(value.shape, constant, (np.abs(by) * value.error + off * np.abs(constant)) * SURE)
        out.sources = {number: rows.scaled(by, off) for number, rows in value.sources.items()}
        return out

    def normalised(self, attributes, x, scale, shift, mean, variance):
        column = [1, -1] + [1] * (len(x.shape) - 2)
        spread = [np.broadcast_to(v.reshape(column), x.shape).reshape(-1) for v in (scale, shift, mean, variance)]
        scale, shift, mean, variance = spread
        by = scale / np.sqrt(variance + attributes.get("epsilon", EPSILON))
        out = self.by_factor(x, by, 8)
        move = -mean * by
        out.error = (out.error + gamma(16) * (np.abs(move) + np.abs(shift) + np.abs(out.constant))) * SURE
        out.constant = out.constant + move + shift
        return out

    def moved(self, node, arguments):
        value = arguments[0]
        filled = node.op == "Pad" and (node.attributes.get("value", 0) or (len(arguments) > 2 and np.any(arguments[2])))
        if filled:
            raise ValueError("Pad with a number other than 0 cannot be checked")
        # 0 is what a Pad brings in; what is behind an index is one more.
        numbers = np.arange(1.0, len(value.constant) + 1).reshape(value.shape)
        index = np.asarray(OPERATORS[node.op](node.attributes, numbers, *arguments[1:]))
        rows = index.reshape(-1).astype(np.int64) - 1
        out = Affine(index.shape, value.constant[rows] * (rows >= 0), value.error[rows] * (rows >= 0))
        out.sources = {n: r.take(rows) for n, r in value.sources.items()}
        return out

    def multiplied(self, node, arguments, place):
        """A matrix product with a constant, and for Gemm a constant more."""
        value, factor = arguments[place], np.asarray(arguments[1 - place], np.float64)
        a = node.attributes if node.op == "Gemm" else {}
        numbers = np.arange(len(value.constant)).reshape(value.shape)
        if factor.ndim != 2 or numbers.ndim < 1 or (place == 1 and numbers.ndim > 2):
            raise ValueError("%s of these shapes cannot be checked" % node.op)
        if place == 0:
            numbers = numbers.T if a.get("transA", 0) else numbers
            factor = factor.T if a.get("transB", 0) else factor
            shape = numbers.shape[:-1] + factor.shape[1:]
            numbers = numbers.reshape(-1, 1, numbers.shape[-1])
            full = (numbers.shape[0], factor.shape[1], factor.shape[0])
            index, by = np.broadcast_to(numbers, full), np.broadcast_to(factor.T[None], full)
        else:
            numbers = numbers.T if a.get("transB", 0) else numbers
            factor = factor.T if a.get("transA", 0) else factor
            shape = (factor.shape[0],) + numbers.shape[1:]
            numbers = numbers.reshape(len(numbers), -1)
            full = (factor.shape[0], numbers.shape[1], factor.shape[1])
            index, by = np.broadcast_to(numbers.T[None], full), np.broadcast_to(factor[:, None, :], full)
        alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
        out = self.through(value, shape, index, by * alpha, 0 if alpha == 1 else gamma(2))
        if len(arguments) < 3 or arguments[2] is None:
            return out
        return self.moved_by(out, beta * np.asarray(arguments[2], np.float64), beta == 1)

    def windowed(self, node, arguments):
        """A sum over windows: a convolution, or an average."""
        value, a = arguments[0], node.attributes
        numbers = np.arange(1.0, len(value.constant) + 1).reshape(value.shape)
        if numbers.ndim != 4 or numbers.shape[0] != 1 or a.get("ceil_mode", 0):
            raise ValueError("%s of these shapes cannot be checked" % node.op)
        kernel = a["kernel_shape"] if node.op == "AveragePool" else arguments[1].shape[2:]
        strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
        pads = pads_of(a, numbers, kernel, strides, dilations)
        view = windows(padded(numbers, pads), kernel, strides, dilations)[0].astype(np.int64)  # [c, height, width, kernel]
        channels, places = view.shape[0], view.shape[1:3]
        if node.op == "AveragePool":
            index = view.reshape(channels * places[0] * places[1], -1)
            counts = np.full(len(index), index.shape[1]) if a.get("count_include_pad", 0) else (index > 0).sum(axis=1)
            by, off = np.broadcast_to(1.0 / counts[:, None], index.shape), gamma(2)
        else:
            weights, off = np.asarray(arguments[1], np.float64), 0
            step, index, by = channels // a.get("group", 1), [], []
            for g, part in enumerate(np.split(weights, a.get("group", 1))):
                seen = view[g * step : (g + 1) * step].transpose(1, 2, 0, 3, 4).reshape(places[0] * places[1], -1)
                full = (len(part),) + seen.shape
                index.append(np.broadcast_to(seen, full))
                by.append(np.broadcast_to(part.reshape(len(part), 1, -1), full))
            index, by = np.concatenate(index), np.concatenate(by)
            channels = len(weights)
        out = self.through(value, (1, channels) + places, np.maximum(index - 1, 0), by * (index > 0), off)
        if len(arguments) < 3 or arguments[2] is None:
            return out
        return self.moved_by(out, np.asarray(arguments[2], np.float64).reshape(1, -1, 1, 1), True)

    @staticmethod
    def through(value, shape, index, by, off):
        """A matrix times the value: for every element of the result its columns and factors, off by that share."""
        out = Affine(shape)
        index, by = index.reshape(len(out.constant), -1), by.reshape(len(out.constant), -1)
        if np.any(value.constant) or np.any(value.error):
            out.constant = (by * value.constant[index]).sum(axis=1)
            size = (np.abs(by) * np.abs(value.constant[index])).sum(axis=1)
            carried = (np.abs(by) * value.error[index]).sum(axis=1)
            out.error = (carried + (off + gamma(by.shape[1] + 8)) * size) * SURE
        out.sources = {number: rows.through(index, by, off) for number, rows in value.sources.items()}
        return out

    @staticmethod
    def moved_by(value, constant, is_exact):
        added = np.broadcast_to(constant, value.shape).reshape(-1)
        total = value.constant + added
        rounding = UNIT * np.abs(total) * np.any(value.constant) + (0 if is_exact else UNIT * np.abs(added))
        value.error = (value.error + rounding) * SURE
        value.constant = total
        return value
