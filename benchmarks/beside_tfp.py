"""One fault before TFP's statistical testing and before ours: `python benchmarks/beside_tfp.py CHECKOUT`.

The fault is the factor γ^t left out, on a small random problem whose ∇J is known; the figures are those of
docs/compared.md. Both tests are given the true mean, a rate of false alarms of 1e-6 over all coordinates, and the same
samples. TFP also needs bounds of the samples: those of all trajectories, listed, the narrowest that are true.

CHECKOUT is one of github.com/tensorflow/probability at v0.25.0, since its wheel leaves the module out; what that
imports comes from `pip install tensorflow-probability==0.25.0`, on NumPy. Without either, one sentence says so.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import pgverify as pgv

MODULE = "tensorflow_probability/python/distributions/internal/statistical_testing.py"
RATE, SEEDS = 1e-6, 20
SIZES = (300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
RIGHT, DROPPED = pgv.estimators.RewardToGo(), pgv.estimators.RewardToGo(discount_weighting=False)


def problem() -> pgv.Problem:
    """Return the problem of the page: three states, two actions, three steps."""
    policy = pgv.SoftmaxPolicy(np.random.default_rng(0).normal(size=(3, 2)))
    return pgv.Problem(pgv.mdps.garnet(3, 2, 2, seed=0), policy, pgv.FiniteHorizon(3, 0.8))


def statistical_testing(checkout: Path) -> Any:
    """Return TFP's module on NumPy, its imports rewritten as its own build does it for others."""
    text = (checkout / MODULE).read_text(encoding="utf-8")
    text = text.replace(
        "import tensorflow.compat.v2 as tf",
        "from tensorflow_probability.python.internal.backend.numpy.compat import v2 as tf",
    ).replace("from tensorflow_probability.python.", "from tensorflow_probability.substrates.numpy.")
    # Once more, for the line above, which names where the substrate itself lies.
    text = text.replace("substrates.numpy.internal.backend", "python.internal.backend")
    module = ModuleType("statistical_testing")
    exec(compile(text, MODULE, "exec"), module.__dict__)
    return module


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
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else "no checkout given")
    try:
        st = statistical_testing(checkout)
    except (OSError, ImportError) as reason:
        print(f"nothing is measured: TFP 0.25 is not here ({reason}); its module needs a checkout and the package")
        return
    one = problem()
    truth = pgv.exact.gradient(one)
    every, _ = pgv.exact.enumerate_trajectories(one)
    bounds = {each: (each(every).min(axis=0), each(every).max(axis=0)) for each in (RIGHT, DROPPED)}
    bias = np.abs(pgv.exact.moments(DROPPED, one).mean - truth)
    needed = st.min_num_samples_for_dkwm_mean_test(bias, *bounds[DROPPED], RATE, RATE)
    print(
        f"largest bias {bias.max():.4f}; TFP asks for {float(np.min(np.asarray(needed))):,.0f} samples to be sure of it"
    )
    print(f"{'samples':>9}  {'TFP sees':>9}  {'ours sees':>9}  {'TFP accuses right':>18}  {'ours accuses right':>18}")
    for size in SIZES:
        counts = np.zeros(4, dtype=int)
        for seed in range(SEEDS):
            batch = pgv.sample(one, size, seed=seed)
            for place, each in enumerate((DROPPED, RIGHT)):
                samples = each(batch)
                counts[2 * place] += theirs(st, truth, *bounds[each])(samples)
                counts[2 * place + 1] += ours(truth)(samples)
        cells = [f"{count}/{SEEDS}" for count in counts]
        print(f"{size:9,d}  {cells[0]:>9}  {cells[1]:>9}  {cells[2]:>18}  {cells[3]:>18}")
    said = getattr(theirs, "said", "")
    print(f"TFP says: {said[:300]}")
    started = time.process_time()
    report = pgv.check(DROPPED, problems=one)
    print(f"the oracle, no samples, {time.process_time() - started:.1f} s: {report.outcome.value}, {report.diagnosis}")


if __name__ == "__main__":
    main()
