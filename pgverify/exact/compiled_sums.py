"""The compiled pass over a finite horizon, as functions of arrays; NumPy's own is in `action_sums`."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.exact.fixed_parts import FixedParts, fixed_parts
from pgverify.exact.plain_gradient import plain_softmax_gradient
from pgverify.native import library
from pgverify.policies.tabular_softmax import SoftmaxPolicy
from pgverify.problem import UNCHANGED, FiniteHorizon, Problem
from pgverify.validation import Array

LIBRARY = Path(__file__).with_name("_finite_horizon.so")
"""Built by `hatch_build.py` with the package."""

PLACE = "_compiled_dynamics"
"""Where the fixed parts of an MDP keep them as the library reads them, and problems what they need of them."""

KEPT = "_gradient_and_return"
"""Where a problem keeps ∇J and J, which come together; neither copied nor written to files with it."""

FEW = 10_000
"""Logits up to which copying them takes no longer than asking NumPy for their address."""

NOT_ON_THIS_PROCESSOR = 2
"""What the library answers where its processor has no fused products; `dynamics.h` lists the answers."""

MOST_ACTIONS = 256
"""Actions up to which the advantage is a sum over their pairs."""


class _Dynamics(ctypes.Structure):
    """What the library calls `Dynamics`, field by field."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("successor", "weight", "start", "running")),
        *((name, ctypes.c_int64) for name in ("states", "actions", "most", "everywhere")),
    )


class _Task(ctypes.Structure):
    """What the library calls `Task`."""

    _fields_ = (
        ("law", ctypes.c_void_p),
        ("reward", ctypes.c_void_p),
        ("horizon", ctypes.c_int64),
        ("discount", ctypes.c_double),
    )


@dataclass(frozen=True, eq=False)
class _LaidOut:
    """The fixed parts of an MDP as the library reads them.

    Attributes
    ----------
    dynamics, reward : int
        Addresses of the `Dynamics`, and of r(s,a).
    room : function () -> ctypes array
        For a gradient with J behind it: a ctypes array has its address at hand, NumPy is asked for it.
    tasks : {(horizon, discount): reference to a `Task`}
    owners : tuple
        What the addresses point to.
    """

    dynamics: int
    reward: int
    room: Callable[[], Any]
    tasks: dict[tuple[int, float], Any]
    owners: tuple[Any, ...]

    def task(self, horizon: int, discount: float) -> Any:
        """Return the reference to a `Task`, the same every time."""
        key = horizon, discount
        if key not in self.tasks:
            self.tasks[key] = ctypes.byref(_Task(self.dynamics, self.reward, horizon, discount))
        return self.tasks[key]


@cache
def compiled() -> ctypes.CDLL | None:
    """Return the library with the types of its functions; None where NumPy alone serves."""
    found = library(LIBRARY)
    if found is None or not hasattr(found, "pgverify_gradient"):  # one that an earlier version left there
        return None
    pointer, count, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    found.pgverify_action_sums.argtypes = (pointer, pointer, pointer, count, number, pointer, pointer)
    # The gradient's arguments have types of their own: to convert them takes as long as the gradient of few states.
    return found


def compiled_action_sums(
    fixed: FixedParts,
    probabilities: Float[Array, "S A"],
    reward: Float[Array, "S A"],
    horizon: int,
    discount: float,
) -> tuple[Float[Array, "S A"], float] | None:
    """Return Σ_t γ^t d_t(s) Q_t(s,a) and J; None where NumPy alone serves.

    Parameters
    ----------
    fixed : FixedParts
    probabilities : [S, A]
    reward : [S, A]
        r(s,a).
    horizon : int
    discount : float
    """
    native = compiled()
    if native is None:
        return None
    sums, expected = np.empty(probabilities.shape), ctypes.c_double()
    chosen, paid = (np.ascontiguousarray(table, dtype=np.float64) for table in (probabilities, reward))
    arrays = chosen.ctypes.data, paid.ctypes.data, horizon, discount, sums.ctypes.data, ctypes.byref(expected)
    failed = native.pgverify_action_sums(_laid_out(fixed).dynamics, *arrays)
    if failed < 0:
        raise MemoryError(f"no room for the visits of {len(sums):,} states at {horizon} times")
    return None if failed else (sums, expected.value)


