"""The compiled kernel as functions of arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from pgverify.streaming.packed_law import PackedLaw
from pgverify.validation import Array

Normal = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int)
CELL = np.dtype([("threshold", "f8"), ("reward", "f8", 2), ("pair", "i4", 2), ("next", "i4", 2)])
"""A cell with both of its outcomes: the alias's, then its own."""

_POINTERS = (
    ["start_threshold", "start_alias", "cells", "noise", "terminal", "ratio", "critic", "baseline", "normal"],
    ["states", "pairs", "choices", "critic_times", "baseline_times", "horizon", "horizon_terminates", "whole"],
    ["survival", "discount", "decay", "weighting", "scale", "gain"],
)


Weighs = Callable[[int, Float[Array, "rows pairs"]], None]
"""Fills rows with the weights of trajectories first, first + 1, …"""


class _Law(ctypes.Structure):
    """What the kernel calls `Law`, field by field."""

    _fields_ = (
        ("key", ctypes.c_uint64 * 2),
        *((name, ctypes.c_void_p) for name in _POINTERS[0]),
        *((name, ctypes.c_int64) for name in _POINTERS[1]),
        *((name, ctypes.c_double) for name in _POINTERS[2]),
    )


def compiled_weights(kernel: ctypes.CDLL, law: PackedLaw) -> Weighs:
    """Return what fills rows [rows, pairs] with Σ_t w_t 1{(s_t, a_t) = pair}, as `plain_weights` does."""
    fields = law_fields(law)
    fill = kernel.pgverify_weights
    fill.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.c_void_p)

    def weights(first: int, out: Float[Array, "rows pairs"]) -> None:
        if fill(ctypes.byref(fields), first, len(out), out.ctypes.data):
            raise MemoryError(f"no room for the steps of trajectories {first} to {first + len(out) - 1}")

    return weights


def law_fields(law: PackedLaw) -> ctypes.Structure:
    """Return a law as the kernel reads it, with the arrays that it points to."""
    both = _outcomes(law)
    cells = _cells(law, both)
    arrays = {
        "start_threshold": np.ascontiguousarray(law.start.threshold),
        "start_alias": np.ascontiguousarray(law.start.alias),
        "cells": cells,
        "noise": np.ascontiguousarray(law.noise.ravel()[both]) if law.noisy else None,
        "terminal": np.ascontiguousarray(law.terminal, dtype=np.uint8),
        "ratio": law.ratio,
        "critic": None if law.critic is None else np.ascontiguousarray(law.critic, dtype=np.float64),
        "baseline": np.ascontiguousarray(law.baseline, dtype=np.float64),
    }
    rollout = law.rollout
    fields = _Law(
        key=(ctypes.c_uint64 * 2)(*(int(word) for word in law.stream.key)),
        normal=_inverse_normal() if law.noisy else None,
        states=len(law.terminal),
        pairs=law.pairs,
        choices=law.step.threshold.shape[1],
        critic_times=0 if law.critic is None else len(law.critic),
        baseline_times=len(law.baseline),
        horizon=-1 if rollout.horizon is None else rollout.horizon,
        horizon_terminates=rollout.horizon_terminates,
        whole=law.whole,
        survival=rollout.survival,
        discount=rollout.discount,
        decay=law.sum.decay,
        weighting=law.sum.weighting,
        scale=rollout.step_scale,
        gain=rollout.gain,
        **{name: None if array is None else array.ctypes.data for name, array in arrays.items()},
    )
    fields.arrays = arrays  # kept as long as the addresses
    return fields


def _outcomes(law: PackedLaw) -> Int64[Array, "cells 2"]:
    """Return the cells that a cell leads to: its alias, and itself."""
    states, choices = law.step.threshold.shape
    own = np.arange(states * choices).reshape(states, choices)
    return np.stack([law.step.alias + choices * np.arange(states)[:, None], own], axis=2).reshape(-1, 2)


def _cells(law: PackedLaw, both: Int64[Array, "cells 2"]) -> Any:
    cells = np.zeros(len(both), dtype=CELL)
    cells["threshold"] = law.step.threshold.ravel()
    cells["reward"] = law.reward.ravel()[both]
    cells["pair"] = both // (law.step.threshold.shape[1] // law.rollout.problem.mdp.num_actions)
    cells["next"] = law.successor.ravel()[both]
    return cells


def _inverse_normal() -> Any:
    """Return the address of SciPy's own inverse of the normal distribution function: the same bits as in Python."""
    from scipy.special import cython_special

    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    capsule = cython_special.__pyx_capi__["ndtri"]
    return get(capsule, name(capsule))
