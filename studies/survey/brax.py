"""brax: `compute_gae` of its PPO on the steps of one environment, in columns [T, 1].

Arrays are filled up to a power of two with steps that have ended and pay nothing, so that few shapes are compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few


@cache
def compiled() -> Callable[..., Any]:
    """Return `compute_gae`, compiled once a shape."""
    import jax
    from brax.training.agents.ppo.losses import compute_gae

    return jax.jit(compute_gae)


def filled(array: Any, value: float = 0.0) -> Any:
    """Return numbers of N steps as a column with a power of two rows."""
    size = 1 << max(len(array) - 1, 1).bit_length()
    return np.concatenate([array, np.full(size - len(array), value)])[:, None].astype(np.float64)


def weights(
    *, cut: int | None, lam: float = 0.9, targets: bool = False, apart: bool = False, early: bool = False
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages, or to targets less V.

    `apart`: a cut is handed over as an end, with γV of the state reached in the reward. `early`: ends are said one step
    too soon.
    """

    def function(batch: Trajectories) -> Any:
        import jax

        steps = batch.steps(cut=cut)
        cuts, ends, rewards = steps.truncated, steps.terminated, steps.rewards
        if apart:
            rewards = rewards + batch.discount * steps.next_values * cuts
            cuts, ends = np.zeros_like(cuts), ends | cuts
        ends = np.roll(ends, -1) if early else ends
        with jax.enable_x64(True):
            found = compiled()(
                truncation=filled(cuts),
                termination=filled(ends, 1.0),
                rewards=filled(rewards),
                values=filled(steps.values),
                bootstrap_value=steps.reset_values[-1:].astype(np.float64),
                lambda_=lam,
                discount=batch.discount,
            )
        column = np.asarray(found[0 if targets else 1])[: len(steps), 0]
        return steps.padded(column - steps.values if targets else column)

    return function


def judged(**how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(**how), kind="weights", target="discount_dropped", problems=few())


WHOLE, CUT = "compute_gae, advantages, λ = 0.9", "compute_gae, advantages, λ = 0.9, episodes that are cut"
TARGETS = "compute_gae, targets less V, λ = 0.9"
LOOP = "compute_ppo_loss: on an unroll [T, B] with the truncation of EpisodeWrapper and the values of all observations"
CLAIM = "“Calculates the Generalized Advantage Estimation (GAE)” (training/agents/ppo/losses.py)"

SURVEY = Survey(
    "brax",
    ("brax==0.14.2", "jax==0.10.2"),
    ("jax", "brax.training.agents.ppo.losses"),
    (
        SurveyRow(
            WHOLE,
            CLAIM,
            LOOP,
            judged(cut=None),
            Outcome.CORRECT,
            remark="no GAE(λ), though its mean is the same: what follows the next step counts γ, not γλ",
        ),
        SurveyRow("compute_gae, advantages, λ = 1", CLAIM, LOOP, judged(cut=None, lam=1.0), Outcome.CORRECT),
        SurveyRow(TARGETS, CLAIM, LOOP, judged(cut=None, targets=True), Outcome.CORRECT),
        SurveyRow(
            "compute_gae, termination one step early",
            CLAIM,
            "not so",
            judged(cut=None, early=True),
            Outcome.BIASED,
            Role.PLANTED,
            WHOLE,
        ),
        SurveyRow(
            CUT,
            CLAIM,
            LOOP,
            judged(cut=2),
            Outcome.BIASED,
            remark="the last step of a piece that was cut counts for nothing: “deltas *= truncation_mask”, by design",
        ),
        SurveyRow(
            "compute_gae, a cut handed over as an end, γV of the state reached in its reward",
            CLAIM,
            "mended",
            judged(cut=2, apart=True),
            Outcome.CORRECT,
            Role.RIGHT,
            CUT,
        ),
    ),
    "truncation and termination are apart: a step that was cut is not said to have terminated",
)
