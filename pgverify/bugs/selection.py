"""Which trajectories are kept, and which estimator is compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Inexact

from pgverify.baselines import StateValue
from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import credit, rows
from pgverify.errors import InvalidEstimator
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _first_finished(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return the mean over the ⌈n/2⌉ shortest episodes of n that run side by side; of equals, the first.

    The n episodes are independent, the kept ones are not a sample of them: short ones come first.
    """
    order = np.argsort(batch.lengths, kind="stable")[: (len(batch) + 1) // 2]
    return rows(batch, credit(batch))[order].mean(axis=0)


@dataclass(frozen=True)
class Comparison:
    """The variances of row 61, each the trace of the sample covariance of one trajectory's contribution.

    Attributes
    ----------
    measured : float
        Of the estimator on which the baseline's benefit was demonstrated: total return, no baseline.
    measured_with_baseline : float
        Of the same with the baseline.
    used : float
        Of the estimator that is run: reward-to-go, no baseline.
    used_with_baseline : float
        Of the same with the baseline.
    """

    measured: float
    measured_with_baseline: float
    used: float
    used_with_baseline: float


MEASURED, MEASURED_WITH = TotalReturn(), TotalReturn(StateValue())
USED, USED_WITH = RewardToGo(), RewardToGo(StateValue())


def unequal_comparison(batch: Trajectories) -> Comparison:
    """Return both variances of both estimators, so that the two claims can be set side by side.

    "The baseline removes measured − measured_with_baseline" is true of an estimator nobody runs; what a user gets is
    used − used_with_baseline. Take a sampled batch: the trajectories count equally.

    Raises
    ------
    InvalidEstimator
        When the batch has fewer than two trajectories.
    """
    if len(batch) < 2:
        raise InvalidEstimator(f"batch has {len(batch)} trajectory, must have at least 2 for a variance")
    traces = [float(f(batch).var(axis=0, ddof=1).sum()) for f in (MEASURED, MEASURED_WITH, USED, USED_WITH)]
    return Comparison(*traces)


FIRST_N_FINISHED = Bug(
    number=58,
    slug="first-n-finished",
    effect=Effect.BIASED,
    cause="Environments run side by side and the batch is made of the episodes that end first: short ones.",
    cure="Fix in advance which episodes count, and wait for them.",
    source=("HumanCompatibleAI/imitation#183", "thu-ml/tianshou#1042", "DLR-RM/stable-baselines3#402"),
    implementation=_first_finished,
    correct=RewardToGo(),
    batch_size=2,
    ordered=True,
    note="Innocent when all episodes have the same length.",
)

UNEQUAL_COMPARISON = Bug(
    number=61,
    slug="unequal-comparison",
    effect=Effect.INVALID_COMPARISON,
    cause="A variance reduction is demonstrated on an estimator other than the one that is used.",
    cure="Measure the variance of the estimator that is run, with and without the change.",
    source=("mirage-rl (README)", "Tucker et al., The mirage of action-dependent baselines, 2018, arXiv 1802.10031"),
    implementation=MEASURED_WITH,
    correct=USED_WITH,
    note="Both are unbiased; `selection.unequal_comparison` computes both variances, with and without the baseline.",
)
