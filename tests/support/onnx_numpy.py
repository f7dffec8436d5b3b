# SPDX-License-Identifier: Apache-2.0
"""ONNX networks evaluated in double precision with NumPy, straight from the file. Shares nothing with the C++ code: it
checks what that says. Slow and small on purpose; operators follow the ONNX specification, batch size 1."""

import gzip
import struct

import numpy as np


def read_bytes(path):
    """A file's bytes, unpacked; without the file, FILE.gz is read."""
    try:
        data = open(path, "rb").read()
    except FileNotFoundError:
        data = open(path + ".gz", "rb").read()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


# ---- protocol buffers: field number -> list of values; nested messages stay bytes


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(data):
    out, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[kind]
            value, at = data[at : at + size], at + size
        out.setdefault(key >> 3, []).append(value)
    return out


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def integers(values):
    """Of a repeated int64, packed or not."""
    out = []
    for value in values:
        if isinstance(value, int):
            out.append(signed(value))
            continue
        at = 0
        while at < len(value):
            one, at = varint(value, at)
            out.append(signed(one))
    return out


def reals(values, code, size):
    return [x for v in values for x in struct.unpack("<%d%s" % (len(v) // size, code), v)]


def tensor(data):
    f = fields(data)
    shape, dtype = integers(f.get(1, [])), f[2][0]
    raw = f.get(9, [b""])[0]
    if dtype == 1:
        values = np.frombuffer(raw, "<f4") if raw else np.array(reals(f.get(4, []), "f", 4), np.float32)
    elif dtype == 11:
        values = np.frombuffer(raw, "<f8") if raw else np.array(reals(f.get(10, []), "d", 8))
    elif dtype == 7:
        values = np.frombuffer(raw, "<i8") if raw else np.array(integers(f.get(7, [])), np.int64)
    else:
        raise ValueError("tensor of data type %d" % dtype)
    values = values.astype(np.int64 if dtype == 7 else np.float64)
    return values.reshape(shape)


def attribute(data):
    f = fields(data)
    kind = f.get(20, [0])[0]
    if kind == 1 or (kind == 0 and 2 in f):
        value = struct.unpack("<f", f[2][0])[0]
    elif kind == 2 or (kind == 0 and 3 in f):
        value = signed(f.get(3, [0])[0])
    elif kind == 3:
        value = f[4][0].decode()
    elif kind == 4 or (kind == 0 and 5 in f):
        value = tensor(f[5][0])
    elif kind == 6:
        value = reals(f.get(7, []), "f", 4)
    else:
        value = integers(f.get(8, []))
    return f[1][0].decode(), value


class Node:
    def __init__(self, data):
        f = fields(data)
        self.inputs = [name.decode() for name in f.get(1, [])]
        self.outputs = [name.decode() for name in f.get(2, [])]
        self.op = f[4][0].decode()
        self.attributes = dict(attribute(a) for a in f.get(5, []))


# ---- operators

EPSILON = float(np.float32(1e-5))  # of BatchNormalization, an attribute in single precision


def windows(x, kernel, strides, dilations):
    """[n, c, height, width] as [n, c, out height, out width, kernel height, kernel width]."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    return view[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def pads_of(a, x, kernel, strides, dilations):
    if a.get("auto_pad", "NOTSET") in ("NOTSET", "VALID"):
        return a.get("pads", [0, 0, 0, 0]) if a.get("auto_pad", "NOTSET") == "NOTSET" else [0, 0, 0, 0]
    begin, end = [], []
    for i in range(2):
        size = x.shape[2 + i]
        out = -(-size // strides[i])
        total = max(0, (out - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - size)
        small = total // 2
        begin.append(small if a["auto_pad"] == "SAME_UPPER" else total - small)
        end.append(total - begin[-1])
    return begin + end


def padded(x, pads, value=0.0):
    return np.pad(x, [(0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])], constant_values=value)


def conv(a, x, w, b=None):
    kernel = w.shape[2:]
    strides, dilations, groups = a.get("strides", [1, 1]), a.get("dilations", [1, 1]), a.get("group", 1)
    view = windows(padded(x, pads_of(a, x, kernel, strides, dilations)), kernel, strides, dilations)
    step = x.shape[1] // groups
    parts = [
        np.einsum("nchwij,ocij->nohw", view[:, g * step : (g + 1) * step], part)
        for g, part in enumerate(np.split(w, groups))
    ]
    y = np.concatenate(parts, axis=1)
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def average_pool(a, x):
    kernel = a["kernel_shape"]
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    if a.get("ceil_mode", 0):
        raise ValueError("AveragePool with ceil_mode")
    pads = pads_of(a, x, kernel, strides, dilations)
    total = windows(padded(x, pads), kernel, strides, dilations).sum(axis=(4, 5))
    if a.get("count_include_pad", 0):
        return total / (kernel[0] * kernel[1])
    return total / windows(padded(np.ones_like(x), pads), kernel, strides, dilations).sum(axis=(4, 5))


def gemm(a, x, w, c=None):
    x = x.T if a.get("transA", 0) else x
    w = w.T if a.get("transB", 0) else w
    y = a.get("alpha", 1.0) * (x @ w)
    return y if c is None else y + a.get("beta", 1.0) * c


def flatten(a, x):
    axis = a.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def reshape(a, x, shape=None):
    shape = [int(n) for n in (a["shape"] if shape is None else shape)]
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)])


def pad(a, x, pads=None, value=None):
    pads = [int(p) for p in (a["pads"] if pads is None else pads)]
    value = a.get("value", 0.0) if value is None else float(value)
    if a.get("mode", "constant") != "constant":
        raise ValueError("Pad mode " + a["mode"])
    return np.pad(x, list(zip(pads[: x.ndim], pads[x.ndim :])), constant_values=value)


def batch_norm(a, x, scale, shift, mean, variance):
    column = [1, -1] + [1] * (x.ndim - 2)
    unit = (x - mean.reshape(column)) / np.sqrt(variance.reshape(column) + a.get("epsilon", EPSILON))
    return unit * scale.reshape(column) + shift.reshape(column)


OPERATORS = {
    "Add": lambda a, x, y: x + y,
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Constant": lambda a: a["value"],
    "Conv": conv,
    "Div": lambda a, x, y: x / y,
    "Dropout": lambda a, x, *rest: x,
    "Flatten": flatten,
    "Gemm": gemm,
    "Identity": lambda a, x: x,
    "MatMul": lambda a, x, y: x @ y,
    "Mul": lambda a, x, y: x * y,
    "Pad": pad,
    "Relu": lambda a, x: np.maximum(x, 0),
    "Reshape": reshape,
    "Sub": lambda a, x, y: x - y,
    "Transpose": lambda a, x: np.transpose(x, a.get("perm")),
}


class Model:
    def __init__(self, path):
        graph = fields(fields(read_bytes(path))[7][0])
        self.nodes = [Node(n) for n in graph.get(1, [])]
        self.constants = {}
        for data in graph.get(5, []):
            self.constants[fields(data)[8][0].decode()] = tensor(data)
        given = [fields(v) for v in graph[11]]
        self.input = next(v for v in given if v[1][0].decode() not in self.constants)
        self.output = fields(graph[12][0])[1][0].decode()

    def input_shape(self):
        kind = fields(fields(self.input[2][0])[1][0])
        dims = [fields(d) for d in fields(kind[2][0]).get(1, [])]
        return [max(1, signed(d.get(1, [1])[0])) for d in dims]

    def __call__(self, flat):
        """The outputs, flat, for one flat input."""
        values = dict(self.constants)
        values[self.input[1][0].decode()] = np.array(flat, np.float64).reshape(self.input_shape())
        for node in self.nodes:
            arguments = [values[name] if name else None for name in node.inputs]
            values[node.outputs[0]] = OPERATORS[node.op](node.attributes, *arguments)
        return values[self.output].reshape(-1)
