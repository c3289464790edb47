"""One fault before TFP's statistical testing and before ours, with as many samples: `python benchmarks/beside_tfp.py`.

The fault is the factor γ^t left out, on a small random problem whose ∇J is known; the figures are those of
docs/compared.md. Both tests are given the true mean, a false-alarm rate of 1e-6 in all coordinates together, and the same
samples. TFP also needs bounds of the samples: those of all trajectories, listed, the narrowest that are true.

Needs `pip install tensorflow-probability==0.25.0 jax`; without it one sentence says so.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pgverify as pgv

RATE, SEEDS = 1e-6, 20
SIZES = (300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
RIGHT, DROPPED = pgv.estimators.RewardToGo(), pgv.estimators.RewardToGo(discount_weighting=False)


def problem() -> pgv.Problem:
    """Return the problem of the page: three states, two actions, three steps."""
    policy = pgv.SoftmaxPolicy(np.random.default_rng(0).normal(size=(3, 2)))
    return pgv.Problem(pgv.mdps.garnet(3, 2, 2, seed=0), policy, pgv.FiniteHorizon(3, 0.8))


def statistical_testing() -> Any:
    """Return TFP's module, on JAX."""
    from tensorflow_probability.substrates.jax.distributions.internal import (  # type: ignore[import-not-found]
        statistical_testing,
    )

    return statistical_testing


def ours(truth: np.ndarray) -> Callable[[np.ndarray], bool]:
    """Return whether the test of the whole vector rejects."""
    test = pgv.stats.BiasTest(alpha=RATE)
    return lambda samples: bool(test.run(pgv.stats.Moments.of(samples), truth).rejected)


def theirs(st: Any, truth: np.ndarray, low: np.ndarray, high: np.ndarray) -> Callable[[np.ndarray], bool]:
    """Return whether `assert_true_mean_equal_by_dkwm` raises; its rate is the total over all coordinates."""

    def rejects(samples: np.ndarray) -> bool:
        try:
            found = st.assert_true_mean_equal_by_dkwm(samples, low, high, truth, false_fail_rate=RATE)
        except Exception as reason:  # whatever its backend raises where an assertion fails
            theirs.said = " ".join(str(reason).split())  # type: ignore[attr-defined]
            return True
        return found is False

    return rejects


def main() -> None:
    """Print how often each sees the fault, at how many samples, and what each says about it."""
    try:
        st = statistical_testing()
    except ImportError as reason:
        print(f"TFP cannot be run here ({reason}): pip install tensorflow-probability==0.25.0 jax")
        return
    one = problem()
    truth = pgv.exact.gradient(one)
    every, _ = pgv.exact.enumerate_trajectories(one)
    bounds = {each: (each(every).min(axis=0), each(every).max(axis=0)) for each in (RIGHT, DROPPED)}
    bias = np.abs(pgv.exact.moments(DROPPED, one).mean - truth)
    needed = st.min_num_samples_for_dkwm_mean_test(bias, *bounds[DROPPED], RATE, RATE)
    print(f"largest bias {bias.max():.4f}; TFP asks for {float(np.min(np.asarray(needed))):,.0f} samples to be sure of it")
    print(f"{'samples':>9}  {'TFP sees':>9}  {'ours sees':>9}  {'TFP accuses right':>18}  {'ours accuses right':>18}")
    for size in SIZES:
        counts = np.zeros(4, dtype=int)
        for seed in range(SEEDS):
            batch = pgv.sample(one, size, seed=seed)
            for place, each in enumerate((DROPPED, RIGHT)):
                samples = each(batch)
                counts[2 * place] += theirs(st, truth, *bounds[each])(samples)
                counts[2 * place + 1] += ours(truth)(samples)
        print(f"{size:9,d}  {counts[0]:6d}/{SEEDS}  {counts[1]:6d}/{SEEDS}  {counts[2]:15d}/{SEEDS}  {counts[3]:15d}/{SEEDS}")
    said = getattr(theirs, "said", "")
    print(f"TFP says: {said[:300]}")
    started = time.process_time()
    report = pgv.check(DROPPED, problems=one)
    print(f"the oracle, no samples, {time.process_time() - started:.1f} s: {report.outcome.value}, {report.diagnosis}")


if __name__ == "__main__":
    main()
