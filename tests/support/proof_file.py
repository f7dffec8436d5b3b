# SPDX-License-Identifier: Apache-2.0
"""The arrays of a file of kind Proof, all looked through: what is read here has the sizes and the ranges that
schemas/artifacts.md tells. Shares nothing with the C++ code."""

import h5py
import numpy as np


class NotShown(Exception):
    """A proof, or what should be one, that does not show what it has to."""


def require(is_so, *text):
    if not is_so:
        raise NotShown(text[0] % text[1:] if len(text) > 1 else text[0])


INTEGERS = """scopes/box scopes/parent scopes/case scopes/phase_start scopes/phases claims/scope claims/neuron
claims/side claims/slopes claims/leaf_start sloped/start sloped/neurons leaves/phase_start leaves/phases
leaves/slope_start leaves/weight_start leaves/weight_constraint property/case_box property/case_constraints
property/constraint_terms property/term_output property/inputs property/outputs""".split()
NUMBERS = """sloped/above boxes/low boxes/high claims/bound leaves/multipliers leaves/slopes leaves/weights property/box_low
property/box_high property/limit property/term_factor""".split()
# Arrays that go together, of so many rows.
TOGETHER = [
    ("scopes/box", "scopes/parent", "scopes/case"),
    ("claims/scope", "claims/neuron", "claims/side", "claims/bound", "claims/slopes"),
    ("leaves/phases", "leaves/multipliers"),
    ("sloped/neurons", "sloped/above"),
    ("leaves/weight_constraint", "leaves/weights"),
    ("leaves/phase_start", "leaves/slope_start", "leaves/weight_start"),
    ("property/case_box", "property/case_constraints"),
    ("property/limit", "property/constraint_terms"),
    ("property/term_output", "property/term_factor"),
    ("property/box_low", "property/box_high"),
    ("boxes/low", "boxes/high"),
]
# Where the entries of rows begin in another array; the rows are those of the third, where there is one.
STARTS = [
    ("scopes/phase_start", "scopes/phases", "scopes/box"),
    ("claims/leaf_start", None, "claims/scope"),
    ("sloped/start", "sloped/neurons", None),
    ("leaves/phase_start", "leaves/phases", None),
    ("leaves/slope_start", "leaves/slopes", None),
    ("leaves/weight_start", "leaves/weights", None),
]


def columns_of(path):
    with h5py.File(path, "r") as file:
        kind = file.attrs.get("kind")
        require(kind in ("Proof", b"Proof") and file.attrs.get("format") == 1, "'%s' is no proof of format 1", path)
        column = {}
        for name in INTEGERS + NUMBERS:
            require(isinstance(file.get(name), h5py.Dataset), "the proof has no '%s'", name)
            values = file[name][()]
            require(values.dtype.kind == ("i" if name in INTEGERS else "f"), "'%s' has other numbers", name)
            column[name] = values.astype(np.int64 if name in INTEGERS else np.float64)
    return column


def is_within(values, low, end):
    return bool(np.all((values >= low) & (values < end)))


