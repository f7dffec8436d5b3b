# SPDX-License-Identifier: Apache-2.0
"""Writes small ONNX networks, for tests."""

import struct

import numpy as np


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, values):
    values = np.asarray(values)
    kind, values = (7, values.astype("<i8")) if values.dtype.kind == "i" else (1, values.astype("<f4"))
    dims = b"".join(number(1, n) for n in values.shape)
    return dims + number(2, kind) + message(8, name) + message(9, values.tobytes())


def attribute(name, value):
    if isinstance(value, float):
        return message(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, int):
        return message(1, name) + number(3, value) + number(20, 2)
    return message(1, name) + b"".join(number(8, v) for v in value) + number(20, 7)


def value_info(name, shape):
    dims = b"".join(message(1, number(1, n)) for n in shape)
    return message(1, name) + message(2, message(1, number(1, 1) + message(2, dims)))


class OnnxWriter:
    """A chain of nodes; each call names its own inputs, or takes what the last one made."""

    def __init__(self, shape):
        self.shape, self.nodes, self.constants, self.last = shape, [], [], "x"

    def add(self, op, *arguments, inputs=None, **attributes):
        """Arrays among the arguments are constants. Returns the name of what it makes."""
        names = list(inputs or [self.last])
        for value in arguments:
            names.append("c%d" % len(self.constants))
            self.constants.append(tensor(names[-1], value))
        self.last = "v%d" % len(self.nodes)
        data = b"".join(message(1, n) for n in names) + message(2, self.last) + message(3, self.last) + message(4, op)
        self.nodes.append(data + b"".join(message(5, attribute(n, v)) for n, v in attributes.items()))
        return self.last

    def write(self, path, outputs):
        graph = b"".join(message(1, n) for n in self.nodes) + message(2, "net")
        graph += b"".join(message(5, c) for c in self.constants) + message(11, value_info("x", self.shape))
        graph += message(12, value_info(self.last, [1, outputs]))
        with open(path, "wb") as file:
            file.write(number(1, 8) + message(7, graph) + message(8, message(1, "") + number(2, 13)))
