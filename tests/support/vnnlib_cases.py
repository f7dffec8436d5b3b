# SPDX-License-Identifier: Apache-2.0
"""A VNN-LIB property in disjunctive form, straight from the file. Shares nothing with the C++ code."""

import itertools

import numpy as np

from onnx_numpy import read_bytes
from replay_witness import expressions


def linear(e):
    """A term as {variable: factor}, with its constant under ''."""
    if isinstance(e, str):
        return {e: 1.0} if e[:2] in ("X_", "Y_") else {"": float(e)}
    parts = [linear(p) for p in e[1:]]
    if e[0] == "-" and len(parts) == 1:
        return {v: -f for v, f in parts[0].items()}
    if e[0] in ("+", "-"):
        out = dict(parts[0])
        for part in parts[1:]:
            for v, f in part.items():
                out[v] = out.get(v, 0.0) + (f if e[0] == "+" else -f)
        return out
    if e[0] == "*" and len(parts) == 2 and any(set(p) <= {""} for p in parts):
        scalar, rest = parts if set(parts[0]) <= {""} else reversed(parts)
        return {v: f * scalar.get("", 0.0) for v, f in rest.items()}
    raise ValueError("term " + str(e[0]))


def disjuncts(e):
    """Lists of atoms {variable: factor} <= 0, of which one list has to hold."""
    if e[0] == "and":
        return [sum(parts, []) for parts in itertools.product(*(disjuncts(p) for p in e[1:]))]
    if e[0] == "or":
        return [d for p in e[1:] for d in disjuncts(p)]
    if e[0] not in ("<=", ">="):
        raise ValueError("relation " + str(e[0]))
    left, right = (e[1], e[2]) if e[0] == "<=" else (e[2], e[1])
    return [[linear(["-", left, right])]]


def cases_of(path, inputs, outputs):
    """[(low, high, [(factors, limit)])]: some case has an input with low <= X <= high and factors . Y <= limit for all."""
    asserted = [c[1] for c in expressions(read_bytes(path).decode()) if c[0] == "assert"]
    return [case_of(atoms, inputs, outputs) for atoms in disjuncts(["and"] + asserted)]


def case_of(atoms, inputs, outputs):
    low, high, constraints = np.full(inputs, -np.inf), np.full(inputs, np.inf), []
    for atom in atoms:
        limit = -atom.get("", 0.0) + 0.0
        terms = {v: f for v, f in atom.items() if v and f != 0}
        if all(v.startswith("Y_") for v in terms):
            factors = np.zeros(outputs)
            for v, f in terms.items():
                factors[int(v[2:])] += f
            constraints.append((factors, limit))
            continue
        if len(terms) != 1:
            raise ValueError("a constraint on several inputs cannot be checked")
        ((name, factor),) = terms.items()
        k = int(name[2:])
        bound = limit / factor + 0.0
        if factor > 0:
            high[k] = min(high[k], bound)
        else:
            low[k] = max(low[k], bound)
    return low, high, constraints
