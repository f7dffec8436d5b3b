#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: replay_witness.py MODEL.onnx PROPERTY.vnnlib WITNESS

Says whether a witness, in VNN-COMP's form, is one: the inputs in the property, the network's outputs evaluated in double
precision beside those of the witness. Exit code 0 when the property is met. Independent of the C++ code: it evaluates the
assertions as they stand."""

import math
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from onnx_numpy import Model, read_bytes  # noqa: E402

# Sums of some thousand products in double differ by this much from one order to another, per size of the numbers.
ROUNDING = 1e-11


def expressions(text):
    stack = [[]]
    for token in re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text)):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    return stack[0]


def value(e, point):
    if isinstance(e, str):
        return point[e] if e in point else float(e)
    parts = [value(p, point) for p in e[1:]]
    if e[0] == "+":
        return math.fsum(parts)
    if e[0] == "*":
        return math.prod(parts)
    if e[0] == "/":
        return parts[0] / parts[1]
    if e[0] == "-":
        return -parts[0] if len(parts) == 1 else parts[0] - math.fsum(parts[1:])
    raise ValueError("term " + e[0])


def names(e):
    return {e} if isinstance(e, str) else set().union(*[names(p) for p in e[1:]], set())


def excess(e, point):
    """How far a formula is from being met; 0 or less when it is. Bounds of inputs count exactly, outputs up to rounding."""
    if e[0] == "and":
        return max(excess(p, point) for p in e[1:])
    if e[0] == "or":
        return min(excess(p, point) for p in e[1:])
    left, right = (value(p, point) for p in e[1:])
    by = left - right if e[0] == "<=" else right - left if e[0] == ">=" else math.nan
    if by > 0 and any(n.startswith("Y_") for n in names(e)):
        size = max(abs(v) for n, v in point.items() if n.startswith("Y_"))
        by = max(0.0, by - ROUNDING * max(1.0, size))
    return math.inf if math.isnan(by) else by


def replay(model, property_file, witness):
    """Nothing when the witness is one, else the reason."""
    given = {name: float(number) for name, number in re.findall(r"\(\s*([XY]_\d+)\s+(\S+?)\s*\)", witness)}
    inputs = [given["X_%d" % i] for i in range(sum(n.startswith("X_") for n in given))]
    outputs = model(inputs)
    point = {"X_%d" % i: v for i, v in enumerate(inputs)}
    point.update({"Y_%d" % i: float(v) for i, v in enumerate(outputs)})
    for name, v in point.items():
        if name not in given or not abs(given[name] - v) <= 1e-6 * max(1.0, abs(v)):
            return "%s is %r here, %r in the witness" % (name, v, given.get(name))
    commands = expressions(read_bytes(property_file).decode())
    far = max(excess(c[1], point) for c in commands if c[0] == "assert")
    return None if far <= 0 else "the property is missed by %g" % far


def main(arguments):
    if len(arguments) != 3:
        sys.exit(__doc__)
    reason = replay(Model(arguments[0]), arguments[1], open(arguments[2]).read())
    print("the witness holds" if reason is None else "no witness: " + reason)
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
