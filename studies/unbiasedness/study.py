"""Total return, reward-to-go, baselines and GAE: one expectation, ∇J, and many variances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from jaxtyping import Float, Integer

import pgverify as pgv
from pgverify.baselines import AverageReturn, Constant, StateValue, TimeStateValue
from pgverify.comparison import (
    SOURCES,
    Contributions,
    Simultaneous,
    agreement,
    calibration_claim,
    claims,
    exact_trace,
    listed_moments,
    relative_error,
    sampled_moments,
    variance_report,
    z_scores,
)
from pgverify.drawing.words import largest_probability
from pgverify.errors import UnknownName
from pgverify.estimators import Estimator, GeneralizedAdvantage, RewardToGo, TotalReturn
from pgverify.studies import Claim, Row, Scalar, Study, require_extra
from pgverify.validation import Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ERROR_RATE = 1e-4
"""Total false-alarm probability of the intervals; the tests, and the calibration, have as much again each."""
INTERVALS = Simultaneous(ERROR_RATE, most_rows=20_000)
VISITS = 200
"""Coordinates whose state-action pair is expected less often in the sample are left to the exact part."""
REPETITIONS, SIZE = 500, 2000
"""Of the calibration: independent estimates, and trajectories in each."""
ZOO: Mapping[str, tuple[int, float]] = {
    "three-armed-bandit": (1, 1.0),
    "two-state-chain": (5, 0.9),
    "river-swim": (4, 0.9),
    "random-walk-5": (8, 1.0),
    "short-corridor": (8, 0.9),
    "nota-thomas-counterexample": (2, 0.9),
    "garnet-small": (3, 0.8),
    "near-deterministic": (4, 1.0),
    "heavy-reward": (1, 1.0),
    "variable-length": (8, 0.9),
}
"""Horizon and discount; every trajectory can be listed."""
TABLES: Mapping[str, tuple[int, float, int, tuple[str, ...]]] = {
    "FrozenLake": (20, 0.95, 200_000, ("FrozenLake-v1",)),
    "CliffWalking": (30, 0.95, 40_000, ("CliffWalking-v1", "CliffWalking-v0")),
    "Taxi": (20, 0.95, 30_000, ("Taxi-v4", "Taxi-v3")),
}
"""Gymnasium's own tables: horizon, discount, trajectories, and the environment's name, newest first."""
SOME = ("total return", "reward-to-go", "reward-to-go − V(s)")
"""The estimators of Gymnasium's tables, where sampling takes seconds."""
CALIBRATED = (*SOME, "reward-to-go − any b_t(s)", "GAE(½), V exact")
REPORTED = 50_000
"""Trajectories behind a sampled variance of the report; a tenth of it for Taxi."""


def cells(quick: bool) -> Sequence[Mapping[str, Scalar]]:
    require_extra("unbiasedness", "gymnasium", "gymnasium")
    zoo = ["random-walk-5", "garnet-small"] if quick else list(ZOO)
    tables = ["FrozenLake"] if quick else list(TABLES)
    estimators = list(_estimators(_problem("random-walk-5")))
    scale = 0.1 if quick else 1.0
    grid: list[Mapping[str, Scalar]] = [{"part": "expectation", "problem": name} for name in [*zoo, *tables]]
    grid += [{"part": "group", "problem": "three-armed-bandit", "size": n} for n in (2, 3, 4)]
    for name in [*zoo, *tables]:
        for estimator in SOME if quick or name in TABLES else estimators:
            count = round(scale * (TABLES[name][2] if name in TABLES else 100_000))
            grid.append({"part": "sampled", "problem": name, "estimator": estimator, "count": count})
    for estimator in _faulty():
        count = round(scale * 200_000)
        grid.append({"part": "control", "problem": "random-walk-5", "estimator": estimator, "count": count})
    repetitions = 50 if quick else REPETITIONS
    for estimator in CALIBRATED[:2] if quick else CALIBRATED:
        grid.append({"part": "calibration", "problem": "garnet-small", "estimator": estimator, "count": repetitions})
    for name in [*zoo, *tables]:
        grid.append({"part": "report", "problem": name, "count": round(scale * REPORTED / (1 + 9 * (name == "Taxi")))})
    return grid


def run(parameters: Mapping[str, Scalar], seed: int) -> list[Row]:
    problem = _problem(str(parameters["problem"]))
    part, estimator = parameters["part"], str(parameters.get("estimator", ""))
    if part == "expectation":
        rows = _expectations(problem, listed=parameters["problem"] in ZOO)
    elif part == "group":
        rows = [_group(problem, int(parameters["size"]))]
    elif part == "calibration":
        rows = z_scores(problem, _estimators(problem)[estimator], int(parameters["count"]), SIZE, seed)
    elif part == "report":
        rows = variance_report(problem, _affordable(problem), "reward-to-go", int(parameters["count"]), seed, INTERVALS)
    else:
        implementation = (_estimators(problem) | _faulty())[estimator]
        rows = _sampled(problem, implementation, int(parameters["count"]), seed)
    return [{**parameters, **row} for row in rows]


