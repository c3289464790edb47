"""Sums over visited pairs alone: where only variances are kept and a trajectory visits few of many states."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pgverify.policies import SoftmaxPolicy
from pgverify.policies.softmax_algebra import softmax
from pgverify.streaming.compiled import law_fields
from pgverify.streaming.contribution_sums import ContributionSums
from pgverify.streaming.packed_law import PackedLaw

FEWEST_PAIRS = 256
"""Pairs from which on most of a row would be read to find nothing; measured."""

AddsRows: TypeAlias = Callable[[int, int, ContributionSums], None]
"""Adds the contributions of so many trajectories from a first one on to sums without a scatter."""


def visited_adding(kernel: ctypes.CDLL, law: PackedLaw) -> AddsRows | None:
    """Return what adds contributions of a tabular softmax pair by pair; None with few pairs, or another policy.

    A trajectory that visits nothing has y = g − c = −c. Summed are y^k − (−c)^k, which are 0 where nothing is visited,
    and added is n (−c)^k.
    """
    policy = law.rollout.problem.policy
    adding = getattr(kernel, "pgverify_softmax_diagonal", None)  # a kernel built before it was written is still good
    if type(policy) is not SoftmaxPolicy or law.pairs < FEWEST_PAIRS or adding is None:
        return None
    fields, actions = law_fields(law), policy.logits.shape[1]
    probability, complement = (np.ascontiguousarray(table) for table in softmax(policy.logits.real))
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    adding.argtypes = (pointer, ctypes.c_uint64, count, count, *[pointer] * 7)

    def add(first: int, rows: int, sums: ContributionSums) -> None:
        tables = (probability, complement, sums.centre, sums.first, sums.second, sums.third, sums.fourth)
        if adding(ctypes.byref(fields), first, rows, actions, *(table.ctypes.data for table in tables)):
            raise MemoryError(f"no room for the steps of trajectories {first} to {first + rows - 1}")
        sums.count += rows
        for power, total in enumerate((sums.first, sums.second, sums.third, sums.fourth), start=1):
            total += rows * (-sums.centre) ** power

    return add
