"""From weights of pairs to contributions, and into their sums."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.policies import SoftmaxPolicy
from pgverify.policies.protocol import Policy
from pgverify.streaming.contribution_sums import ContributionSums
from pgverify.validation import Array

LARGEST_TABLE = 2**18
"""Cells of a table of scores [S·A, d] that are added up in the kernel; beyond, the policy's own product is faster."""

SMALL_TABLE = 2**12
"""Cells of such a table up to which, in NumPy, one product with it is faster than the policy's own; measured."""

Adds = Callable[[Float[Array, "n pairs"], ContributionSums], None]
"""Adds the contributions that weights [n, S·A] make to sums; the weights may be overwritten."""


def plain_adding(policy: Policy) -> Adds:
    """Return what adds Σ w(s,a) ∇ log π(a|s), in NumPy: by one product where the table of scores is small."""
    shape = policy.probabilities().shape
    pairs = shape[0] * shape[1]
    if pairs * len(policy.parameters) <= SMALL_TABLE:
        score = np.asarray(policy.score_vjp(np.eye(pairs).reshape(-1, *shape)))

        def add_product(weights: Float[Array, "n pairs"], sums: ContributionSums) -> None:
            sums.add(weights @ score)

        return add_product

    def add(weights: Float[Array, "n pairs"], sums: ContributionSums) -> None:
        sums.add(np.ascontiguousarray(policy.score_vjp(weights.reshape(-1, *shape))))

    return add


def compiled_adding(kernel: ctypes.CDLL, policy: Policy) -> Adds:
    """Return the same, compiled: for tabular softmax policies, and for those with small tables of scores."""
    contributions = _contributions(kernel, policy)
    adding = kernel.pgverify_add
    adding.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 8)

    def add(weights: Float[Array, "n pairs"], sums: ContributionSums) -> None:
        g = contributions(weights)
        rows, d = g.shape
        parts = (sums.scatter, sums.norm_third, sums.norm_fourth)
        adding(
            g.ctypes.data,
            rows,
            d,
            sums.centre.ctypes.data,
            sums.first.ctypes.data,
            sums.second.ctypes.data,
            sums.third.ctypes.data,
            sums.fourth.ctypes.data,
            *(None if part is None else part.ctypes.data for part in parts),
        )
        sums.count += rows

    return add


def _contributions(kernel: ctypes.CDLL, policy: Policy) -> Callable[[Float[Array, "n pairs"]], Float[Array, "n d"]]:
    probabilities = np.ascontiguousarray(policy.probabilities())
    states, actions = probabilities.shape
    size = len(policy.parameters)
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    if type(policy) is SoftmaxPolicy:
        softmax = kernel.pgverify_softmax_scores
        softmax.argtypes = (pointer, count, count, count, pointer, pointer, pointer)
        others = 1.0 - np.eye(actions)
        complement, room = np.ascontiguousarray(probabilities @ others), np.empty(actions)

        def scored(weights: Float[Array, "n pairs"]) -> Float[Array, "n d"]:
            after = np.empty_like(room)
            tables = probabilities.ctypes.data, complement.ctypes.data, after.ctypes.data
            softmax(weights.ctypes.data, len(weights), states, actions, *tables)
            return weights

        return scored
    if states * actions * size > LARGEST_TABLE:
        return lambda weights: np.ascontiguousarray(policy.score_vjp(weights.reshape(-1, states, actions)))
    table = kernel.pgverify_table_scores
    table.argtypes = (pointer, count, count, count, pointer, pointer)
    score = np.ascontiguousarray(policy.score_vjp(np.eye(states * actions).reshape(-1, states, actions)))

    def summed(weights: Float[Array, "n pairs"]) -> Float[Array, "n d"]:
        out = np.empty((len(weights), size))
        table(weights.ctypes.data, len(weights), states * actions, size, score.ctypes.data, out.ctypes.data)
        return out

    return summed