def _problem(name: str) -> pgv.Problem:
    """Return a problem with a fixed random policy, so that every part of the study is about the same one."""
    rng = np.random.default_rng(crc32(name.encode()))
    horizon, discount = ZOO[name] if name in ZOO else TABLES[name][:2]
    mdp = pgv.mdps.get(name) if name in ZOO else _table(TABLES[name][3])
    policy: pgv.Policy = pgv.SoftmaxPolicy(0.7 * rng.normal(size=(mdp.num_states, mdp.num_actions)))
    if name in ("short-corridor", "nota-thomas-counterexample"):  # their point: states that look alike
        features = np.zeros((mdp.num_states, 2, 1))
        features[:, 1, 0] = 1.0
        policy = pgv.LinearSoftmaxPolicy(features, [0.4])
    return pgv.Problem(mdp, policy, pgv.FiniteHorizon(horizon, discount))


def _table(names: tuple[str, ...]) -> pgv.TabularMDP:
    for name in names[:-1]:
        try:
            return pgv.mdps.from_gymnasium(name)
        except UnknownName:  # an older Gymnasium: the same table under an older name
            continue
    return pgv.mdps.from_gymnasium(names[-1])


def _estimators(problem: pgv.Problem) -> dict[str, Estimator]:
    values = pgv.exact.values(problem).state
    arbitrary = np.abs(values).max() * np.random.default_rng(7).normal(size=values.shape)
    constant = Constant(pgv.exact.expected_return(problem))
    return {
        "total return": TotalReturn(),
        "total return − J": TotalReturn(constant),
        "total return − V(s)": TotalReturn(StateValue()),
        "reward-to-go": RewardToGo(),
        "reward-to-go − J": RewardToGo(constant),
        "reward-to-go − V(s)": RewardToGo(StateValue()),
        "reward-to-go − any b_t(s)": RewardToGo(TimeStateValue(arbitrary)),
        "GAE(½), V exact": GeneralizedAdvantage(0.5),
        "GAE(1), any critic": GeneralizedAdvantage(1.0, TimeStateValue(arbitrary)),
    }


def _faulty() -> dict[str, Contributions]:
    def starts_late(batch: pgv.Trajectories) -> Float[Array, "n d"]:
        """Weigh step t by Σ_{k>t} γ^k r_k: the reward of the step itself is lost."""
        paid = batch.rewards * batch.discount_powers
        return batch.score_weighted(paid[:, ::-1].cumsum(axis=1)[:, ::-1] - paid)

    def looks_ahead(batch: pgv.Trajectories) -> Float[Array, "n d"]:
        """Subtract V(s_{t+1}), which depends on the action, in place of V(s_t)."""
        return batch.score_weighted(RewardToGo().weights(batch) - batch.discount_powers * batch.values[:, 1:])

    return {"return starts one step late": starts_late, "baseline looks one step ahead": looks_ahead}


def _affordable(problem: pgv.Problem) -> dict[str, Estimator]:
    """Return the estimators whose exact moments are computed: some of them where each takes seconds (Taxi)."""
    small = problem.policy.parameters.size <= 1000
    return {name: x for name, x in _estimators(problem).items() if small or name in SOME}


def _expectations(problem: pgv.Problem, listed: bool) -> list[Row]:
    """Return E[g] − ∇J and tr Cov[g] of every estimator, by dynamic programming and by listing."""
    gradient = pgv.exact.gradient(problem)
    rows = []
    batch, weights = pgv.exact.enumerate_trajectories(problem) if listed else (None, None)
    for name, estimator in _affordable(problem).items():
        found = pgv.exact.moments(estimator, problem, form="trace")
        row = {"estimator": name, "error": relative_error(found.mean, gradient), "trace": found.trace}
        if batch is not None and weights is not None:
            mean, trace = listed_moments(estimator(batch), weights)
            row |= {"listed_error": relative_error(mean, gradient), "listed_trace": trace}
        rows.append(row)
    return rows


def _group(problem: pgv.Problem, size: int) -> Row:
    """Return E of the total return less the average of its own batch of `size`, every batch being listed."""
    batch, weights = pgv.exact.enumerate_trajectories(problem)
    gradient = pgv.exact.gradient(problem)
    mean = np.zeros(gradient.size)
    for rows in product(range(len(batch)), repeat=size):
        contributions = TotalReturn(AverageReturn())(batch.select(list(rows)))
        mean += weights[list(rows)].prod() * contributions.mean(axis=0)
    factor = float(mean @ gradient / (gradient @ gradient))
    return {"factor": factor, "error": relative_error(mean / ((size - 1) / size), gradient)}


