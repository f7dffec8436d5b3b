# SPDX-License-Identifier: Apache-2.0
"""A VNN-LIB property in disjunctive form, straight from the file: computed in fractions, so that every number is the
double nearest to what the file says. Shares nothing with the C++ code."""

import itertools
from fractions import Fraction

import numpy as np

from onnx_numpy import read_bytes
from replay_witness import expressions


def linear(e):
    """A term as {variable: factor}, with its constant under ''."""
    if isinstance(e, str):
        return {e: Fraction(1)} if e[:2] in ("X_", "Y_") else {"": Fraction(e)}
    parts = [linear(p) for p in e[1:]]
    if e[0] == "-" and len(parts) == 1:
        return {v: -f for v, f in parts[0].items()}
    if e[0] in ("+", "-"):
        out = dict(parts[0])
        for part in parts[1:]:
            for v, f in part.items():
                out[v] = out.get(v, 0) + (f if e[0] == "+" else -f)
        return out
    if e[0] == "*" and len(parts) == 2 and any(set(p) <= {""} for p in parts):
        scalar, rest = parts if set(parts[0]) <= {""} else reversed(parts)
        return {v: f * scalar.get("", 0) for v, f in rest.items()}
    if e[0] == "/" and len(parts) == 2 and set(parts[1]) <= {""}:
        return {v: f / parts[1].get("", 0) for v, f in parts[0].items()}
    raise ValueError("term " + str(e[0]))


def disjuncts(e, bound):
    """Lists of bounds, of which one list has to hold."""
    if e[0] == "and":
        parts = itertools.product(*(disjuncts(p, bound) for p in e[1:]))
        return [list(itertools.chain.from_iterable(p)) for p in parts]
    if e[0] == "or":
        return [d for p in e[1:] for d in disjuncts(p, bound)]
    if e[0] not in ("<=", ">=", "="):
        raise ValueError("relation " + str(e[0]))
    pairs = list(zip(e[1:], e[2:]))  # of neighbours, where there are more than two
    up = [pair for pair in pairs if e[0] != ">="] + [pair[::-1] for pair in pairs if e[0] != "<="]
    return [[bound(linear(["-", left, right])) for left, right in up]]


def place(name, size):
    """Of the variable X_k or Y_k among so many."""
    if not name[2:].isdigit() or int(name[2:]) >= size:
        raise ValueError("there is no variable " + name)
    return int(name[2:])


def cases_of(path, inputs, outputs):
    """[(low, high, [(factors, limit)])]: some case has an input with low <= X <= high and factors . Y <= limit for all."""

    def bound(atom):
        """{variable: factor} <= 0 as (input, sign, limit), or as (None, factors, limit) of outputs."""
        limit = -atom.get("", Fraction(0))
        terms = {v: f for v, f in atom.items() if v and f != 0}
        if all(v.startswith("Y_") for v in terms):
            factors = np.zeros(outputs)
            for v, f in terms.items():
                factors[place(v, outputs)] = float(f)
            return None, factors, float(limit)
        if len(terms) != 1:
            raise ValueError("a constraint on several inputs cannot be checked")
        ((name, factor),) = terms.items()
        return place(name, inputs), factor > 0, float(limit / factor)

    asserted = [c[1] for c in expressions(read_bytes(path).decode()) if c[0] == "assert"]
    return [case_of(bounds, inputs) for bounds in disjuncts(["and"] + asserted, bound)]


def case_of(bounds, inputs):
    low, high, constraints = np.full(inputs, -np.inf), np.full(inputs, np.inf), []
    for k, what, limit in bounds:
        if k is None:
            constraints.append((what, limit))
        elif what:
            high[k] = min(high[k], limit)
        else:
            low[k] = max(low[k], limit)
    return low, high, constraints