def compiled_softmax_gradient(problem: Problem) -> Float[Array, "d_and_one"] | None:
    """Return ∇J of a tabular softmax over a finite horizon, and J behind it; None where the general way serves.

    Without the library NumPy serves, in the same order.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    [d + 1], the same array for the same problem.
    """
    kept: dict[str, Any] = problem.__dict__
    if KEPT not in kept:
        kept.setdefault(KEPT, _softmax_gradient(problem))
    found: Float[Array, "d_and_one"] | None = kept[KEPT]
    return found


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What a gradient needs that is the same at all parameters.

    Attributes
    ----------
    fixed : FixedParts
    horizon : int
    discount : float
    """

    fixed: FixedParts
    horizon: int
    discount: float

    @cached_property
    def asked(self) -> tuple[Callable[[], Any], Any]:
        """What makes the room for the answer, and the reference to the `Task`."""
        laid = _laid_out(self.fixed)
        return laid.room, laid.task(self.horizon, self.discount)


def _prepared(problem: Problem) -> _Prepared | None:
    """Return it; None where the general way serves, whatever the parameters are."""
    policy, objective = problem.policy, problem.objective
    if type(policy) is not SoftmaxPolicy or type(objective) is not FiniteHorizon or objective.bonus is not None:
        return None
    fixed = fixed_parts(problem.mdp)
    # A common reward is taken out first, and how depends on where episodes end.
    if policy.logits.shape[1] > MOST_ACTIONS or fixed.common_reward != 0.0:
        return None
    return _Prepared(fixed, objective.horizon, objective.discount)


def _softmax_gradient(problem: Problem) -> Float[Array, "d_and_one"] | None:
    own: dict[str, Any] = problem.__dict__
    shared: dict[str, Any] = own.setdefault(UNCHANGED, {})
    if PLACE not in shared:
        shared.setdefault(PLACE, _prepared(problem))
    prepared: _Prepared | None = shared[PLACE]
    if prepared is None:
        return None
    logits = own["policy"].logits
    if logits.dtype.kind != "f":
        return None
    native = compiled()
    if native is not None:
        room, task = prepared.asked
        found = room()
        failed = native.pgverify_gradient(task, _address(logits), found)
        if failed != NOT_ON_THIS_PROCESSOR:
            return None if failed else np.frombuffer(found)
    return plain_softmax_gradient(prepared.fixed, problem.mdp.noise, logits, prepared.horizon, prepared.discount)


def _address(logits: Float[Array, "S A"]) -> Any:
    """Return where logits are: of few a copy, for asking NumPy for the address takes longer."""
    small = logits.size <= FEW or not logits.flags.c_contiguous
    return logits.tobytes() if small else ctypes.c_char_p(logits.ctypes.data)


def _laid_out(fixed: FixedParts) -> _LaidOut:
    kept: dict[str, Any] = vars(fixed)
    if PLACE not in kept:
        lists = fixed.successors
        states, actions, most = lists.weight.shape
        arrays = (
            np.ascontiguousarray(lists.successor, dtype=np.int32),
            np.ascontiguousarray(lists.weight, dtype=np.float64),
            np.ascontiguousarray(fixed.start, dtype=np.float64),
            np.ascontiguousarray(fixed.running, dtype=np.uint8),
            np.ascontiguousarray(fixed.step_reward, dtype=np.float64),
        )
        fields = _Dynamics(*(array.ctypes.data for array in arrays[:4]), states, actions, most, lists.everywhere)
        room = ctypes.c_double * (states * actions + 1)
        kept.setdefault(PLACE, _LaidOut(ctypes.addressof(fields), arrays[4].ctypes.data, room, {}, (fields, arrays)))
    found: _LaidOut = kept[PLACE]
    return found
