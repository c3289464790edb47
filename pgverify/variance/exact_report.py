"""The exact report of a problem: every number from dynamic programming, with sampled ones beside them on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pgverify.arrays import integers
from pgverify.counts import counted
from pgverify.errors import InvalidInput, InvalidMDP, InvalidSampling
from pgverify.estimators import RewardToGo
from pgverify.exact import gradient, optimal_baseline, rollout
from pgverify.exact.step_law import step_law
from pgverify.kinds import accepts
from pgverify.problem import Problem
from pgverify.recursion import DeclaresRecursion
from pgverify.validation import require_integer, require_shape, shown
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.all_noises import all_noises, all_sampled
from pgverify.variance.baselines_compared import baselines_compared
from pgverify.variance.curves import batch_curves, critic_curves, curves_of
from pgverify.variance.exact_noise import couples, exact_noise
from pgverify.variance.facts import MEANINGS, exact_facts
from pgverify.variance.layout import Layout, grid_layout
from pgverify.variance.limits import quick_to_couple, too_large
from pgverify.variance.lineup import REFERENCE, named_estimators, usual_lineup
from pgverify.variance.recommendation import best_row, recommend, remarks
from pgverify.variance.report import VarianceReport
from pgverify.variance.source_shares import source_shares
from pgverify.variance.state_maps import state_maps
from pgverify.variance.table import noise_row, table_of, with_samples
from pgverify.variance.titles import title_or


@accepts()
def variance_report(
    problem: Problem,
    estimators: Mapping[str, Any] | Sequence[Any] | None = None,
    samples: int = 0,
    seed: int = 0,
    *,
    batch_size: int = 100,
    relative_error: float = 0.05,
    confidence: float = 0.95,
    max_steps: int | None = None,
    title: str | None = None,
    layout: ArrayLike | None = None,
    progress: Callable[[str], None] | None = None,
) -> VarianceReport:
    """Return how noisy the estimators of ∇J are, where the noise comes from, and what would help: exactly.

    Parameters
    ----------
    problem : Problem
    estimators : {name: estimator} or sequence, optional
        By default the usual ones. Those that declare their recursion are computed; any other function of a batch is
        sampled, and needs `samples`.
    samples : int
        Trajectories to draw, for sampled numbers beside the exact ones; none by default.
    seed : int
        Of these.
    batch_size : int
        N of the expected cosine.
    relative_error, confidence : float
        For which trajectories are counted, as in `pgverify.plan`.
    max_steps : int, optional
        As for `pgverify.sample`; needed under the average reward.
    title : str, optional
        The problem in words.
    layout : [S, 2], optional
        Row and column of every state, for the pictures; found from the moves where the problem is a grid.
    progress : function of a text, optional
        Told what is being computed.

    Raises
    ------
    InvalidInput
        When `problem` is none, or an argument is out of range.
    InvalidEstimator
        When an estimator is no function of a batch, or has to be sampled and `samples` is 0.

    References
    ----------
    Tucker et al., The mirage of action-dependent baselines in reinforcement learning, 2018, for the shares by source;
    Greensmith, Bartlett & Baxter, 2004, for optimal baselines.
    """
    if not isinstance(problem, Problem):
        raise InvalidInput(f"problem is {shown(problem)}, must be a Problem(mdp, policy, objective)")
    samples = require_integer("samples", samples, 0, InvalidSampling)
    seed = require_integer("seed", seed, 0, InvalidSampling)
    asked = Accuracy(batch_size, relative_error, confidence, max_steps)
    tell = progress or (lambda _: None)
    cells = _given_layout(layout, problem)
    headline = title_or(title, lambda: f"{problem.mdp!r}, {problem.policy!r}, {problem.objective!r}")

    tell("gradient and best baselines")
    law = rollout(problem, max_steps)
    truth = np.asarray(gradient(problem))
    best = optimal_baseline(RewardToGo(), problem, max_steps)
    followed = step_law(problem, law)
    lineup = named_estimators(estimators, lambda: usual_lineup(law, best, coupled=quick_to_couple(followed, problem)))
    if samples:
        tell(counted(samples, "trajectory", "trajectories"))
    sampled = all_sampled(lineup, problem, law, truth, samples, seed, asked)
    steps = float(followed.visits().sum())
    noises = all_noises(lineup, problem, law, truth, asked, sampled, tell)
    reference = noises.get(REFERENCE) or exact_noise(RewardToGo(), problem, law, truth, asked)
    least = best.trace["values"]
    rows = []
    for name, noise in noises.items():
        evidence = "exact" if isinstance(lineup[name], DeclaresRecursion) else "sampled"
        row = noise_row(name, noise, evidence, reference.quality.trace, least, steps, asked)
        rows.append(with_samples(row, sampled.get(name)))
    table = table_of(rows)

    left_out = too_large(followed, problem)
    small = not left_out
    declared = {name: given for name, given in lineup.items() if isinstance(given, DeclaresRecursion)}
    single = {name: given for name, given in declared.items() if not couples(given, law)}
    tell("shares by source and time")
    shares = source_shares(single.items() if small else (), problem, max_steps)
    tell("baselines and maps of the states")
    baselines = baselines_compared(problem, best, max_steps)
    recommended = best_row(table)
    mapped: dict[str, Any] = {"variance": RewardToGo()}
    if recommended is not None and recommended["estimator"] in single:
        mapped["variance_recommended"] = single[recommended["estimator"]]
    maps = state_maps(problem, law, truth, best, mapped, cells, max_steps)
    tell("curves over λ, n and N")
    curves = batch_curves({name: noise.quality for name, noise in noises.items()})
    curves += critic_curves(problem, law, truth, max_steps) if small else []
    facts = exact_facts(problem, truth, steps, asked, reference, least, recommended)
    if samples:
        facts |= {"samples": samples, "seed": seed}
    return VarianceReport(
        title=headline,
        evidence="exact",
        recommendation=recommend(table, reference.trajectories, asked),
        table=table,
        facts=facts,
        shares=shares,
        maps=maps,
        baselines=baselines,
        curves=curves_of(curves),
        remarks=tuple(remarks(table, baselines)),
        omitted=tuple(left_out),
        meanings=MEANINGS,
    )


def _given_layout(layout: ArrayLike | None, problem: Problem) -> Layout | None:
    if layout is None:
        return grid_layout(problem.mdp)
    cells = integers("layout", layout, InvalidMDP)
    require_shape("layout", cells, (problem.mdp.num_states, 2), "[S, 2], row and column of every state", InvalidMDP)
    if len(np.unique(cells, axis=0)) < len(cells):
        raise InvalidMDP("layout puts two states into one cell, must give every state its own")
    return (cells - cells.min(axis=0)).astype(np.int64)
