"""What a turn of each knob would do: λ, the number of steps n, the factor γ^t, the number of trajectories N."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from pgverify.baselines import Baseline, StateValue, TimeStateValue
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage
from pgverify.exact import moments
from pgverify.problem import Problem
from pgverify.rollout import Rollout
from pgverify.validation import Array
from pgverify.variance.quality import Quality, quality_of

if TYPE_CHECKING:
    import pandas as pd

TRACE_DECAYS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 1.0)
STEPS = (1, 2, 3, 5, 8, 12, 20, 32)
MOST_CELLS = 1_000_000
"""T n² S A up to which a curve over n is drawn: n sums run side by side, and their products."""
CRITIC_OFF = 0.8
"""The critic that is wrong: 20 % too small everywhere, so that the price of a bias can be seen beside a perfect one."""
SIZES = tuple(round(10 ** (k / 4)) for k in range(29))
"""N from 1 to 10^7, four to a factor of ten."""

TRACE_DECAY, LOOKAHEAD, BATCH = "trace decay λ", "steps n", "batch size N"


def critic_curves(
    problem: Problem, law: Rollout, truth: Float[Array, "d"], max_steps: int | None
) -> list[dict[str, Any]]:
    """Return rows over λ and n with V as the critic, and with 0.8 V: `curve, estimator, setting, trace, relative_bias`.

    Parameters
    ----------
    problem : Problem
    law : Rollout
    truth : [d]
        ∇J.
    max_steps : int, optional
        As for `pgverify.sample`.
    """
    rows = []
    for curve, label, setting, estimator in _settings(problem, law):
        found = moments(estimator, problem, "trace", max_steps)
        quality = quality_of(found.mean, truth, found.trace, 0.0)
        rows.append(
            {
                "curve": curve,
                "estimator": label,
                "setting": float(setting),
                "trace": found.trace,
                "relative_bias": quality.relative_bias,
            }
        )
    return rows


def _settings(problem: Problem, law: Rollout) -> Iterator[tuple[str, str, float, object]]:
    critics: dict[str, Baseline] = {"critic V": StateValue(), f"critic {CRITIC_OFF:g} V": _scaled(law)}
    cells = (law.horizon or 0) * problem.mdp.num_states * problem.mdp.num_actions
    for label, critic in critics.items():
        for decay in TRACE_DECAYS:
            yield TRACE_DECAY, f"GAE(λ), {label}", decay, GeneralizedAdvantage(decay, critic)
        for steps in STEPS:
            if law.horizon is not None and steps <= law.horizon and steps**2 * cells <= MOST_CELLS:
                yield LOOKAHEAD, f"n steps, {label}", steps, NStepAdvantage(steps, critic)


def _scaled(law: Rollout) -> Baseline:
    off = CRITIC_OFF * np.asarray(law.values)
    if off.ndim == 1 or law.horizon is None:
        return StateValue(off)
    return TimeStateValue(off[: law.horizon + 1])  # where episodes are cut the values go on beyond


def batch_curves(qualities: Mapping[str, Quality]) -> list[dict[str, Any]]:
    """Return rows over N: `relative_error`, the root mean square one, and `cosine`, besides the columns of the others.

    An estimator that couples a batch is taken to be as noisy at every N as at the batch size of the report.

    Parameters
    ----------
    qualities : {name: Quality}
    """
    return [
        {
            "curve": BATCH,
            "estimator": name,
            "setting": float(size),
            "trace": quality.trace,
            "relative_bias": quality.relative_bias,
            "relative_error": quality.relative_error(size),
            "cosine": quality.cosine(size),
        }
        for name, quality in qualities.items()
        for size in SIZES
    ]


def curves_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows of all curves as a table."""
    import pandas as pd

    columns = ["curve", "estimator", "setting", "trace", "relative_bias", "relative_error", "cosine"]
    return pd.DataFrame(rows, columns=columns)
