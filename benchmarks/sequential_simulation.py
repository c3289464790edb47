"""Many runs of a sequential test at once: the arithmetic of pgverify.stats.sequential, vectorised over runs.

A test compares it with the package, run by run (tests/statistical/test_sequential_rates.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from pgverify.stats.sequential_plan import STATISTIC, Looks
from pgverify.stats.sequential_tails import GATE, UNSEEN

FAMILIES: Mapping[str, float] = {  # `rarest`, by which the first look is planned
    "normal": 0.05,
    "exponential": 0.05,
    "lognormal": 0.05,
    "t3": 0.05,
    "pareto3": 0.05,
    "weights1.5": 0.05,
    "rare0.05": 0.05,
    "rare0.01": 0.01,
    "noisyrare0.02": 0.02,
}


Law = str | Callable[[np.random.Generator, int, int], np.ndarray]
"""A family, or a function (rng, runs, n) -> [runs, n, d] of samples."""


def draw(family: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return independent samples of mean 0 and variance 1 (noisyrare: nearly)."""
    if family == "normal":
        return rng.standard_normal(shape)
    if family == "exponential":
        return rng.standard_exponential(shape) - 1
    if family == "t3":
        return rng.standard_t(3, shape) / np.sqrt(3)
    if family == "pareto3":  # Lomax: mean 1/2, variance 3/4, no third moment
        return (rng.pareto(3, shape) - 0.5) / np.sqrt(0.75)
    if family in ("lognormal", "weights1.5"):  # importance weights exp(sz − s²/2): mean 1
        s = 1.0 if family == "lognormal" else 1.5
        return (np.exp(s * rng.standard_normal(shape) - s * s / 2) - 1) / np.sqrt(np.expm1(s * s))
    p = float(family.removeprefix("noisy").removeprefix("rare"))
    value = ((rng.random(shape) < p) / p - 1) / np.sqrt(1 / p - 1)
    return value + 0.1 * rng.standard_normal(shape) if family.startswith("noisy") else value


def mixing(d: int) -> np.ndarray:
    """Return [r, d], r = max(1, d − 1): the samples sum to zero, as softmax gradients do."""
    if d == 1:
        return np.eye(1)
    m = np.random.default_rng(99).normal(size=(d - 1, d))
    return m - m.mean(axis=1, keepdims=True)


def worst_direction(d: int) -> tuple[np.ndarray, float]:
    """Return the unit vector of largest standard deviation, and that."""
    m = mixing(d)
    values, vectors = np.linalg.eigh(m.T @ m)
    return vectors[:, -1], float(np.sqrt(values[-1]))


@dataclass
class Outcomes:
    """Index of the first look at which each run was found biased, or consistent; −1 never. [rates, runs]."""

    biased: np.ndarray
    consistent: np.ndarray
    plain: np.ndarray  # the unguarded group-sequential Hotelling test
    mixture: np.ndarray  # an anytime-valid mixture martingale with the same guard
    open: np.ndarray  # [rates]: fraction whose last look counted
    p: np.ndarray  # [rates, runs] of the last look
    hidden: np.ndarray


def simulate(
    family: Law,
    d: int,
    looks: Looks,
    rates: Sequence[float],
    runs: int,
    seed: int,
    bias: np.ndarray | None = None,
    limit: float = 0.0,
    chunk: int = 250,
) -> Outcomes:
    """Run `runs` tests, each judged at every rate (as alpha and as consistent_rate) on the same samples."""
    parts = []
    for begin in range(0, runs, chunk):
        rng = np.random.default_rng([seed, begin])
        parts.append(_chunk(family, d, looks, rates, min(chunk, runs - begin), rng, bias, limit))
    merged = {
        name: np.concatenate([getattr(p, name) for p in parts], axis=1)
        for name in ("biased", "consistent", "plain", "mixture", "p", "hidden")
    }
    return Outcomes(**merged, open=np.isfinite(merged["hidden"]).mean(axis=1))


def batch(family: Law, d: int, rng: np.random.Generator, runs: int, n: int, bias: np.ndarray | None) -> np.ndarray:
    m = mixing(d)
    x = draw(family, rng, (runs, n, len(m))) @ m if isinstance(family, str) else family(rng, runs, n)
    return x if bias is None else x + bias


