"""Policies as users write them, right and wrong: a few doors each, with none of pgverify's algebra."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

LOGITS = np.array([[0.3, -0.6, 1.1, 0.2], [-0.2, 0.5, 0.9, -1.0], [0.1, 0.8, -0.4, 0.6]])
EPSILON, TEMPERATURE = 0.2, 2.0
MASK = np.array([[True, False, True, True], [True, True, False, True], [False, True, True, True]])


def softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.real.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def plain_score(q: np.ndarray) -> np.ndarray:
    """Return 1{s = s'} (1{a = b} − q_b) [S, A, S·A]."""
    states, actions = q.shape
    own = np.eye(actions)[None] - q[:, None, :]
    return np.einsum("sab,st->satb", own, np.eye(states)).reshape(states, actions, -1)


@dataclass(frozen=True, eq=False)
class Table:
    """Logits that become the law `acted`; scores and log-probabilities may be those of the law `scored`."""

    acted: Any = softmax
    scored: Any = None
    sampled: Any = None
    score: Any = None
    logs: bool = True
    logits: np.ndarray = field(default_factory=LOGITS.copy)

    @property
    def parameters(self) -> np.ndarray:
        return self.logits.ravel()

    def with_parameters(self, theta: np.ndarray) -> Table:
        return replace(self, logits=np.asarray(theta).reshape(LOGITS.shape))

    def probabilities(self) -> np.ndarray:
        return self.acted(self.logits)

    def __getattr__(self, name: str) -> Any:
        if name == "log_prob" and self.scored is not None and self.logs:
            return self._log_prob
        if name == "score_vjp" and self.score is not None:
            return self._score_vjp
        if name == "sample" and self.sampled is not None:
            return self._sample
        raise AttributeError(name)

    def _log_prob(self, steps: Any) -> np.ndarray:
        return np.log(self.scored(self.logits))[steps.states[:, :-1], steps.actions]

    def _score_vjp(self, weights: np.ndarray) -> np.ndarray:
        return np.einsum("...sa,sad->...d", weights, self.score(self.logits))

    def _sample(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        law = self.sampled(self.logits)
        return (rng.random(len(states))[:, None] > np.cumsum(law, axis=1)[states]).sum(axis=1).clip(max=3)


def mixed(z: np.ndarray) -> np.ndarray:
    return (1 - EPSILON) * softmax(z) + EPSILON / z.shape[1]


def heated(z: np.ndarray) -> np.ndarray:
    return softmax(z / TEMPERATURE)


def masked(z: np.ndarray) -> np.ndarray:
    kept = np.where(MASK, softmax(z), 0.0)
    return kept / kept.sum(axis=1, keepdims=True)


def mask_without_sum(z: np.ndarray) -> np.ndarray:
    return np.where(MASK, softmax(z), 0.0)


def top_two(z: np.ndarray) -> np.ndarray:
    likeliest = np.argsort(np.argsort(-z.real, axis=1), axis=1) < 2
    kept = np.where(likeliest, softmax(z), 0.0)
    return kept / kept.sum(axis=1, keepdims=True)


def greedy(z: np.ndarray) -> np.ndarray:
    return np.eye(z.shape[1])[z.real.argmax(axis=1)]


def twice(z: np.ndarray) -> np.ndarray:
    return softmax(softmax(z))


def score_of(z: np.ndarray) -> np.ndarray:
    return plain_score(softmax(z))


def score_mixed(z: np.ndarray) -> np.ndarray:
    return (1 - EPSILON) * (softmax(z) / mixed(z))[:, :, None] * score_of(z)


def score_heated(z: np.ndarray) -> np.ndarray:
    return plain_score(heated(z)) / TEMPERATURE


def score_masked(z: np.ndarray) -> np.ndarray:
    return plain_score(masked(z)) * MASK[:, :, None]


def score_twice(z: np.ndarray) -> np.ndarray:
    p, q = softmax(z), twice(z)
    inner = p[:, :, None] * score_of(z)
    return inner - np.einsum("sb,sbd->sd", q, inner)[:, None, :]


@dataclass(frozen=True, eq=False)
class Normal:
    """N(μ_s, σ²) in D dimensions, θ = (μ, log σ), with one thing that may be wrong."""

    means: np.ndarray
    log_std: np.ndarray
    fault: str = ""
    squash: bool = False

    @property
    def parameters(self) -> np.ndarray:
        return np.concatenate([self.means.ravel(), self.log_std])

    def with_parameters(self, theta: np.ndarray) -> Normal:
        size = self.means.size
        return replace(self, means=np.asarray(theta)[:size].reshape(self.means.shape), log_std=np.asarray(theta)[size:])

    @property
    def features(self) -> np.ndarray:
        return np.eye(len(self.means))

    @property
    def action_dim(self) -> int:
        return self.means.shape[1]

    def act(self, states: np.ndarray, normals: np.ndarray) -> np.ndarray:
        drawn = self.means[states] + np.exp(self.log_std) * normals
        if self.fault == "clipped and stored":
            return np.clip(drawn, -1.0, 1.0)
        return np.tanh(drawn) if self.squash else drawn

    def log_density(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        before = np.arctanh(actions) if self.squash else actions
        log_std = np.exp(self.log_std) if self.fault == "exp twice" else self.log_std
        log_std = log_std + (0.1 if self.fault == "another std" else 0.0)
        each = -0.5 * ((before - self.means[states]) / np.exp(log_std)) ** 2 - log_std - 0.5 * np.log(2 * np.pi)
        if self.squash and self.fault != "no log-determinant":
            each = each - np.log1p(-(actions**2))
        if self.fault == "not summed":
            return each
        if self.fault == "constant":
            return each.sum(axis=1) + np.log(2.0)
        return each.mean(axis=1) if self.fault == "averaged" else each.sum(axis=1)

    def score_sum(self, steps: Any, weights: np.ndarray) -> np.ndarray:
        states, actions = steps.states[:, :-1], steps.actions
        if self.fault == "clipped when scored":
            actions = np.clip(actions, -1.0, 1.0)
        before = np.arctanh(actions) if self.squash else actions
        std = np.exp(np.exp(self.log_std)) if self.fault == "exp twice" else np.exp(self.log_std)
        std = std * (np.exp(0.1) if self.fault == "another std" else 1.0)
        off = (before - self.means[states]) / std
        by_state = np.eye(len(self.means))[states]
        if self.fault == "attached":
            return np.zeros((len(weights), self.parameters.size))
        if self.fault == "one dimension":
            off = off * np.eye(self.action_dim)[0]
        by_mean = np.einsum("nt,nts,ntd->nsd", weights, by_state, off / std).reshape(len(weights), -1)
        by_std = np.einsum("nt,ntd->nd", weights, off**2 - 1.0)
        if self.fault == "exp twice":
            by_std = by_std * np.exp(self.log_std)
        if self.fault == "one dimension":
            by_std = by_std * np.eye(self.action_dim)[0]
        found = np.concatenate([by_mean, by_std], axis=1)
        return (
            found / self.action_dim if self.fault == "averaged" else found * (3.0 if self.fault == "tripled" else 1.0)
        )


def normal(fault: str = "", dimensions: int = 1, squash: bool = False) -> Normal:
    means = np.array([[0.4, -0.7], [-0.3, 0.2]])[:, :dimensions]
    return Normal(means, np.log([0.6, 0.8])[:dimensions], fault, squash)
