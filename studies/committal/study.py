"""What a baseline does to the natural gradient: not its variance, which has no bound, but how soon it commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

import pgverify as pgv
from pgverify.baselines import Constant
from pgverify.comparison import ROUNDING, agreement, claims
from pgverify.estimators import RewardToGo
from pgverify.stats import clopper_pearson
from pgverify.studies import Claim, Row, Scalar, Study
from pgverify.validation import Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

REWARDS = np.array([1.0, 0.7, 0.0])
RATE = 0.5
"""η; arms and rate are those of the experiment of Chung et al. (2021)."""
RARE = tuple(2.0**-k for k in range(2, 13))
"""ε, the probability of two of the three arms."""
DRAWS = 2**17
SHIFTS: Mapping[float, float] = {-0.5: 0.392, 0.0: 0.281, 0.5: 0.048}
"""c in b = b* + c, and the share of 20,000 runs that ends at a worse arm in a simulation that shares no code with this
one, of the experiment of Chung et al. (2021): .392 ± .007, .281 ± .006, .048 ± .003."""
EARLIER_RUNS, STEPS = 20_000, 1000
ERROR_RATE = 1e-4
"""Of all comparisons of shares together."""


def cells(quick: bool) -> Sequence[Mapping[str, Scalar]]:
    grid: list[Mapping[str, Scalar]] = [{"part": "natural"}]
    grid += [{"part": "committal", "baseline": baseline} for baseline in ("none", "V")]
    shifts = (-0.5, 0.5) if quick else tuple(SHIFTS)
    return [*grid, *({"part": "runs", "shift": c, "count": 1000 if quick else 6000} for c in shifts)]


def run(parameters: Mapping[str, Scalar], seed: int) -> list[Row]:
    match parameters["part"]:
        case "natural":
            rows = [row for rare in RARE for row in _natural(rare)]
        case "committal":
            rows = _committal(parameters["baseline"] == "V")
        case _:
            rows = [_runs(float(parameters["shift"]), int(parameters["count"]), seed)]
    return [{**parameters, **row} for row in rows]


def _bandit(probabilities: Float[Array, "3"]) -> pgv.Problem:
    mdp = pgv.TabularMDP([1.0], [[[1.0]] * 3], [list(REWARDS)])
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(np.log(probabilities)[None, :]), pgv.FiniteHorizon(1))


def _inverse(problem: pgv.Problem) -> Float[Array, "d d"]:
    """Return F⁺: the natural gradient is F⁺ g. F has the direction (1, …, 1), which moves no softmax, as its kernel."""
    return np.linalg.pinv(pgv.exact.fisher(problem), rcond=1e-12, hermitian=True)


def _natural(rare: float) -> list[Row]:
    """Return tr Cov of the natural-gradient estimate F⁺ψ(a) (r(a) − b) at π = (ε, 1−2ε, ε), by formula and by hand.

    F⁺ψ(a) = P e_a / π(a) with P = I − 11ᵀ/3, as F e_a/π(a) = e_a − π = ψ(a): up to a shift of all logits the estimate
    r(a)/π(a) of Mei et al. (2022). Hence tr Cov = (2/3) Σ_a (r(a) − b)²/π(a) − |P r|², least at b = Σ r/π / Σ 1/π.
    As ε → 0 it is (2/3)[(1 − b)² + b²]/ε: no b makes it finite, and ½ is the best.
    """
    probabilities = np.array([rare, 1.0 - 2.0 * rare, rare])
    problem, rows = _bandit(probabilities), []
    inverse = _inverse(problem)
    best = float((REWARDS / probabilities).sum() / (1.0 / probabilities).sum())
    limits = {"none": (0.0, 0.0), "V": (float(probabilities @ REWARDS), 0.7), "best": (best, 0.5)}
    limits |= {"best − ½": (best - 0.5, 0.0), "best + ½": (best + 0.5, 1.0)}
    for name, (b, limit) in limits.items():
        covariance = pgv.exact.moments(RewardToGo(Constant(b)), problem).covariance
        by_hand = ((REWARDS - b) ** 2 / probabilities).sum() * 2 / 3 - ((REWARDS - REWARDS.mean()) ** 2).sum()
        trace = float(np.trace(inverse @ covariance @ inverse))
        row = {"rare": rare, "baseline": name, "trace": trace, "error": abs(trace / by_hand - 1.0)}
        rows.append(row | {"limit": 2 / 3 * ((1.0 - limit) ** 2 + limit**2)})
    return rows


def _committal(value: bool) -> list[Row]:
    """Follow θ(a) += η (r(a) − b)/π(a) while the second best arm, a = 1, is drawn every time, from the uniform policy.

    With q = 1 − π(a) only the odds o = (1−q)/q change, log o += η (r(a) − b)/(1−q). Without baseline the step is at
    least ηr: q ≤ e^{-ηrt}/o_0, its sum is finite, and the arm is drawn for ever with probability Π(1 − q_t) > 0. With
    b = V, r(a) − V = κq, where κ is r(a) less the mean reward of the others, ½ each: o += ηκ + O(1/o), so
    q_t → 1/(ηκt), its sum is infinite, and the probability of drawing nothing else falls as t^{-1/(ηκ)}.
    """
    rare, committed, rows = 2.0 / 3.0, 0.0, []
    problem, error = _bandit(np.full(3, 1.0 / 3.0)), 0.0
    reward, others = float(REWARDS[1]), float(REWARDS[[0, 2]].mean())
    for t in range(1, DRAWS + 1):
        committed += float(np.log1p(-rare))
        if t & (t - 1) == 0:  # powers of two
            rows.append({"draws": t, "others": rare, "committed": committed})
        if t <= 8:  # the same step by the estimator's own code and the exact Fisher matrix
            error = max(error, abs(1.0 - float(problem.policy.probabilities()[0, 1]) - rare) / rare)
            estimator = RewardToGo(Constant(float(pgv.exact.expected_return(problem)) if value else 0.0))
            batch, _ = pgv.exact.enumerate_trajectories(problem)
            step = _inverse(problem) @ estimator(batch)[int(np.argmax(batch.actions[:, 0] == 1))]
            problem = problem.with_parameters(problem.policy.parameters + RATE * step)
        gain = (reward - others) * rare if value else reward
        log_odds = float(np.log1p(-rare) - np.log(rare)) + RATE * gain / (1.0 - rare)
        rare = float(np.exp(-np.logaddexp(0.0, log_odds)))
        if rare < 1e-300:
            break
    tail = rare / -np.expm1(-RATE * reward)  # without baseline, what is left to come: at most q (1 + e^{-ηr} + …)
    for_ever = 0.0 if value else float(np.exp(committed)) * (1.0 - tail)
    return [row | {"error": error, "for_ever": for_ever} for row in rows]


def _runs(shift: float, count: int, seed: int) -> Row:
    """Run θ(a) += η (r(a) − b* − c)/π(a) from the uniform policy, b* being the best constant at every step.

    The variance of a step is that with b* and (2/3) c² Σ_a 1/π(a) more: the same for c and −c.
    """
    rng, runs, logits = np.random.default_rng(seed), np.arange(count), np.zeros((count, 3))
    for _ in range(STEPS):
        probabilities = np.exp(logits)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        arm = np.minimum((probabilities.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1), 2)
        inverse = 1.0 / probabilities
        best = (inverse @ REWARDS) / inverse.sum(axis=1)
        logits[runs, arm] += RATE * (REWARDS[arm] - best - shift) * inverse[runs, arm]
        logits = np.maximum(logits - logits.max(axis=1, keepdims=True), -600.0)  # e^-600 is never drawn
    lost = int((logits[:, 0] < logits.max(axis=1)).sum())
    low, high = clopper_pearson(lost, count, 1 - ERROR_RATE / (2 * len(SHIFTS)))
    return {"lost": lost, "share": lost / count, "low": low, "high": high, "earlier": SHIFTS[shift]}


def decide(table: pd.DataFrame) -> list[Claim]:
    natural, committal, runs = (table[table["part"] == part] for part in ("natural", "committal", "runs"))
    trace = natural.pivot_table(index="rare", columns="baseline", values="trace")
    limit = natural.groupby("baseline")["limit"].first()
    rarest = float(natural["rare"].min())
    slope = np.log2(trace.iloc[0] / trace.iloc[1])
    reached = trace.iloc[0] * rarest / limit
    saved = float(1 - trace["V"].iloc[0] / trace["none"].iloc[0])
    none, value = (committal[committal["baseline"] == x].sort_values("draws") for x in ("none", "V"))
    reward, kappa = float(REWARDS[1]), float(REWARDS[1] - REWARDS[[0, 2]].mean())
    last, half = value.iloc[-1], value.iloc[-2]
    decay = float((last["committed"] - half["committed"]) / np.log(2.0))
    arrival, wanted = float(last["others"] * last["draws"]), 1.0 / (RATE * kappa)
    early = none[none["others"] > 1e-200]
    tail = early.iloc[-1], early.iloc[-2]
    speed = float(-np.log(tail[0]["others"] / tail[1]["others"]) / (tail[0]["draws"] - tail[1]["draws"]))
    for_ever = float(none["for_ever"].min())
    earlier = runs["earlier"].to_numpy(float)
    # The difference of two shares, by the normal law of counts in the hundreds: narrower than intervals that meet.
    ours = runs["count"].to_numpy(float)
    common = (runs["lost"] + earlier * EARLIER_RUNS) / (ours + EARLIER_RUNS)
    spread = np.sqrt(common * (1 - common) * (1 / ours + 1 / EARLIER_RUNS))
    reach = NormalDist().inv_cdf(1 - ERROR_RATE / (4 * len(SHIFTS))) * spread
    meet = abs(runs["share"] - earlier) <= reach
    low, high = runs.set_index("shift")["low"], runs.set_index("shift")["high"]
    over = ", ".join(f"{c:g}" for c in runs["shift"])
    shares = ", ".join(f"{x:.4f}" for x in runs["share"])
    # fmt: off
    exact = claims("exact", f"corrections of order ε and log(t)/t allowed; rounding bound {ROUNDING:g}",
        ("variance-unbounded", "As π → (0, 1, 0) the variance grows as 1/ε: without baseline, with V, with the best.",
         "slope −1; ε tr Cov → " + ", ".join(f"{limit[x]:.4f} ({x})" for x in ("none", "V", "best")),
         f"slopes {-slope.max():.4f} to {-slope.min():.4f}; V takes {saved:.1%} off, no more",
         abs(slope - 1).max() <= 8 * rarest and abs(reached - 1).max() <= 8 * rarest),
        ("commits-without", "Drawn over and over, the second best arm is soon certain: 1 − π(a) falls as e^{-ηrt}.",
         f"rate ηr = {RATE * reward:.4f} a draw", f"{speed:.4f}", abs(speed - RATE * reward) <= 1e-3),
        ("stuck-for-ever", "Without baseline it is then drawn for ever with positive probability.",
         "above 0", f"at least {for_ever:.4f}", for_ever > 0.0),
        ("v-delays", "With V, 1 − π(a) falls as 1/(ηκt) only, κ = r(a) less the mean of the others.",
         f"{wanted:.3f} / t", f"{arrival:.3f} / t at t = {last['draws']:.0f}", abs(arrival / wanted - 1) <= 0.01),
        ("v-never-stuck", "… so its sum diverges: drawing nothing else t times has probability t^{-1/(ηκ)} → 0.",
         f"exponent {-wanted:.3f}", f"{decay:.3f}; probability e^{last['committed']:.0f} at t = {last['draws']:.0f}",
         abs(decay / wanted + 1) <= 0.01),
    )
    sampled = claims("sampled", f"total error rate {ERROR_RATE:g}",
        ("shares", f"As others found: {STEPS}-step runs that end at a worse arm, with b = b* + c, c = {over}.",
         ", ".join(f"{x:.3f} ± {w:.3f}" for x, w in zip(earlier, reach, strict=True)) + f" ({EARLIER_RUNS} runs)",
         f"{shares} ({runs['count'].iloc[0]:.0f} runs)", meet.all()),
        ("same-variance-other-fate", "b* − ½ and b* + ½: the same variance at the same policy, but not the same fate.",
         "intervals apart", f"[{low[-0.5]:.3f}, {high[-0.5]:.3f}] and [{low[0.5]:.3f}, {high[0.5]:.3f}]",
         low[-0.5] > high[0.5]),
    )
    # fmt: on
    by_hand = "The variance by hand, and by exact covariance and Fisher matrix, agree."
    same = "The step by hand, and by the estimator's own code and the exact Fisher matrix, leads to the same policies."
    return [
        agreement("variance-by-hand", by_hand, natural["error"]),
        agreement("step-by-hand", same, committal["error"]),
        agreement(
            "same-variance", "b* − ½ and b* + ½ have the same variance.", trace["best + ½"] / trace["best − ½"] - 1
        ),
        *exact,
        *sampled,
    ]


def figures(table: pd.DataFrame) -> dict[str, Figure]:
    from pgverify.reporting.canvas import REFERENCE, colours, legend_below, panels, style

    natural, committal, runs = (table[table["part"] == part] for part in ("natural", "committal", "runs"))
    look = colours(["none", "V", "best"])
    with style():
        figure, axes = panels(3, width=4.6, height=3.6)
        for name, (colour, marker) in look.items():
            part = natural[natural["baseline"] == name]
            axes[0].plot(part["rare"], part["trace"], marker, color=colour, ms=5, label=f"baseline {name}")
            axes[0].plot(part["rare"], part["limit"] / part["rare"], color=colour, lw=0.9)
            path = committal[committal["baseline"] == name].sort_values("draws")
            if len(path):
                axes[1].plot(path["draws"], path["others"], marker + "-", color=colour, ms=5, lw=0.9)
        axes[0].set_title("Variance: no bound, with V or without")
        axes[0].set_xlabel("probability ε of each rare arm")
        axes[0].set_ylabel("tr Cov of the natural gradient")
        slow = 1.0 / (RATE * float(REWARDS[1] - REWARDS[[0, 2]].mean()))
        axes[1].plot(
            [64, DRAWS], [slow / 64, slow / DRAWS], color=REFERENCE, ls="--", lw=1, label=f"law {slow:.0f} / t"
        )
        axes[1].set_title("Aggressiveness: e^(−ηrt), or 1/t with V")
        axes[1].set_xlabel("draws of the second best arm in a row, t")
        axes[1].set_ylabel("probability left for the others")
        axes[1].set_ylim(1e-7, 1.5)
        for axis in axes[:2]:
            axis.set_xscale("log")
            axis.set_yscale("log")
        bars = np.array([runs["share"] - runs["low"], runs["high"] - runs["share"]])
        axes[2].errorbar(runs["shift"], runs["share"], yerr=bars, fmt="o", color=look["best"][0], capsize=3)
        axes[2].plot(runs["shift"], runs["earlier"], "_", ms=22, color=REFERENCE, label="earlier simulation")
        axes[2].set_title("Same variance at ±c, another fate")
        axes[2].set_xlabel("c in the baseline b* + c")
        axes[2].set_ylabel("share of runs that end at a worse arm")
        axes[2].set_ylim(0, 0.45)
        axes[2].set_xlim(-0.65, 0.65)
        figure.suptitle("What a baseline does to the natural gradient", x=0.01, ha="left")
        legend_below(figure, axes)
    return {"committal": figure}


STUDY = Study(
    name="committal",
    question="Does a baseline help the natural gradient by lowering its variance, or by keeping it from committing?",
    source="Chung et al., ICML 2021, arXiv 2008.13773; Mei et al., The role of baselines in policy gradient "
    "optimization, NeurIPS 2022, arXiv 2301.06276",
    cells=cells,
    run=run,
    decide=decide,
    figures=figures,
    formula=r"\operatorname{tr} \operatorname{Cov} = \frac{2}{3} \sum_a \frac{(r(a) - b)^2}{\pi(a)} - |P r|^2",
    captions={
        "committal": "Three arms that pay 1, 0.7 and 0, T = 1, γ = 1; softmax; natural gradient, one draw a step,"
        " η = ½. "
        "The first two panels exact; the third simulated, intervals at a total error rate of 1e-4.",
    },
    answer="By keeping it from committing; the variance is unbounded whatever the baseline.",
)