def _chunk(
    family: Law,
    d: int,
    looks: Looks,
    rates: Sequence[float],
    runs: int,
    rng: np.random.Generator,
    bias: np.ndarray | None,
    limit: float,
) -> Outcomes:
    never = np.full((len(rates), runs), -1)
    out = Outcomes(*(never.copy() for _ in range(4)), np.empty(0), np.ones(never.shape), np.ones(never.shape))
    n, rank = 0, max(1, d - 1)
    mean, scatter = np.zeros((runs, d)), np.zeros((runs, d, d))
    third, fourth = np.zeros((runs, d)), np.zeros((runs, d))
    low, high = np.full((runs, d), np.inf), np.full((runs, d), -np.inf)
    kurtosis, radius = np.zeros(runs), np.zeros(runs)
    old = prior = scatter
    for k, count in enumerate(looks.counts):
        x = batch(family, d, rng, runs, count - n, bias)
        size, before, n = count - n, n, count
        centre = x.mean(axis=1)
        step = centre - mean
        new_mean = mean + step * (size / n)
        y = x - new_mean[:, None]  # about the new mean: its sums need no correction terms
        square = y * y
        shift = mean - new_mean
        two = np.einsum("rjj->rj", scatter)
        fourth = fourth + 4 * third * shift + 6 * two * shift**2 + before * shift**4 + (square * square).sum(axis=1)
        third = third + 3 * two * shift + before * shift**3 + (square * y).sum(axis=1)
        scatter = scatter + before * shift[:, :, None] * shift[:, None, :] + np.matmul(y.transpose(0, 2, 1), y)
        mean, covariance = new_mean, scatter / (n - 1)
        low, high = np.minimum(low, x.min(axis=1)), np.maximum(high, x.max(axis=1))
        values, vectors = np.linalg.eigh(covariance)
        varies = values > 1e-12 * values[:, -1:]
        axes = vectors * varies[:, None, :]
        white = axes / np.sqrt(np.where(varies, values, 1.0))[:, None, :]
        z = np.matmul(y, white)
        squares = (z * z).sum(axis=-1)
        own = np.linalg.eigvalsh(np.matmul((z * squares[..., None]).transpose(0, 2, 1), z) / size)[:, -1]
        if before:
            ratio = np.linalg.eigvalsh(white.transpose(0, 2, 1) @ old @ white)[:, -1]
            moved = np.linalg.norm(np.einsum("ri,rij->rj", shift, white), axis=1)
            radius = (np.sqrt(ratio * radius) + moved) ** 2
            own = (before * ratio**2 * kurtosis + size * own) / n
        kurtosis, radius, old = np.maximum(own, 1.0), np.maximum(radius, squares.max(axis=1)), covariance

        if k == 0:
            prior = n * covariance
        off = mean  # the target is zero
        along = np.einsum("rij,ri->rj", axes, off)
        astray = np.linalg.norm(off - np.einsum("rij,rj->ri", axes, along), axis=1) > 1e-6
        q = np.sum(along**2 / np.where(varies, values, 1.0), axis=1)
        r = np.maximum(varies.sum(axis=1), 1)
        spread = np.einsum("rjj->rj", covariance)
        still = spread < 1e-18
        own_kurtosis = np.where(still, 1.0, n * fourth / np.where(still, 1.0, (spread * (n - 1)) ** 2))
        reach = np.maximum(high - mean, mean - low) ** 2
        for i, rate in enumerate(rates):
            odds, level = looks.log_odds(rate), STATISTIC * rate / looks.number
            factor = _factor(kurtosis, radius, n, odds)
            open_ = np.isfinite(factor)
            hotelling = np.where(open_, fdtrc(r, n - r, n * q / factor * (n - r) / (r * (n - 1))), 1.0)
            p = np.where(open_ & astray, 0.0, hotelling)
            if d > 1:
                variance = spread * _factor(np.maximum(own_kurtosis, 1.0), np.zeros_like(spread), n, odds)
                variance = variance + 2 / 3 * UNSEEN * reach * odds / n
                t = np.where(still, np.where(np.abs(off) > 1e-6, np.inf, 0.0), np.abs(off))
                t = t / np.sqrt(np.where(still, 1.0, variance) / n)
                p = 2 * np.minimum(p, d * 2 * stdtr(n - 1, -t).min(axis=1))
            b = np.linalg.norm(along, axis=1)
            top = np.where(varies.any(axis=1), values[:, -1], 0.0)
            squared = np.where(open_, factor, 1.0) * stdtrit(n - 1, level) ** 2 / n
            length = np.sqrt(squared * top)
            mu = np.maximum(length * (length + b), 1e-300)
            left = np.maximum(mu[:, None] - squared[:, None] * np.where(varies, values, 0.0), 1e-300)
            far = np.sqrt(mu + np.sum(along**2 * mu[:, None] / left, axis=1))
            hidden = np.where(open_, far, np.inf)
            plain = fdtrc(rank, n - rank, n * q * (n - rank) / (rank * (n - 1))) <= rate / looks.number
            evidence = _log_mixture(n * factor, values, along, axes, varies, prior, n)
            mixed = open_ & (evidence >= -np.log(STATISTIC * rate))
            out.p[i], out.hidden[i] = np.minimum(p, 1.0), hidden
            for name, hit in (
                ("biased", p <= level),
                ("consistent", hidden <= limit),
                ("plain", plain | astray),
                ("mixture", mixed | (open_ & astray)),
            ):
                first = getattr(out, name)[i]
                first[(first < 0) & hit] = k
    return out


def _factor(kurtosis: np.ndarray, radius: np.ndarray, n: int, odds: float) -> np.ndarray:
    error = np.sqrt(2 * kurtosis * odds / n)
    value = (1 + 2 * (1 / (1 - np.minimum(error, GATE)) + UNSEEN * radius * odds / n)) / 3
    return np.where(error > GATE, np.inf, value)


def _log_mixture(
    scaled: np.ndarray,
    values: np.ndarray,
    along: np.ndarray,
    axes: np.ndarray,
    varies: np.ndarray,
    prior: np.ndarray,
    n: int,
) -> np.ndarray:
    """Return log ∫ exp(n λ·b − λᵀ A λ / 2) N(λ; 0, P⁻¹) dλ, A = n × guarded covariance, P = that of the first look.

    ½ log det P − ½ log det (P + A) + ½ n² bᵀ (P + A)⁻¹ b, within the directions that vary.
    """
    inside = axes.transpose(0, 2, 1) @ prior @ axes
    still = np.where(varies, 1e-9 * values[:, -1:], 1.0)
    inside = inside + still[:, :, None] * np.eye(still.shape[1])
    grown = np.where(varies, np.where(np.isfinite(scaled), scaled, 1.0)[:, None] * values, 0.0)
    total = inside + grown[:, :, None] * np.eye(still.shape[1])
    gain = 0.5 * n**2 * np.einsum("ri,ri->r", along, np.linalg.solve(total, along[..., None])[..., 0])
    return gain + 0.5 * (np.linalg.slogdet(inside)[1] - np.linalg.slogdet(total)[1])