def _kept(problem: pgv.Problem, count: int) -> Integer[Array, "k"]:
    """Return the coordinates that a sample of this size can speak about, chosen before it is drawn."""
    policy = problem.policy
    if isinstance(policy, pgv.LinearSoftmaxPolicy):
        return np.arange(policy.parameters.size)
    visits = pgv.exact.occupancy(problem).sum(axis=0)[:, None] * policy.probabilities()
    often = (count * visits >= VISITS) & ~problem.mdp.terminal[:, None]
    return np.flatnonzero(often)


def _sampled(problem: pgv.Problem, implementation: Contributions, count: int, seed: int) -> list[Row]:
    """Return exact beside sampled, a row a coordinate and one for the trace, and a row for the test of bias."""
    kept = _kept(problem, count)
    gradient = pgv.exact.gradient(problem)[kept]
    moments = sampled_moments(problem, implementation, count, seed, kept)
    rows = INTERVALS.mean_rows(moments, gradient, kept)
    trace = exact_trace(implementation, problem, kept)
    if np.isfinite(trace):
        rows.append(INTERVALS.trace_row(moments, trace))
    return [*rows, INTERVALS.test_row(moments, gradient)]


def decide(table: pd.DataFrame) -> list[Claim]:
    exact, group = table[table["part"] == "expectation"], table[table["part"] == "group"]
    sampled, control = table[table["part"] == "sampled"], table[table["part"] == "control"]
    report = table[table["part"] == "report"]
    shares = report[[f"share_{source}" for source in SOURCES]].sum(axis=1, skipna=False)[report["problem"] != "Taxi"]
    listed = exact[exact["problem"].isin(list(ZOO))]
    least = float(sampled["p_value"].min()) * int(sampled["p_value"].count())
    flagged = float(control["p_value"].max())
    traces = exact.groupby("problem")["trace"]
    spread = float((traces.max() / traces.min()).min())
    pairs = f"{exact['estimator'].nunique()} estimators on {exact['problem'].nunique()} problems"
    # fmt: off
    decided = claims("exact", "rounding bound 1e-10, relative",
        ("different-variance", "With the same expectation the variances differ, on every problem.",
         "largest/smallest trace above 1.01",
         f"at least {spread:.3g}, at most {float((traces.max() / traces.min()).max()):.3g}", spread > 1.01),
    )
    decided += claims("sampled", f"total error rate {ERROR_RATE:g}; of each control 1e-6",
        ("no-bias-found", "No test, of coordinates and of all directions at once, finds a bias.",
         f"Bonferroni p above {ERROR_RATE:g}", f"smallest {min(1.0, least):.2g} of {sampled['p_value'].count()} tests",
         least > ERROR_RATE),
        ("faults-found", f"Control: {' and '.join(control['estimator'].unique())} are found out.", "p below 1e-6",
         largest_probability(flagged), flagged < 1e-6),
    )
    # fmt: on
    by_program = f"By dynamic programming, {pairs} (Gymnasium's own tables among them) have the expectation ∇J."
    by_listing = "The estimators' own code, averaged over every trajectory there is, has the expectation ∇J."
    own = "The average return of the batch itself as baseline gives (n−1)/n ∇J."
    every = "Every sampled mean and variance lies within its interval of the exact one."
    beside = "Every sampled variance of the report lies within its interval of the exact one."
    factors = (group["factor"] - (group["size"] - 1) / group["size"]).abs()
    return [
        agreement("same-expectation", by_program, exact["error"]),
        agreement("same-expectation-listed", by_listing, listed["listed_error"]),
        agreement("same-variance", "Both ways give the same variance.", listed["listed_trace"] / listed["trace"] - 1),
        agreement("own-average", own, factors),
        agreement("own-average-direction", "Its direction is that of ∇J.", group["error"]),
        agreement("shares", "In the variance report the shares by source add up to the variance.", shares - 1.0),
        INTERVALS.claim("intervals", every, sampled[sampled["quantity"] != "test"]),
        INTERVALS.claim("report-intervals", beside, report),
        *decided,
        calibration_claim(table[table["part"] == "calibration"], ERROR_RATE),
    ]


