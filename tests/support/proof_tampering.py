# SPDX-License-Identifier: Apache-2.0
"""Ways to make a proof wrong: each changes an open file and says whether it could."""

import numpy as np


def put(file, name, values):
    kind = file[name].dtype
    del file[name]
    file[name] = np.asarray(values).astype(kind)


def change_one(name, change, which=None):
    """One number of an array, the first that `which` names."""

    def tamper(file, random):
        values = file[name][()]
        places = np.argwhere(np.ones(values.shape, bool) if which is None else which(file, values))
        if not len(places):
            return False
        place = tuple(places[0])
        values[place] = change(values[place])
        put(file, name, values)
        return True

    return tamper


def change_all(name, change):
    def tamper(file, random):
        values = file[name][()]
        if not values.size:
            return False
        put(file, name, change(values))
        return True

    return tamper


def keep_rows(file, names, kept):
    for name in names:
        put(file, name, file[name][()][kept])


def keep_entries(file, start, names, kept):
    """Without the entries of rows that are not kept."""
    begin = file[start][()]
    entries = np.repeat(kept, np.diff(begin))
    keep_rows(file, names, entries)
    put(file, start, np.concatenate([[0], np.cumsum(np.diff(begin)[kept])]))


def drop_leaf(file, random):
    """Of the first claim that has several."""
    begin = file["claims/leaf_start"][()]
    several = np.flatnonzero(np.diff(begin) > 1)
    if not len(several):
        return False
    kept = np.arange(begin[-1]) != begin[several[0]]
    keep_entries(file, "leaves/phase_start", ["leaves/phases", "leaves/multipliers"], kept)
    keep_entries(file, "leaves/slope_start", ["leaves/slopes"], kept)
    keep_entries(file, "leaves/weight_start", ["leaves/weight_constraint", "leaves/weights"], kept)
    begin[several[0] + 1 :] -= 1
    put(file, "claims/leaf_start", begin)
    return True


def drop_cases(file, random):
    """The last claim of a case."""
    of_case = np.flatnonzero(file["claims/side"][()] == 0)
    begin = file["claims/leaf_start"][()]
    leaf = np.arange(begin[-1])
    kept_claims = np.arange(len(begin) - 1) != of_case[-1]
    kept = (leaf < begin[of_case[-1]]) | (leaf >= begin[of_case[-1] + 1])
    keep_entries(file, "leaves/phase_start", ["leaves/phases", "leaves/multipliers"], kept)
    keep_entries(file, "leaves/slope_start", ["leaves/slopes"], kept)
    keep_entries(file, "leaves/weight_start", ["leaves/weight_constraint", "leaves/weights"], kept)
    counts = np.diff(begin)[kept_claims]
    keep_rows(file, ["claims/" + n for n in ("scope", "neuron", "side", "bound", "slopes")], kept_claims)
    put(file, "claims/leaf_start", np.concatenate([[0], np.cumsum(counts)]))
    return True


def tighten(file, random):
    """Every bound of a neuron says more than was shown."""
    bound, side = file["claims/bound"][()], file["claims/side"][()]
    if not np.any(side):
        return False
    put(file, "claims/bound", bound + side * (1e-3 + 0.01 * np.abs(bound)))
    return True


def swap_signs(file, random):
    phases = file["leaves/phases"][()]
    if not len(phases):
        return False
    phases[0, 2] *= -1
    put(file, "leaves/phases", phases)
    return True


def lose_phase(file, random):
    """The phases of a root: then it is only a part of its box that is refuted."""
    phases, start = file["scopes/phases"][()], file["scopes/phase_start"][()]
    root = int(np.flatnonzero(file["scopes/parent"][()] < 0)[-1])
    put(file, "scopes/phases", np.insert(phases, start[root], [0, 0, 1], axis=0))
    start[root + 1 :] += 1
    put(file, "scopes/phase_start", start)
    return True


def orphan(file, random):
    """A scope with phases that says it is inside no other."""
    parent, start = file["scopes/parent"][()], file["scopes/phase_start"][()]
    inner = np.flatnonzero((parent >= 0) & (np.diff(start) > 0))
    if not len(inner):
        return False
    parent[inner[0]] = -1
    put(file, "scopes/parent", parent)
    return True


def shrink_box(file, random):
    """A gap at the top of the first input of the last box."""
    high, inputs = file["boxes/high"][()], int(file["property/inputs"][()])
    low = file["boxes/low"][()]
    high[-inputs] -= 1e-6 * (high[-inputs] - low[-inputs])
    put(file, "boxes/high", high)
    return True


