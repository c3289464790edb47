"""How far each baseline is from the best one: on the zoo, on random problems, and where V is arbitrarily bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from baselines_drawn import laws, ratios
from jaxtyping import Float

import pgverify as pgv
from pgverify.baselines import AverageReturn, Constant, StateValue, TimeStateValue
from pgverify.comparison import ROUNDING, agreement, claims, exact_trace, listed_moments, relative_error
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.policies import dense_score
from pgverify.studies import Claim, Row, Scalar, Study
from pgverify.validation import Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ZOO: Mapping[str, tuple[int, float]] = {
    "three-armed-bandit": (1, 1.0),
    "heavy-reward": (1, 1.0),
    "frozen-lake-4x4": (20, 0.95),
    "garnet-medium": (10, 0.9),
    "river-swim": (10, 0.9),
    "gridworld-4x3": (15, 0.95),
    "near-deterministic": (4, 1.0),
    "cliff-walking": (30, 0.95),
    "garnet-small": (3, 0.9),
    "variable-length": (8, 0.9),
    "two-state-chain": (5, 0.9),
    "kakade-two-state": (5, 0.9),
    "random-walk-5": (8, 1.0),
    "short-corridor": (8, 0.9),
    "nota-thomas-counterexample": (2, 0.9),
}
"""Horizon and discount. In the last two, ALIASED, all states look alike: their policies have a single parameter."""
ESTIMATORS: Mapping[str, type[RewardToGo] | type[TotalReturn]] = {
    "reward-to-go": RewardToGo,
    "total return": TotalReturn,
}
SHARED = ("gridworld-4x3", "frozen-lake-4x4", "garnet-small", "two-state-chain")
BATCHES = ("three-armed-bandit", "garnet-small", "random-walk-5", "frozen-lake-4x4")
ALIASED = ("short-corridor", "nota-thomas-counterexample")
LISTED = 5_000
RARE = tuple(2.0**-k for k in range(2, 13))
"""ε, the probability of the rare arm in the family."""


def cells(quick: bool) -> Sequence[Mapping[str, Scalar]]:
    skipped = ("cliff-walking", "garnet-medium", "gridworld-4x3", "variable-length") if quick else ()
    grid: list[Mapping[str, Scalar]] = [{"part": "zoo", "problem": name} for name in ZOO if name not in skipped]
    grid.append({"part": "random", "problem": "garnet", "count": 60 if quick else 400})
    grid.append({"part": "family", "problem": "bandit"})
    grid += [{"part": "batch", "problem": name} for name in (BATCHES[:2] if quick else BATCHES)]
    return [*grid, *({"part": "shares", "problem": name} for name in (SHARED[2:] if quick else SHARED))]


def run(parameters: Mapping[str, Scalar], seed: int) -> list[Row]:
    name = str(parameters["problem"])
    match parameters["part"]:
        case "zoo":
            rows = _zoo(_problem(name), ZOO[name][1], np.random.default_rng(seed))
        case "random":
            rows = _random(int(parameters["count"]), np.random.default_rng(seed))
        case "family":
            rows = [_family(rare) for rare in RARE]
        case "batch":
            rows = _batch(_problem(name))
        case _:
            rows = _shares(_problem(name))
    return [{**parameters, **row} for row in rows]


def _problem(name: str) -> pgv.Problem:
    """Return a problem with a fixed random policy, so that every part of the study is about the same one."""
    rng, mdp = np.random.default_rng(crc32(name.encode())), pgv.mdps.get(name)
    policy: pgv.Policy = pgv.SoftmaxPolicy(0.7 * rng.normal(size=(mdp.num_states, mdp.num_actions)))
    if name in ALIASED:
        features = np.zeros((mdp.num_states, 2, 1))
        features[:, 1, 0] = 1.0
        policy = pgv.LinearSoftmaxPolicy(features, [0.4])
    return pgv.Problem(mdp, policy, pgv.FiniteHorizon(*ZOO[name]))


def _square(problem: pgv.Problem, weighting: float) -> Float[Array, "T S"]:
    """Return D_t(s) = E|φ_{t,s}|² = ω^2t d_t(s) Σ_a π(a|s) |ψ(s,a)|², from its definition."""
    visits = pgv.exact.occupancy(problem) * ~problem.mdp.terminal
    length = (problem.policy.probabilities() * (dense_score(problem.policy) ** 2).sum(axis=2)).sum(axis=1)
    return weighting ** (2 * np.arange(len(visits)))[:, None] * visits * length


def _zoo(problem: pgv.Problem, discount: float, rng: np.random.Generator) -> list[Row]:
    """Return tr Cov for every baseline, beside tr Cov(b*) + Σ_t Σ_s D_t(s) (b_t(s) − b*_t(s))².

    Derivation: φ_{t,s} = c_t ψ_t 1{s_t = s} has E[φ_{t,s}·φ_{t',s'}] = 0 for (t,s) ≠ (t',s'): for t < t' condition on
    the past of t', where E ψ_t' = 0. So E|g_0 − Σ b φ|² is a parabola in each b_t(s) by itself, with curvature D_t(s).
    Errors are relative to E|g|², which is what rounding is relative to: the variance itself may be 0.
    """
    values = pgv.exact.values(problem).state[:-1]
    mean = float((pgv.exact.gradient(problem) ** 2).sum())
    few = pgv.exact.count_trajectories(problem) <= LISTED
    batch, weights = pgv.exact.enumerate_trajectories(problem) if few else (None, None)
    rows: list[Row] = []
    for name, kind in ESTIMATORS.items():
        best = pgv.exact.optimal_baseline(kind(), problem)
        square = _square(problem, discount if name == "reward-to-go" else 1.0)
        tables: dict[str, Any] = {
            "none": 0.0,
            "J": pgv.exact.expected_return(problem),
            "best constant": best.constant,
            "V": values,
        }
        tables |= {"best by state": best.by_state, "textbook": best.textbook, "b*": best.values}
        tables["b* disturbed"] = best.values + np.abs(values).max() * rng.normal(size=values.shape)
        for baseline, table in tables.items():
            b = np.broadcast_to(table, values.shape)
            estimator = kind(TimeStateValue(b.copy()))
            trace = exact_trace(estimator, problem)
            predicted = best.trace["values"] + float((square * (b - best.values) ** 2).sum())
            row = {
                "estimator": name,
                "baseline": baseline,
                "trace": trace,
                "second_moment": trace + mean,
                "listed": few,
            }
            row["error"] = abs(predicted - trace) / (trace + mean)
            if batch is not None and weights is not None:
                row["listed_error"] = abs(listed_moments(estimator(batch), weights)[1] - trace) / (trace + mean)
            least = best.trace["values"]
            rows.append(row | {"ratio": trace / least if least > ROUNDING * (trace + mean) else np.inf})
    return rows


def _random(count: int, rng: np.random.Generator) -> list[Row]:
    """Return the variances on Garnet(5, 3, 3) with random policies, horizon 8, relative to that of b*."""
    rows = []
    for _ in range(count):
        mdp = pgv.mdps.garnet(5, 3, 3, int(rng.integers(2**31)))
        problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(5, 3))), pgv.FiniteHorizon(8, 0.9))
        best = pgv.exact.optimal_baseline(RewardToGo(), problem).trace
        value = exact_trace(RewardToGo(StateValue()), problem)
        removed = (best["none"] - value) / (best["none"] - best["values"])
        row = {key: best[key] / best["values"] for key in ("none", "textbook")}
        rows.append(row | {"ratio": value / best["values"], "removed": removed})
    return rows


def _family(rare: float) -> Row:
    """Return the variances of one member of a family of two-armed bandits, by hand, by formula and by listing.

    The rare arm (probability ε) pays 0, the other pays 1, each ± σ with a fair coin, here σ = ε. |ψ|² is 2(1−ε)² for
    the rare arm and 2ε² for the other, so D = E|ψ|² = 2ε(1−ε), V = 1 − ε and b* = E|ψ|²r / D = ε: the rare arm has
    nearly all of the score, so it is its reward that the baseline must meet. With b* all that is left is the coin,
    tr Cov = D σ², because ψ (r̄ − b*) is the same for both arms. By the excess law

        tr Cov(b) = D [σ² + (b − ε)²]:  V / b* = 1 + ((1−2ε)/σ)²,   V / none = (σ² + (1−2ε)²) / (σ² + ε²)

    With σ = ε both grow as ε^-2, the first without bound in σ alone.
    """
    coin = np.zeros((3, 2, 3))
    coin[0, :, 1:], coin[1:, :, 0] = 0.5, 0.0
    coin[1, :, 1] = coin[2, :, 2] = 1.0
    reward = np.zeros((3, 2, 3))
    reward[0] = [[0.0, rare, -rare], [0.0, 1.0 + rare, 1.0 - rare]]
    mdp = pgv.TabularMDP([1.0, 0.0, 0.0], coin, reward, terminal=[False, True, True])
    logits = np.zeros((3, 2))
    logits[0] = np.log([rare, 1.0 - rare])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(logits), pgv.FiniteHorizon(1))
    batch, weights = pgv.exact.enumerate_trajectories(problem)
    row: Row = {"rare": rare}
    errors = []
    for name, b in {"none": 0.0, "V": 1.0 - rare, "best": rare}.items():
        row[name] = 2 * rare * (1 - rare) * (rare**2 + (b - rare) ** 2)
        estimator = RewardToGo(Constant(b))
        errors += [
            exact_trace(estimator, problem) / row[name],
            listed_moments(estimator(batch), weights)[1] / row[name],
        ]
    errors.append(pgv.exact.optimal_baseline(RewardToGo(), problem).trace["values"] / row["best"])
    row |= {"error": float(np.abs(np.array(errors) - 1.0).max()), "ratio": row["V"] / row["best"]}
    return row | {"predicted": 1 + (1 - 2 * rare) ** 2 / rare**2, "to_none": row["V"] / row["none"]}


def _batch(problem: pgv.Problem) -> list[Row]:
    """Return the estimate's moments for leave-one-out and for the group's own mean, n = 2..256.

    With Φ = Σψ_t: n tr Cov_n = tr Cov[Φ(R − J)] + (Var R · E|Φ|² + |∇J|²)/(n−1) (the closed form of `batch_moments`,
    sorted by n). As R_i − R̄ = (n−1)/n (R_i − R̄_{-i}), the group's own mean is (n−1)/n times leave-one-out, sample by
    sample: mean by that factor, covariance by its square.
    """
    gradient, mean = pgv.exact.gradient(problem), pgv.exact.expected_return(problem)
    constant = exact_trace(TotalReturn(Constant(mean)), problem)
    excess = (_second_moment(problem) - mean**2) * float(_square(problem, 1.0).sum()) + float(gradient @ gradient)
    rows = []
    for n in 2 ** np.arange(1, 9):
        out, own = (
            pgv.exact.batch_moments(TotalReturn(AverageReturn(leave_one_out=x)), problem, int(n), "diagonal")
            for x in (True, False)
        )
        row = {"n": int(n), "trace": n * out.trace, "constant": constant, "excess": n * out.trace / constant - 1.0}
        row["error"] = abs(constant + excess / (n - 1) - n * out.trace) / (n * out.trace)
        row["own_mean_error"] = relative_error(own.mean, (n - 1) / n * gradient)
        rows.append(row | {"own_trace_error": abs(own.trace / (out.trace * ((n - 1) / n) ** 2) - 1.0)})
    return rows


def _second_moment(problem: pgv.Problem) -> float:
    """Return E R²; FrozenLake pays once, so that there R² is the return of discount γ²."""
    if pgv.exact.count_trajectories(problem) <= 10 * LISTED:
        batch, weights = pgv.exact.enumerate_trajectories(problem)
        return float(weights @ (batch.rewards @ batch.discount_powers) ** 2)
    objective = problem.objective
    assert isinstance(objective, pgv.FiniteHorizon)
    squared = pgv.FiniteHorizon(objective.horizon, objective.discount**2)
    return pgv.exact.expected_return(pgv.Problem(problem.mdp, problem.policy, squared))


def _shares(problem: pgv.Problem) -> list[Row]:
    """Return the variance that each draw adds, without baseline, with V and with b*."""
    best = pgv.exact.optimal_baseline(RewardToGo(), problem).values
    with_baseline = {"none": RewardToGo(), "V": RewardToGo(StateValue()), "b*": RewardToGo(TimeStateValue(best))}
    return [
        {"baseline": name, "source": row.source, "time": row.time, "trace": row.trace}
        for name, estimator in with_baseline.items()
        for row in pgv.exact.variance_shares(estimator, problem).itertuples()
    ]


def decide(table: pd.DataFrame) -> list[Claim]:
    zoo, random, family, batch = (table[table["part"] == part] for part in ("zoo", "random", "family", "batch"))
    listed = zoo[zoo["listed"].astype(bool)]
    of = zoo.pivot_table(index=["estimator", "problem"], columns="baseline", values="trace", sort=False)
    size = zoo.groupby(["estimator", "problem"], sort=False)["second_moment"].max()
    chain = ["none", "best constant", "best by state", "b*"]
    nested = min(float(((of[x] - of[y]) / size).min()) for x, y in [*pairwise(chain), ("J", chain[1])])
    causal = zoo[zoo["estimator"] == "reward-to-go"].pivot_table(index="problem", columns="baseline", values="ratio")
    tabular, once = causal.drop(index=list(ALIASED)), causal.loc[[name for name in causal.index if ZOO[name][0] == 1]]
    worst = of.loc["reward-to-go"].loc["nota-thomas-counterexample"]
    near, worse = float((random["ratio"] <= 1.1).mean()), float((random["removed"] < 0).mean())
    slopes = [float(np.log2(family[x].iloc[-1] / family[x].iloc[-2])) for x in ("ratio", "to_none")]
    rarest = float(family["rare"].min())
    share = table[table["part"] == "shares"].groupby(["problem", "source", "baseline"])["trace"].sum().unstack()
    untouched = share.drop(index="action", level="source")
    untouched = untouched.sub(untouched["none"], axis=0).div(
        share["none"].groupby("problem").sum(), axis=0, level="problem"
    )
    largest = batch[batch["n"] == batch["n"].max()]
    best, doubt = worst["b*"] / worst["none"], causal["textbook"]
    gaps = f"up to {tabular['textbook'].max():.4f} on the zoo's tables, {doubt['short-corridor']:.3f} on short-corridor"
    at_random = f"{random['textbook'].min():.5f} to {random['textbook'].max():.3f} at random"
    usual = f"{near:.0%}; median V/b* {random['ratio'].median():.3f}, largest {random['ratio'].max():.3f}"
    # fmt: off
    exact = claims("exact", f"rounding bound {ROUNDING:g}, relative to E|g|²",
        ("nested-classes", "A richer class leaves less: none ≥ best constant ≥ best by state ≥ b*; J ≥ best constant.",
         "no step up", f"smallest step {nested:.2g} of E|g|², {len(of)} problems × estimators", nested >= -ROUNDING),
        ("textbook", "E|ψ|²Q / E|ψ|² is never better than b*: equal where T = 1, worse on every random problem.",
         "textbook/b* 1 at T = 1, else above", f"{once['textbook'].max():.10g} at T = 1; {gaps}; {at_random}",
         abs(once["textbook"] - 1).max() <= ROUNDING and doubt.min() >= 1 - ROUNDING and random["textbook"].min() > 1),
        ("value-near-best", f"V is usually near the best: at most 10 % above on most of {len(random)} random problems.",
         "more than half", f"{usual}; at most {tabular['V'].max():.3f} on the zoo's tables; above none {worse:.1%}",
         near > 0.5),
        ("value-worse-than-none", "Where states look alike V can raise a variance that b* removes (Nota–Thomas).",
         "V/none above 1, b*/none 0",
         f"{worst['V'] / worst['none']:.3f} and {best:.2g}; textbook {worst['textbook'] / worst['none']:.2f}",
         worst["V"] > worst["none"] and best <= ROUNDING),
        ("value-unbounded", "Two arms, the rare one (ε) paying 0, the other 1, each ± ε: V/b* = 1 + (1−2ε)²/ε².",
         "slope −2 in log ε", f"{-slopes[0]:.4f}; V/b* = {family['ratio'].max():.3g} at ε = {rarest:.2g}",
         abs(slopes[0] - 2) <= 8 * rarest and relative_error(family["ratio"], family["predicted"]) <= ROUNDING),
        ("value-unboundedly-worse", "On that family V is worse than no baseline, by a factor without bound as well.",
         "slope −2 in log ε", f"{-slopes[1]:.4f}; V/none = {family['to_none'].max():.3g} at ε = {rarest:.2g}",
         abs(slopes[1] - 2) <= 8 * rarest),
        ("leave-one-out-limit", f"Leave-one-out tends to the constant J, from above (n = {largest['n'].max():.0f}).",
         "n tr Cov / tr Cov(J) − 1 in (0, 1 %)", f"{largest['excess'].min():.2%} to {largest['excess'].max():.2%}",
         largest["excess"].gt(0).all() and largest["excess"].max() < 0.01),
    )
    # fmt: on
    parabola = (
        "Excess variance is Σ_t Σ_s E|φ_ts|² (b_t(s) − b*_t(s))², for eight baselines, reward-to-go and total return."
    )
    inverse = "Leave-one-out: n tr Cov_n = tr Cov(J) + (Var R E|Ψ|² + |∇J|²)/(n−1), at every n from 2 to 256."
    return [
        agreement("excess-variance", parabola, zoo["error"]),
        agreement(
            "excess-listed",
            "Every trajectory listed, the estimators' own code has these variances.",
            listed["listed_error"],
        ),
        *exact,
        agreement(
            "family-by-hand", "The family by hand, by dynamic programming and by listing agree.", family["error"]
        ),
        agreement(
            "only-the-action-share",
            "A baseline changes the action shares alone: start, transition and reward stay.",
            untouched,
        ),
        agreement("leave-one-out-law", inverse, batch["error"]),
        agreement("own-mean", "The group's own mean as baseline has expectation (n−1)/n ∇J.", batch["own_mean_error"]),
        agreement(
            "own-mean-variance", "… and ((n−1)/n)² times the variance of leave-one-out.", batch["own_trace_error"]
        ),
    ]


def figures(table: pd.DataFrame) -> dict[str, Figure]:
    from pgverify.reporting.figures import stacked_shares

    shares = table[(table["part"] == "shares") & table["baseline"].isin(["none", "V"]) & (table["source"] != "reward")]
    shares = shares[shares["problem"] == shares["problem"].iloc[0]]
    label = shares["baseline"].map({"none": "reward-to-go", "V": "reward-to-go − V"}) + ", " + shares["problem"]
    stacked = stacked_shares(shares.assign(estimator=label).drop(columns="problem"))
    highest = max(axis.get_ylim()[1] for axis in stacked.axes)
    for axis in stacked.axes:
        axis.set_ylim(0.0, highest)
    beside = ratios(table[(table["part"] == "zoo") & (table["estimator"] == "reward-to-go")])
    return {"relative-to-best": beside, "laws": laws(table), "shares": stacked}


STUDY = Study(
    name="baselines",
    question="How much variance does each baseline leave beside the best one, and can the value function be a bad one?",
    source="Greensmith, Bartlett & Baxter (2004), https://www.jmlr.org/papers/v5/greensmith04a.html; "
    "Keane & Gao, arXiv 2212.13587 (2022); Kool et al. (2019)",
    cells=cells,
    run=run,
    decide=decide,
    figures=figures,
    formula=r"\operatorname{tr} \operatorname{Cov}(b) = \operatorname{tr} \operatorname{Cov}(b^*) + "
    r"\sum_t \sum_s D_t(s) (b_t(s) - b_t^*(s))^2",
    captions={
        "relative-to-best": "Exact, no intervals; reward-to-go under a seeded random policy, logits of standard "
        "deviation 0.7; horizons and discounts as in ZOO of study.py.",
        "laws": "Exact, no intervals; left T = 1 with σ = ε, right γ and T of each problem as in ZOO of study.py;"
        " softmax.",
        "shares": "Exact, no intervals; the same seeded random policy for all baselines of a problem.",
    },
    answer="With V usually some 6 % more variance than with the best baseline is left; but V can be worse than "
    "no baseline, by any factor.",
)