def figures(table: pd.DataFrame) -> dict[str, Figure]:
    from pgverify.reporting.figures import bias_with_confidence, exact_beside_sampled, z_calibration

    rows = table[(table["part"] == "sampled") & (table["quantity"] != "test")]
    gradients = rows[rows["quantity"] == "gradient"]
    small = gradients[gradients["problem"].isin(["random-walk-5", "garnet-small", "two-state-chain"])]
    report = table[table["part"] == "report"]
    real = report["problem"].isin(list(TABLES))
    return {
        "bias": bias_with_confidence(small),
        "exact-beside-sampled": exact_beside_sampled(rows[rows["problem"].isin(TABLES)]),
        "variance-report": _report(report[real]),
        "variance-report-zoo": _report(report[~real & report["estimator"].isin(CALIBRATED)]),
        "z-scores": z_calibration(table[table["part"] == "calibration"]),
    }


def _report(rows: pd.DataFrame) -> Figure:
    """Draw the variance report, a line an estimator: ratio to the reward-to-go, shares, trajectories for 5 %."""
    from pgverify.drawing.colours import CONCEPTS
    from pgverify.reporting.canvas import PALETTE, REFERENCE, legend_below, panels, style

    place = np.arange(len(rows)) + 1.2 * (rows["problem"] != rows["problem"].shift()).cumsum().to_numpy()
    unit = rows["exact"] / rows["ratio"]
    low, sampled, high = (rows[column] / unit for column in ("low", "sampled", "high"))
    with style():
        figure, axes = panels(3, width=3.6, height=0.9 + 0.19 * float(np.ptp(place)), columns=3)
        bars = np.array([sampled - low, high - sampled])
        axes[0].errorbar(sampled, place, xerr=bars, fmt="o", ms=4, mfc="white", color=PALETTE[0], label="sampled")
        axes[0].plot(rows["ratio"], place, "|", ms=10, mew=1.8, color=REFERENCE, label="exact")
        start = np.zeros(len(rows))
        for source, colour in CONCEPTS.items():
            share = 100 * rows[f"share_{source}"].fillna(0.0).to_numpy(float)
            if share.max() > 0.05:
                axes[1].barh(place, share, left=start, height=0.75, color=colour, label=source, lw=0)
            start += share
        for at in place[start == 0]:
            axes[1].text(1, at, "not computed: d too large", va="center", size=7.5, color=REFERENCE)
        axes[2].plot(rows["trajectories"], place, "D", ms=4, color=PALETTE[6])
        for at, needed in zip(place, rows["trajectories"], strict=True):
            axes[2].annotate(f"{needed:,.0f}", (needed, at), (7, 0), textcoords="offset points", va="center", size=7.5)
        titles = ("variance / that of reward-to-go", "its shares by source [%]", "trajectories for 5 % error")
        for axis, title in zip(axes, titles, strict=True):
            axis.set_title(title)
            axis.set_ylim(place[-1] + 0.8, place[0] - 1.8)
            axis.set_yticks([])
            axis.grid(axis="y", visible=False)
        axes[0].set_xscale("log")
        axes[0].set_yticks(place, rows["estimator"], fontsize=8)
        axes[2].set_xscale("log")
        axes[2].margins(x=0.25)
        for name, at in zip(rows["problem"], place, strict=True):
            if name != rows["problem"].shift().to_numpy()[list(place).index(at)]:
                axes[0].text(0.0, at - 0.95, name, transform=axes[0].get_yaxis_transform(), weight="bold", size=9)
        figure.suptitle("The variance report: exact, with sampled variances beside", x=0.01, ha="left")
        legend_below(figure, axes)
    return figure


STUDY = Study(
    name="unbiasedness",
    question="Do total return, reward-to-go, baselines and GAE share one expectation, ∇J?",
    source="The policy gradient theorem explained, steps 7 and 8; Williams (1992), "
    "https://doi.org/10.1007/BF00992696; Schulman et al. (2016), arXiv 1506.02438",
    cells=cells,
    run=run,
    decide=decide,
    figures=figures,
    formula=r"E \sum_t \gamma^t \psi_t (\Psi_t - b_t(s_t)) = \nabla J",
    captions={
        "bias": "One seeded random softmax policy a problem, T and γ as in ZOO and TABLES of study.py; all "
        "intervals of the study "
        "hold together with probability 1 − 1e-4.",
        "exact-beside-sampled": "The same problems, policies and intervals as in the first figure.",
        "z-scores": "Independent estimates of ∇J along ∇J, each from the number n of trajectories that "
        "results.csv gives; the same "
        "problems and policies.",
        "variance-report": "Gymnasium's own tables, T = 20, 30 and 20, under one seeded random softmax policy "
        "each; points: "
        "sampled traces, whose intervals all hold together with probability 1 − 1e-4.",
        "variance-report-zoo": "Problems of the zoo, T and γ as in ZOO of study.py, one seeded random softmax "
        "policy each; points: "
        "sampled traces, whose intervals all hold together with probability 1 − 1e-4.",
    },
    answer="Yes: one expectation, exactly, with variances that differ.",
)