def drop_box(file, random):
    """The last box gets what the first is about."""
    inputs = int(file["property/inputs"][()])
    for name in ("boxes/low", "boxes/high"):
        values = file[name][()]
        if np.array_equal(values[:inputs], values[-inputs:]):
            return False
        values[-inputs:] = values[:inputs]
        put(file, name, values)
    return True


def swap_cases(file, random):
    """Claims about one case say that they are about the next; the constraints must differ."""
    neuron = file["claims/neuron"][()]
    cases = len(file["property/case_box"])
    if cases < 2:
        return False
    of_case = neuron[:, 0] < 0
    neuron[of_case, 1] = 0
    put(file, "claims/neuron", neuron)
    return True


def first_multiplier(change):
    """Of a leaf of a case: its multipliers all change."""

    def tamper(file, random):
        values = file["leaves/multipliers"][()]
        if not np.any(values > 0):
            return False
        put(file, "leaves/multipliers", np.where(values > 0, change(values), values))
        return True

    return tamper


TAMPERINGS = {
    "a leaf dropped": drop_leaf,
    "a case's last claim dropped": drop_cases,
    "bounds that say more": tighten,
    "an infinite bound": change_one("claims/bound", lambda v: np.inf),
    "a bound that is no number": change_one("claims/bound", lambda v: np.nan),
    "multipliers raised": first_multiplier(lambda v: v * 1e3 + 1e3),
    "a negative multiplier": change_one("leaves/multipliers", lambda v: -1.0),
    "a multiplier that is no number": change_one("leaves/multipliers", lambda v: np.nan),
    "an infinite multiplier": change_one("leaves/multipliers", lambda v: np.inf),
    "a slope above 1": change_one("leaves/slopes", lambda v: 1.5),
    "a slope below 0": change_one("leaves/slopes", lambda v: -0.5),
    "a slope that is no number": change_one("leaves/slopes", lambda v: np.nan),
    "a slope above that is too large": change_one("sloped/above", lambda v: 1.5),
    "weights of 0": change_all("leaves/weights", lambda v: 0 * v),
    "a negative weight": change_one("leaves/weights", lambda v: -1.0),
    "a weight of another case": change_one("leaves/weight_constraint", lambda v: 1000),
    "a constraint below 0": change_one("leaves/weight_constraint", lambda v: -1),
    "a phase flipped": swap_signs,
    "a phase of sign 0": change_one("leaves/phases", lambda v: 0, lambda f, v: np.arange(3) + 0 * v == 2),
    "a phase of no neuron": change_one("leaves/phases", lambda v: 10**6, lambda f, v: np.arange(3) + 0 * v == 1),
    "a root with phases": lose_phase,
    "a scope made a root": orphan,
    "a scope inside itself": change_one("scopes/parent", lambda v: 0),
    "a scope inside nothing": change_one("scopes/parent", lambda v: -2),
    "a scope of no box": change_one("scopes/box", lambda v: -1),
    "a scope of no case": change_one("scopes/case", lambda v: 1000),
    "a box that leaves a gap": shrink_box,
    "a box gone": drop_box,
    "a box that is no number": change_one("boxes/low", lambda v: np.nan),
    "cases swapped": swap_cases,
    "another side": change_one("claims/side", lambda v: -v, lambda f, v: v != 0),
    "no side": change_one("claims/side", lambda v: 0, lambda f, v: v != 0),
    "a claim of no scope": change_one("claims/scope", lambda v: -1),
    "a claim of no neuron": change_one("claims/neuron", lambda v: -2),
    "a list of slopes that is not there": change_one("claims/slopes", lambda v: 10**6),
    "starts that go back": change_one("claims/leaf_start", lambda v: 10**6),
    "starts that begin late": change_one("leaves/phase_start", lambda v: 1),
    "another limit": change_all("property/limit", lambda v: v - 1e-3),
    "another factor": change_all("property/term_factor", lambda v: v * 1.01),
    "another box": change_all("property/box_high", lambda v: v - 1e-6),
    "no claims' array": lambda file, random: file.__delitem__("claims/bound") is None,
    "real numbers for integers": lambda file, random: (
        file.__setitem__("claims/other", file["claims/scope"][()] * 1.0),
        file.__delitem__("claims/scope"),
        file.move("claims/other", "claims/scope"),
    )
    and True,
    "an array cut off": change_all("leaves/slopes", lambda v: v[:-1]),
}
