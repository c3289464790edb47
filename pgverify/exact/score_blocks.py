"""The score, kept only where it is not zero: a state usually touches few of the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.dynamics import SuccessorLists
from pgverify.policies.protocol import Policy
from pgverify.policies.real_actions import is_real
from pgverify.policies.tabular_softmax import SoftmaxPolicy
from pgverify.validation import Array

ROWS_AT_ONCE = 2**22
"""Cells of the one-hot weights that are pushed through the policy's second door together: 32 MB."""


@dataclass(frozen=True, eq=False)
class ScoreBlocks:
    """ψ(s,a) restricted, in each state, to the k parameters that the state touches.

    For the tabular softmax k = A, so that everything below costs O(S·d) memory; for a policy whose parameters are
    shared by all states k = d.

    Attributes
    ----------
    size : int
        d.
    parameter : [S, k]
        Which parameters each state touches; padded where a state touches fewer.
    score : [S, A, k]
        ψ(s,a) at those parameters; 0 on padding.
    """

    size: int
    parameter: Integer[Array, "S k"]
    score: Float[Array, "S A k"]

    @property
    def whole(self) -> bool:
        """True where every state touches every parameter, in order."""
        return self.parameter.shape[1] == self.size

    @property
    def disjoint(self) -> bool:
        """True where no parameter is touched by two states."""
        touched = self.parameter[(self.score != 0).any(axis=1)]
        return bool(np.unique(touched).size == touched.size)

    def widened(self) -> ScoreBlocks:
        """Return the same with blocks that span all d parameters, as full matrices need it."""
        if self.whole:
            return self
        every = np.broadcast_to(np.arange(self.size), (len(self.parameter), self.size))
        return ScoreBlocks(self.size, every, self.dense())

    def scatter(self, block: Float[Array, "*m S k"]) -> Float[Array, "*m S d"]:
        """Return the rows with every block put at its parameters."""
        if self.whole:
            return block
        rows = np.zeros((*block.shape[:-1], self.size))
        state = np.arange(block.shape[-2])
        for column in range(block.shape[-1]):  # padded columns repeat a parameter and hold 0: they add nothing
            rows[..., state, self.parameter[:, column]] += block[..., column]
        return rows

    def total(self, block: Float[Array, "S k"]) -> Float[Array, "d"]:
        """Return the sum of the rows over states, without building them."""
        if self.whole:
            return block.sum(axis=0)
        return np.bincount(self.parameter.ravel(), block.ravel(), self.size)

    def expand(self, weights: Float[Array, "*m S A"]) -> Float[Array, "*m S d"]:
        """Return Σ_a w(s,a) ψ(s,a) for every state."""
        return self.scatter((weights[..., None, :] @ self.score)[..., 0, :])

    def arrive(self, lists: SuccessorLists) -> Float[Array, "S d"]:
        """Return Σ_{s,a} w(s,a,s') ψ(s,a), for every s'."""
        states, actions, _ = self.score.shape
        if self.whole:
            return np.asarray(lists.matrix.T @ self.score.reshape(states * actions, self.size))
        rows = np.zeros((states, self.size))
        if lists.sparse:
            parts = lists.weight[:, :, :, None] * self.score[:, :, None, :]
            np.add.at(rows, (lists.successor[:, :, :, None], self.parameter[:, None, None, :]), parts)
            return rows
        # [s, s', k]: each state s contributes to every s' at its own parameters.
        parts = lists.dense.transpose(0, 2, 1) @ self.score
        if np.unique(self.parameter).size == self.parameter.size:  # no parameter is shared: plain assignment
            rows[:, self.parameter] = parts.transpose(1, 0, 2)
            return rows
        for column in range(self.parameter.shape[1]):  # states one by one: they may share parameters
            for source in range(states):
                rows[:, self.parameter[source, column]] += parts[source, :, column]
        return rows

    def pick(self, lists: SuccessorLists, rows: Float[Array, "S d"]) -> Float[Array, "S A k"]:
        """Return Σ_{s'} w(s,a,s') x(s') at the parameters that s touches."""
        states, actions, _ = self.score.shape
        if self.whole:
            return np.asarray(lists.matrix @ rows).reshape(states, actions, self.size)
        if lists.sparse:
            reached = rows[lists.successor[:, :, :, None], self.parameter[:, None, None, :]]
            return np.einsum("saj,sajk->sak", lists.weight, reached)
        return lists.dense @ rows[:, self.parameter].transpose(1, 0, 2)

    def own(self, rows: Float[Array, "S d"]) -> Float[Array, "S k"]:
        """Return each state's row at the parameters that the state touches."""
        return rows if self.whole else np.take_along_axis(rows, self.parameter, axis=1)

    def dense(self) -> Float[Array, "S A d"]:
        """Return ψ(s,a) whole."""
        states, actions, _ = self.score.shape
        if self.whole:
            return self.score
        full = np.zeros((states, actions, self.size))
        for action in range(actions):
            full[:, action] = self.scatter(self.score[:, action])
        return full


def score_blocks(policy: Policy, whole: bool = False) -> ScoreBlocks:
    """Return the score of any policy, read through its second door a few states at a time.

    With `whole`, every block spans all d parameters.
    """
    if type(policy) is SoftmaxPolicy and not whole and policy.logits.dtype.kind == "f":
        return _own_logits(policy)
    states, actions = policy.probabilities().shape
    size = policy.parameters.size
    table = policy.node_score() if is_real(policy) else None  # thousands of nodes, but few parameters
    group = max(1, ROWS_AT_ONCE // (actions * max(states * actions, size)))
    touched: list[np.ndarray] = []
    kept: list[np.ndarray] = []
    for first in range(0, states, group):
        members = range(first, min(first + group, states))
        if table is not None:
            rows = table[members]
        else:
            weights = np.zeros((len(members), actions, states, actions))
            for row, state in enumerate(members):
                weights[row, :, state, :] = np.eye(actions)
            rows = policy.score_vjp(weights)
        for row in rows:
            where = np.flatnonzero((row != 0).any(axis=0))
            touched.append(where)
            kept.append(row[:, where])
    most = max(1, max(len(where) for where in touched))
    if whole or 2 * most >= size:
        most = size
    parameter = np.zeros((states, most), dtype=np.int64)
    score = np.zeros((states, actions, most))
    for state, (where, block) in enumerate(zip(touched, kept, strict=True)):
        if most == size:
            parameter[state] = np.arange(size)
            score[state][:, where] = block
        else:
            parameter[state, : len(where)] = where
            score[state, :, : len(where)] = block
    return ScoreBlocks(size, parameter, score)


def _own_logits(policy: SoftmaxPolicy) -> ScoreBlocks:
    """Return the score of a tabular softmax, which touches the logits of its own state alone."""
    blocks = ScoreBlocks(
        policy.logits.size, np.arange(policy.logits.size).reshape(policy.logits.shape), policy.own_score
    )
    return blocks.widened() if 2 * policy.logits.shape[1] >= policy.logits.size else blocks