class Proof:
    """The arrays by name, for a network of so many inputs and outputs whose ReLUs have so many elements."""

    def __init__(self, path, inputs, outputs, widths):
        self.column = columns_of(path)
        self.widths = np.array(widths, np.int64)
        self.require_shapes(inputs, outputs)
        self.require_starts()
        self.require_scopes()
        self.require_claims()
        self.require_leaves()

    def __getitem__(self, name):
        return self.column[name]

    def entries(self, name, i):
        """Where the entries of row i begin and end."""
        return int(self.column[name][i]), int(self.column[name][i + 1])

    def phases(self, name, i):
        a, b = self.entries(name + "/phase_start", i)
        return [tuple(p) for p in self.column[name + "/phases"][a:b].tolist()]

    def require_shapes(self, inputs, outputs):
        c = self.column
        about = (c["property/inputs"].tolist(), c["property/outputs"].tolist())
        require(about == (inputs, outputs), "the proof is about %s inputs and outputs, the network has %d and %d", about, inputs, outputs)
        for name in ("boxes/low", "boxes/high"):
            require(c[name].ndim == 1 and c[name].size % inputs == 0, "'%s' does not fit %d inputs", name, inputs)
            c[name] = c[name].reshape(-1, inputs)
        wide = {"scopes/phases": 3, "leaves/phases": 3, "claims/neuron": 2, "sloped/neurons": 2}
        wide.update({name: inputs for name in ("boxes/low", "boxes/high", "property/box_low", "property/box_high")})
        for name in INTEGERS + NUMBERS:
            rank = 0 if name in ("property/inputs", "property/outputs") else 2 if name in wide else 1
            fits = c[name].ndim == rank and (rank < 2 or c[name].shape[1] == wide[name])
            require(fits, "'%s' has shape %s", name, str(c[name].shape))
        for names in TOGETHER:
            for name in names:
                require(len(c[name]) == len(c[names[0]]), "'%s' and '%s' do not go together", name, names[0])
        # What is infinite is no bound, and what is no number compares with nothing.
        for name in NUMBERS:
            require(np.all(np.isfinite(c[name])), "'%s' has numbers that are not finite", name)

    def require_starts(self):
        c = self.column
        for name, count in (("constraint_start", "case_constraints"), ("term_start", "constraint_terms")):
            require(np.all(c["property/" + count] >= 0), "'property/%s' has negative numbers", count)
            c["property/" + name] = np.concatenate([[0], np.cumsum(c["property/" + count])])
        rows = STARTS + [("property/constraint_start", "property/limit", None), ("property/term_start", "property/term_factor", None)]
        for name, data, of in rows:
            start = c[name]
            end = len(c["leaves/phase_start"]) - 1 if data is None else len(c[data])
            fits = len(start) > 0 and start[0] == 0 and start[-1] == end and np.all(np.diff(start) >= 0)
            require(fits and (of is None or len(start) == len(c[of]) + 1), "'%s' does not cut what it is about", name)

    def is_neuron(self, relu, element):
        inside = (relu >= 0) & (relu < len(self.widths))
        return inside & (element >= 0) & (element < np.append(self.widths, 0)[np.where(inside, relu, -1)])

    def require_scopes(self):
        c = self.column
        cases, n = len(c["property/case_box"]), len(c["scopes/box"])
        require(is_within(c["property/case_box"], 0, len(c["property/box_low"])), "a case is about a box that is not there")
        require(is_within(c["property/term_output"], 0, int(c["property/outputs"])), "a term is about no output")
        require(is_within(c["scopes/box"], 0, len(c["boxes/low"])), "a scope is about a box that is not there")
        require(is_within(c["scopes/case"], -1, cases), "a scope is about a case that is not there")
        require(np.all((c["scopes/parent"] >= -1) & (c["scopes/parent"] < np.arange(n))), "a scope is inside a later one")
        for name in ("scopes/phases", "leaves/phases"):
            phases = c[name]
            require(np.all(self.is_neuron(phases[:, 0], phases[:, 1])), "'%s' names no neuron", name)
            require(np.all(np.abs(phases[:, 2]) == 1), "'%s' has a sign that is neither 1 nor -1", name)
        for s in range(n):
            self.require_inside(s, int(c["scopes/parent"][s]))

    def require_inside(self, s, parent):
        phases = self.phases("scopes", s)
        if parent < 0:
            require(not phases, "scope %d has phases, but is inside no other", s)
            return
        of_parent = self.phases("scopes", parent)
        require(of_parent == phases[: len(of_parent)], "scope %d does not have the phases of the one it is inside", s)
        boxes = self.column["scopes/box"]
        require(boxes[s] == boxes[parent], "scope %d is about another box than the one it is inside", s)

    def require_claims(self):
        c = self.column
        relu, element = c["claims/neuron"].T
        side, of_case = c["claims/side"], c["claims/neuron"][:, 0] == -1
        require(is_within(c["claims/scope"], 0, len(c["scopes/box"])), "a claim is about a scope that is not there")
        require(np.all(of_case | self.is_neuron(relu, element)), "a claim is about a neuron that is not there")
        require(is_within(element[of_case], 0, len(c["property/case_box"])), "a claim is about a case that is not there")
        require(np.all(np.where(of_case, side == 0, np.abs(side) == 1)), "a claim has a side that is none")
        require(is_within(c["claims/slopes"], 0, len(c["sloped/start"]) - 1), "a claim's slopes are not there")

    def require_leaves(self):
        c = self.column
        for name in ("leaves/multipliers", "leaves/weights"):
            require(np.all(c[name] >= 0), "'%s' has numbers below 0", name)
        for name in ("leaves/slopes", "sloped/above"):
            require(np.all((c[name] >= 0) & (c[name] <= 1)), "'%s' has slopes outside [0, 1]", name)
        sloped = c["sloped/neurons"]
        require(np.all(self.is_neuron(sloped[:, 0], sloped[:, 1])), "'sloped/neurons' names no neuron")
        claim_of = np.repeat(np.arange(len(c["claims/scope"])), np.diff(c["claims/leaf_start"]))
        wanted = np.diff(c["sloped/start"])[c["claims/slopes"][claim_of]]
        require(np.array_equal(np.diff(c["leaves/slope_start"]), wanted), "a leaf has not one slope a neuron of its list")
        case = c["claims/neuron"][claim_of, 1]
        of_case = c["claims/neuron"][claim_of, 0] == -1
        limits = np.zeros(len(case), np.int64)  # leaves about neurons have no weights
        limits[of_case] = c["property/case_constraints"][case[of_case]]
        weights = np.diff(c["leaves/weight_start"])
        inside = c["leaves/weight_constraint"] < np.repeat(limits, weights)
        require(np.all(inside & (c["leaves/weight_constraint"] >= 0)), "a leaf has a weight for a constraint that is not there")
