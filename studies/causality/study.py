"""What step 8, reward-to-go in place of the total return, is worth: a law in the horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

import pgverify as pgv
from pgverify.comparison import ROUNDING, Simultaneous, agreement, claims, exact_trace, listed_moments
from pgverify.drawing.words import largest_probability
from pgverify.estimators import Estimator, RewardToGo, TotalReturn
from pgverify.stats import BiasTest, Moments, VarianceRatio
from pgverify.studies import Claim, Row, Scalar, Study
from pgverify.validation import Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ERROR_RATE = 1e-4
"""Total false-alarm probability of the intervals; the tests of the control have 1e-6 each."""
INTERVALS = Simultaneous(ERROR_RATE, most_rows=200)
ESTIMATORS: Mapping[str, Estimator] = {"total return": TotalReturn(), "reward-to-go": RewardToGo()}
LOGITS = [[0.2, -0.4, 0.7]]
PROBLEMS: Mapping[str, float] = {
    "bandit": 1.0,
    "centred bandit": 1.0,
    "discounted bandit": 0.9,
    "two-state-chain": 1.0,
    "garnet-small": 1.0,
    "FrozenLake": 1.0,
    "CliffWalking": 1.0,
}
"""Problem and discount. The bandits are one three-armed bandit played T times: independent steps."""
BANDITS = ("bandit", "centred bandit", "discounted bandit")
LONGEST = 512


def cells(quick: bool) -> Sequence[Mapping[str, Scalar]]:
    longest = 64 if quick else LONGEST
    grid: list[Mapping[str, Scalar]] = []
    for name in PROBLEMS:
        table = name in ("FrozenLake", "CliffWalking")
        if quick and name == "CliffWalking":
            continue
        # No variance at all before T = 2 (two-state-chain pays after a move) and T = 6 (FrozenLake's goal).
        grid.append({"part": "law", "problem": name, "longest": 32 if table else longest})
        horizons = (8, 16) if quick else (8, 16, 32) if table else (2, 4, 8, 16, 32, 64)
        count = 5_000 if quick else 20_000 if name == "CliffWalking" else 25_000
        grid += [{"part": "sampled", "problem": name, "horizon": T, "count": count} for T in horizons]
    names = ("bandit", "two-state-chain") if quick else ("bandit", "two-state-chain", "garnet-small")
    return [
        *grid,
        *({"part": "past", "problem": name, "count": 5_000 if quick else 100_000} for name in names),
    ]


def run(parameters: Mapping[str, Scalar], seed: int) -> list[Row]:
    name = str(parameters["problem"])
    match parameters["part"]:
        case "law":
            first = 8 if name in ("FrozenLake", "CliffWalking") else 2
            horizons = [T for T in 2 ** np.arange(10) if first <= T <= int(parameters["longest"])]
            rows = [_law(name, int(horizon)) for horizon in horizons]
        case "sampled":
            rows = _sampled(_problem(name, int(parameters["horizon"])), int(parameters["count"]), seed)
        case _:
            rows = [_past(_problem(name, 3), int(parameters["count"]), seed)]
    return [{**parameters, **row} for row in rows]


def _problem(name: str, horizon: int) -> pgv.Problem:
    objective = pgv.FiniteHorizon(horizon, PROBLEMS[name])
    if name in BANDITS:
        mdp, policy = pgv.mdps.get("three-armed-bandit"), pgv.SoftmaxPolicy(LOGITS)
        if name == "centred bandit":
            mean = pgv.exact.expected_return(pgv.Problem(mdp, policy, pgv.FiniteHorizon(1)))
            mdp = pgv.TabularMDP(mdp.start, mdp.transition, mdp.reward - mean)
        return pgv.Problem(mdp, policy, objective)
    if name in ("FrozenLake", "CliffWalking"):  # rebuilt by the zoo, compared by its tests
        mdp = pgv.mdps.get("frozen-lake-4x4" if name == "FrozenLake" else "cliff-walking")
    else:
        mdp = pgv.mdps.get(name)
    logits = 0.5 * np.random.default_rng(0).normal(size=(mdp.num_states, mdp.num_actions))
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(logits), objective)


def closed_form(problem: pgv.Problem, causal: bool) -> float:
    """Return tr Cov of the total return, or of the reward-to-go (`causal`), for T independent steps.

    With ψ, r those of one step: F = E|ψ|², B = E|ψ|²r, A = E|ψ|²r², m = E r, v = E r², g = E ψr, and E ψ = 0.
    The rewards that step t is multiplied with are its own and others, k ≠ t (total) or k > t (to-go), with
    s_t = Σ γ^k, q_t = Σ γ^2k over the others. In E|Σ_t ψ_t (γ^t r_t + Σ_k γ^k r_k)|²

        t = t':  γ^2t A + 2 γ^t B m s_t + F (v q_t + m² (s_t² − q_t))
        t ≠ t':  a score needs its own reward as partner, so each of γ^{t+t'}|g|²: both ways for the total
                 return; for the to-go the later score alone meets both rewards, so one way in two.

    At γ = 1 the sums, less T²|g|², give

        total:  T A + T(T−1) (Fv + 2Bm) + T(T−1)(T−2) F m² + (T² − 2T)|g|²
        to-go:  T A + T(T−1)/2 (Fv + 2Bm) + T(T−1)(T−2)/3 F m² − T|g|²

    so both grow as T³ and their ratio tends to 3; for m = 0 both grow as T² and it tends to
    2 (1 + |g|²/(Fv)). For γ < 1 the to-go stays bounded while the total return grows as T F E[R²].
    """
    probabilities = problem.policy.probabilities()[0]
    reward = problem.mdp.reward[0, :, 0]
    assert isinstance(problem.objective, pgv.FiniteHorizon)
    powers = problem.objective.discount ** np.arange(problem.objective.horizon)
    score = np.eye(reward.size) - probabilities
    length = (score**2).sum(axis=1)
    F, B, A = (float(probabilities @ (length * reward**k)) for k in range(3))
    m, v = float(probabilities @ reward), float(probabilities @ reward**2)
    g = float(((probabilities * reward) @ score) @ ((probabilities * reward) @ score))
    total, squares = powers.sum(), (powers**2).sum()
    s, q = total - powers, squares - powers**2
    if causal:
        s, q = s - (np.cumsum(powers) - powers), q - (np.cumsum(powers**2) - powers**2)
    same = powers**2 * A + 2 * powers * B * m * s + F * (v * q + m**2 * (s**2 - q))
    return float(same.sum() + (1 if causal else 2) * (total**2 - squares) * g - total**2 * g)


def _law(name: str, horizon: int) -> Row:
    """Return the exact variances at one horizon, by every way there is."""
    problem = _problem(name, horizon)
    row: Row = {"horizon": horizon}
    for estimator, label in zip(ESTIMATORS, ("total", "to_go"), strict=True):
        row[label] = exact_trace(ESTIMATORS[estimator], problem)
        if name in BANDITS:
            row[f"{label}_error"] = abs(closed_form(problem, label == "to_go") / row[label] - 1.0)
        if pgv.exact.count_trajectories(problem) <= 10_000:
            batch, weights = pgv.exact.enumerate_trajectories(problem)
            listed = listed_moments(ESTIMATORS[estimator](batch), weights)[1]
            row[f"{label}_listed_error"] = abs(listed / row[label] - 1.0)
    horizon = getattr(problem.objective, "horizon", 1)
    if name == "centred bandit" and 1 < horizon <= 64:
        row["two_arms"], row["first_pays"] = _two_arms(horizon), _first_pays(horizon)
    return {**row, "ratio": row["total"] / row["to_go"]}


def _sampled(problem: pgv.Problem, count: int, seed: int) -> list[Row]:
    """Return both variances and their ratio, exact beside sampled, from the same trajectories."""
    batch = pgv.sample(problem, count, seed)
    total, to_go = (estimator(batch) for estimator in ESTIMATORS.values())
    exact = [exact_trace(estimator, problem) for estimator in ESTIMATORS.values()]
    paired = VarianceRatio(1 - INTERVALS.alpha).run(total, to_go)
    return [
        {"estimator": "total return", **INTERVALS.trace_row(Moments.of(total), exact[0])},
        {"estimator": "reward-to-go", **INTERVALS.trace_row(Moments.of(to_go), exact[1])},
        {"estimator": "ratio", **INTERVALS.ratio_row(paired, exact[0] / exact[1])},
    ]


def rewards_before(batch: pgv.Trajectories) -> Float[Array, "n d"]:
    """Weigh step t by Σ_{k<t} γ^k r_k: causality the wrong way round, keeping what should be dropped.

    Given s_t the past is fixed and E ψ_t = 0: expectation zero, whatever ∇J is.
    """
    paid = batch.rewards * batch.discount_powers
    return batch.score_weighted(paid.cumsum(axis=1) - paid)


def _past(problem: pgv.Problem, count: int, seed: int) -> Row:
    gradient = pgv.exact.gradient(problem)
    batch, weights = pgv.exact.enumerate_trajectories(problem)
    past = rewards_before(batch)
    parts = TotalReturn()(batch) - RewardToGo()(batch)
    length = float(np.linalg.norm(gradient))
    moments = Moments.of(rewards_before(pgv.sample(problem, count, seed)))
    return {
        "past_mean": float(np.linalg.norm(weights @ past)) / length,
        "past_is_difference": float(np.abs(past - parts).max() / np.abs(past).max()),
        "past_trace": float(weights @ (past**2).sum(axis=1)),
        "p_zero": BiasTest(1e-6).run(moments, np.zeros(len(gradient))).p_value,
        "p_gradient": BiasTest(1e-6).run(moments, gradient).p_value,
    }


def _last(law: pd.DataFrame, name: str) -> tuple[pd.Series, pd.Series]:
    """Return the rows of the two longest horizons, T/2 and T."""
    part = law[law["problem"] == name].sort_values("horizon")
    return part.iloc[-2], part.iloc[-1]


def decide(table: pd.DataFrame) -> list[Claim]:
    law, past = table[table["part"] == "law"], table[table["part"] == "past"]
    rows = table[table["part"] == "sampled"]
    ratios = rows[rows["quantity"] == "ratio"]
    errors = law[[column for column in law if str(column).endswith("error")]].to_numpy(float)
    above = ratios[ratios["exact"] > 1.2]
    lake = law.loc[law["problem"] == "FrozenLake", "ratio"] - 1.0

    def exponents(name: str) -> list[float]:
        half, whole = _last(law, name)
        return [float(np.log2(whole[x] / half[x])) for x in ("total", "to_go")]

    def limit(name: str) -> float:
        half, whole = _last(law, name)  # ratio = limit − c/T + O(1/T²): the first correction cancels
        return float(2 * whole["ratio"] - half["ratio"])

    growing = ["bandit", "two-state-chain", "garnet-small"]
    cubes = [x for name in growing for x in exponents(name)]
    limits = [limit(name) for name in growing]
    centred, expected = limit("centred bandit"), _centred_limit()
    squares = exponents("centred bandit")
    four = table["two_arms"].dropna()
    any_factor = (table["first_pays"] / table["horizon"]).dropna()
    half, whole = _last(law, "discounted bandit")
    slope = float((whole["ratio"] - half["ratio"]) / (whole["horizon"] - half["horizon"]))
    wanted = _discounted_slope()
    left = 1e-3 + 2.0 * PROBLEMS["discounted bandit"] ** float(half["horizon"])
    longest = f"T = {int(whole['horizon'])}"
    tolerance = 20.0 / float(whole["horizon"])  # corrections of order 1/T to exponents and limits
    by_hand = "Variances by hand (independent steps), by dynamic programming and by listing agree."
    nothing = "FrozenLake pays only when an episode ends: no reward is past, and causality gains nothing (ratio 1)."
    every = "Every sampled variance, and every ratio on the same trajectories, lies within its interval."
    # fmt: off
    laws = claims("exact", f"corrections of order 1/T allowed, {tolerance:.2g} at {longest}",
        ("cubic", f"At γ = 1 both variances grow as T³ where the mean reward is not 0 ({', '.join(growing)}).",
         "exponent 3", f"{min(cubes):.3f} to {max(cubes):.3f} at {longest}",
         max(abs(x - 3.0) for x in cubes) <= tolerance),
        ("ratio-three", "There their ratio tends to 3: Σ_t T² against Σ_t (T−t)².", "3",
         f"{min(limits):.4f} to {max(limits):.4f}, extrapolated from {longest}",
         max(abs(x - 3.0) for x in limits) <= tolerance),
        ("four", "With mean reward 0 it may be up to 4: two arms that pay ±1, drawn alike, reach it at every T > 1.",
         "4", f"{four.min():.12g} to {four.max():.12g}", bool(len(four)) and abs(four - 4.0).max() <= 4.0 * ROUNDING),
        ("centred", "With mean reward 0 both grow as T², and the ratio tends to 2(1 + |g|²/(Fv)).",
         f"exponent 2, ratio {expected:.4f}", f"exponents {squares[0]:.3f} and {squares[1]:.3f}, ratio {centred:.4f}",
         max(*(abs(x - 2.0) for x in squares), abs(centred - expected)) <= tolerance),
    )
    laws += claims("exact", f"rounding bound {ROUNDING:g}",
        ("any-factor", "Of steps that are not alike it may be any factor: where the first alone pays, it is T.",
         "T", f"{any_factor.min():.12g} to {any_factor.max():.12g} times T",
         bool(len(any_factor)) and abs(any_factor - 1.0).max() <= ROUNDING),
    )
    laws += claims("exact", f"{left:.2g} relative: what γ^T has left at half the longest horizon",
        ("discounted", "At γ = 0.9 the reward-to-go stays bounded and the ratio grows in proportion to T.",
         f"{wanted:.4f} a step", f"{slope:.4f} a step; ratio {whole['ratio']:.0f} at {longest}",
         abs(slope / wanted - 1.0) <= left),
    )
    controls = claims("exact", f"rounding bound {ROUNDING:g}",
        ("past-is-noise", "Control: the part that causality drops, rewards before the action, has expectation zero.",
         "|E| / |∇J| = 0, and total − to-go is this part",
         f"at most {past['past_mean'].max():.2g}; difference {past['past_is_difference'].max():.2g}",
         max(past["past_mean"].max(), past["past_is_difference"].max()) <= ROUNDING),
    )
    controls += claims("sampled", f"total error rate {ERROR_RATE:g} of the intervals, 1e-6 of each control",
        ("past-has-no-signal", "Control: sampled, weighing by past rewards alone is told from ∇J, and not from zero.",
         "p below 1e-6 against ∇J, above 1e-6 against 0",
         f"{largest_probability(past['p_gradient'].max())}; at least {past['p_zero'].min():.2g}",
         past["p_gradient"].max() < 1e-6 < past["p_zero"].min()),
        ("gain-seen", "Wherever the exact ratio is above 1.2 the sampled interval of the ratio excludes 1.",
         f"{len(above)} of {len(above)}",
         f"{int((above['low'] > 1.0).sum())} of {len(above)}; ratios {above['exact'].min():.3g} to "
         f"{above['exact'].max():.3g}",
         len(above) > 0 and (above["low"] > 1.0).all()),
    )
    # fmt: on
    by_hand_or_listed = errors[~np.isnan(errors)]  # not every problem can be done by hand, or listed
    return [
        agreement("closed-form", by_hand, by_hand_or_listed),
        *laws,
        agreement("nothing-gained", nothing, lake),
        INTERVALS.claim("intervals", every, rows),
        *controls,
    ]


def _one_step(name: str) -> tuple[float, float, float, float]:
    """Return F, m, v and |g|² of one step of a bandit."""
    problem = _problem(name, 1)
    probabilities, reward = problem.policy.probabilities()[0], problem.mdp.reward[0, :, 0]
    length = ((np.eye(3) - probabilities) ** 2).sum(axis=1)
    g = pgv.exact.gradient(problem)
    F, m, v = (float(probabilities @ x) for x in (length, reward, reward**2))
    return F, m, v, float(g @ g)


def _centred_limit() -> float:
    """Return 2 (1 + |g|²/(Fv))."""
    F, _, v, g = _one_step("centred bandit")
    return 2.0 * (1.0 + g / (F * v))


def _two_arms(horizon: int) -> float:
    """Return the ratio for two arms that pay ±1, drawn alike: 4.

    There |ψ|² and r² do not vary and B = 0: A = F v = |g|² = F, and the two laws of the README are 2 T(T−1) F and
    T(T−1) F / 2.
    """
    return _ratio(pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, -1.0]]), horizon)


def _first_pays(horizon: int) -> float:
    """Return the ratio where the first step pays 1, whatever is done, and the others nothing: T.

    ∇J = 0 and R = 1: the total return has variance E|Σ_t ψ_t|² = T F, the reward-to-go that of its first step, F.
    """
    transition = np.zeros((2, 2, 2))
    transition[..., 1] = 1.0
    return _ratio(pgv.TabularMDP([1.0, 0.0], transition, [[1.0, 1.0], [0.0, 0.0]]), horizon)


def _ratio(mdp: pgv.TabularMDP, horizon: int) -> float:
    """Return the ratio of the variances under the uniform policy."""
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((mdp.num_states, 2))), pgv.FiniteHorizon(horizon))
    total, to_go = (pgv.exact.moments(made, problem, "trace").trace for made in (TotalReturn(), RewardToGo()))
    return total / to_go


def _discounted_slope() -> float:
    """Return F E[R²] / tr Cov(to-go) at T = ∞, with E[R²] = m²/(1−γ)² + (v − m²)/(1−γ²)."""
    F, m, v, _ = _one_step("discounted bandit")
    gamma = PROBLEMS["discounted bandit"]
    second = m**2 / (1 - gamma) ** 2 + (v - m**2) / (1 - gamma**2)
    return F * second / closed_form(_problem("discounted bandit", 1000), causal=True)


def figures(table: pd.DataFrame) -> dict[str, Figure]:
    from pgverify.reporting.figures import variance_against_horizon

    rows = table[(table["part"] == "sampled") & (table["quantity"] == "variance")]
    return {"variance-against-horizon": variance_against_horizon(rows), "ratio": _ratios(table)}


def _ratios(table: pd.DataFrame) -> Figure:
    from pgverify.reporting.canvas import REFERENCE, colours, legend_below, panels, style

    law = table[table["part"] == "law"]
    ratios = table[(table["part"] == "sampled") & (table["quantity"] == "ratio")]
    with style():
        figure, (axis,) = panels(1, width=6.4, height=4.6)
        for name, (colour, marker) in colours(list(law["problem"].unique())).items():
            part = law[law["problem"] == name]
            axis.plot(part["horizon"], part["ratio"], color=colour, lw=1.4)
            seen = ratios[ratios["problem"] == name]
            bars = np.array([seen["sampled"] - seen["low"], seen["high"] - seen["sampled"]])
            axis.errorbar(
                seen["horizon"], seen["sampled"], yerr=bars, fmt=marker, ms=5, mfc="white", color=colour, label=name
            )
        axis.axhline(3.0, color=REFERENCE, lw=1, ls="--", label="3, the limit at γ = 1")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xlabel("horizon T [steps]")
        axis.set_ylabel("variance of total return / of reward-to-go")
        axis.set_title("lines exact, points sampled on the same trajectories")
        figure.suptitle("What causality is worth", x=0.01, ha="left")
        legend_below(figure, [axis])
    return figure


STUDY = Study(
    name="causality",
    question="By what factor does reward-to-go reduce the variance of the total return as the horizon grows?",
    source="The policy gradient theorem explained, step 8",
    cells=cells,
    run=run,
    decide=decide,
    figures=figures,
    formula=r"\frac{\operatorname{tr} \operatorname{Cov}[\sum_t \psi_t \sum_u r_u]}"
    r"{\operatorname{tr} \operatorname{Cov}[\sum_t \psi_t \sum_{u \ge t} r_u]} \to 3",
    captions={
        "variance-against-horizon": "γ = 1, for the discounted bandit 0.9; softmax policies with fixed logits; "
        "the level is "
        "such that all intervals of the study hold together with probability 1 − 1e-4.",
        "ratio": "Lines exact, points sampled; γ = 1, for the discounted bandit 0.9; softmax policies with fixed "
        "logits; "
        "all intervals of the study hold together with probability 1 − 1e-4.",
    },
    answer="Of steps that are alike, at γ = 1 by a factor that tends to 3 where the mean reward is not 0, else to at "
    "most 4; with discounting by one that grows in proportion to T. Of others by any factor, and not always down.",
)
