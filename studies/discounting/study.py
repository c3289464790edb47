"""What the boxed formula, which drops γ^t, computes: not ∇J, and the gradient of no function at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from jaxtyping import Float, Inexact

import pgverify as pgv
from pgverify.comparison import Simultaneous, agreement, claims, exact_trace, sampled_moments
from pgverify.drawing.words import largest_probability
from pgverify.estimators import RewardToGo
from pgverify.exact.routes import complex_step
from pgverify.studies import Claim, Row, Scalar, Study
from pgverify.validation import Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ERROR_RATE = 1e-4
"""Total false-alarm probability of the intervals."""
INTERVALS = Simultaneous(ERROR_RATE, most_rows=500)
DISCOUNT = 0.8
DISCOUNTS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
RANDOM = {"two states": (2, 2, 2, 0), "three states": (3, 2, 3, 0)}
"""Garnet problems: states, actions, next states, seed of problem and policy."""
HORIZON = 3
CURVES = {"∇J": True, "γ^t dropped": False}
"""Name of the field, and whether step t carries γ^t."""
Field: TypeAlias = Callable[[pgv.Problem], Inexact[Array, "d"]]
ASCENT_RATE, ASCENT_STEPS = 12.0, 500


def cells(quick: bool) -> Sequence[Mapping[str, Scalar]]:
    some = (DISCOUNT, 1.0) if quick else DISCOUNTS
    grid: list[Mapping[str, Scalar]] = [
        {"part": "field", "problem": name, "discount": gamma} for name in RANDOM for gamma in some
    ]
    grid.append({"part": "many", "problem": "random", "count": 20 if quick else 500, "discount": DISCOUNT})
    grid.append({"part": "episodic", "problem": "random-walk-5", "discount": DISCOUNT})
    grid += [
        {"part": "alias", "problem": "nota-thomas-counterexample", "discount": gamma, "field": field}
        for gamma in ((0.9,) if quick else (0.9, 0.97, 1.0))
        for field in CURVES
    ]
    count = 50_000 if quick else 1_000_000
    for name in ("three states", "nota-thomas-counterexample"):
        gammas = (0.9,) if name.startswith("nota") else (DISCOUNT, 1.0)
        for gamma in gammas:
            for field in CURVES:
                point = {"problem": name, "discount": gamma, "field": field, "count": count}
                grid.append({"part": "sampled", **point})
    return grid


def run(parameters: Mapping[str, Scalar], seed: int) -> list[Row]:
    gamma = float(parameters["discount"])
    match parameters["part"]:
        case "field":
            rows = [_field(_random(str(parameters["problem"]), gamma))]
        case "many":
            rows = _many(int(parameters["count"]), gamma, seed)
        case "episodic":
            rows = [_episodic(gamma, seed)]
        case "alias":
            rows = _aliased(gamma, CURVES[str(parameters["field"])])
        case _:
            name = str(parameters["problem"])
            problem = _counterexample(gamma, 0.0) if name.startswith("nota") else _random(name, gamma)
            rows = _sampled(problem, CURVES[str(parameters["field"])], int(parameters["count"]), seed)
    return [{**parameters, **row} for row in rows]


def semigradient(problem: pgv.Problem) -> Inexact[Array, "d"]:
    """Return the expectation of Σ_t ψ_t G_t, the boxed formula, for a finite horizon or an episodic problem.

    By conditioning every step on (s_t, a_t), as for the theorem but with c_t = 1 in place of γ^t:
        finite horizon:  Σ_t Σ_s d_t(s) Σ_a π(a|s) ψ(s,a) A_t(s,a)
        discounted:      Σ_s η(s) Σ_a π(a|s) ψ(s,a) A(s,a),   η = Σ_t d_t = (I − P_πᵀ)⁻¹ p  while running.
    The second one mixes two problems: A is discounted, the occupancy η is not. ∇J has (I − γ P_πᵀ)⁻¹ p there.
    Analytic in θ, so that its Jacobian can be taken by complex step.
    """
    mdp, probabilities = problem.mdp, problem.policy.probabilities()
    running = ~mdp.terminal
    advantage = pgv.exact.values(problem).advantage
    if isinstance(problem.objective, pgv.FiniteHorizon):
        weights = np.einsum("ts,tsa->sa", pgv.exact.occupancy(problem), advantage)
    else:
        move = np.einsum("sa,sak->sk", probabilities, mdp.transition)[np.ix_(running, running)]
        visits = np.zeros(len(running), dtype=move.dtype)
        visits[running] = np.linalg.solve(np.eye(len(move)) - move.T, mdp.start[running])
        weights = visits[:, None] * advantage
    return problem.policy.score_vjp(np.where(running[:, None], weights * probabilities, 0.0))


def _random(name: str, gamma: float) -> pgv.Problem:
    states, actions, branching, seed = RANDOM[name]
    logits = np.random.default_rng(seed).normal(size=(states, actions))
    mdp = pgv.mdps.garnet(states, actions, branching, seed)
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(logits), pgv.FiniteHorizon(HORIZON, gamma))


def _field(problem: pgv.Problem) -> Row:
    """Compare both fields, and the symmetry of their Jacobians: a gradient's is a Hessian."""
    gradient, dropped = pgv.exact.gradient(problem), semigradient(problem)
    listed, weights = pgv.exact.enumerate_trajectories(problem)
    by_listing = weights @ RewardToGo(discount_weighting=False)(listed)
    return {
        **_compared(gradient, dropped),
        "listed_error": float(np.linalg.norm(by_listing - dropped) / np.linalg.norm(dropped)),
        "asymmetry_gradient": _asymmetry(_jacobian(pgv.exact.gradient, problem)),
        "asymmetry_dropped": _asymmetry(_jacobian(semigradient, problem)),
    }


def _many(count: int, gamma: float, seed: int) -> list[Row]:
    """Compare both fields on random problems: Garnet(3, 2, 3), random policies, horizon 3."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        mdp = pgv.mdps.garnet(3, 2, 3, int(rng.integers(2**31)))
        policy = pgv.SoftmaxPolicy(rng.normal(size=(3, 2)))
        problem = pgv.Problem(mdp, policy, pgv.FiniteHorizon(HORIZON, gamma))
        rows.append(_compared(pgv.exact.gradient(problem), semigradient(problem)))
    return rows


def _episodic(gamma: float, seed: int) -> Row:
    """Compare the formula for episodes with the sum over 400 steps, by when walks have ended."""
    mdp = pgv.mdps.get("random-walk-5")
    policy = pgv.SoftmaxPolicy(0.5 * np.random.default_rng(seed).normal(size=(mdp.num_states, mdp.num_actions)))
    whole = pgv.Problem(mdp, policy, pgv.Discounted(gamma))
    summed = semigradient(pgv.Problem(mdp, policy, pgv.FiniteHorizon(400, gamma)))
    dropped = semigradient(whole)
    error = float(np.linalg.norm(summed - dropped) / np.linalg.norm(dropped))
    return {**_compared(pgv.exact.gradient(whole), dropped), "listed_error": error}


def _counterexample(gamma: float, theta: float) -> pgv.Problem:
    mdp = pgv.mdps.get("nota-thomas-counterexample")
    features = np.zeros((mdp.num_states, 2, 1))
    features[:, 1, 0] = 1.0  # all states look alike: π(1|s) = p everywhere
    return pgv.Problem(mdp, pgv.LinearSoftmaxPolicy(features, [theta]), pgv.FiniteHorizon(2, gamma))


def _aliased(gamma: float, weighted: bool) -> list[Row]:
    """Follow one field from p = ½, with its error against γp(1−p) or (20γ − 19)p(1−p), derived in the zoo."""
    field = pgv.exact.gradient if weighted else semigradient
    rate = gamma if weighted else 20.0 * gamma - 19.0
    theta, rows = 0.0, []
    kept = np.unique(np.geomspace(1, ASCENT_STEPS, 40).astype(int))
    for step in range(1, ASCENT_STEPS + 1):
        problem = _counterexample(gamma, theta)
        p = float(problem.policy.probabilities()[0, 1])
        direction = float(field(problem)[0])
        if step in kept:
            error = abs(direction - rate * p * (1 - p)) / (19.0 * p * (1 - p))
            worth = pgv.exact.expected_return(problem)
            rows.append({"step": step, "p": p, "return": worth, "direction": direction, "listed_error": error})
        theta += ASCENT_RATE * direction
    return rows


def _compared(gradient: Float[Array, "d"], dropped: Float[Array, "d"]) -> dict[str, float]:
    length = float(np.linalg.norm(gradient))
    return {
        "relative_error": float(np.linalg.norm(dropped - gradient)) / length,
        "cosine": float(dropped @ gradient / np.linalg.norm(dropped)) / length,
    }


def _jacobian(field: Field, problem: pgv.Problem) -> Float[Array, "d d"]:
    return complex_step(lambda theta: field(problem.with_parameters(theta)), problem.policy.parameters)


def _asymmetry(jacobian: Float[Array, "d d"]) -> float:
    """Return |H − Hᵀ|/|H|, Frobenius norms: 0 for every gradient field."""
    return float(np.linalg.norm(jacobian - jacobian.T) / np.linalg.norm(jacobian))


def _sampled(problem: pgv.Problem, weighted: bool, count: int, seed: int) -> list[Row]:
    """Return exact beside sampled for the field's own expectation, and the test of a bias against ∇J."""
    estimator = RewardToGo(discount_weighting=weighted)
    gradient = pgv.exact.gradient(problem)
    moments = sampled_moments(problem, estimator, count, seed)
    rows = INTERVALS.mean_rows(moments, gradient if weighted else semigradient(problem))
    trace = INTERVALS.trace_row(moments, exact_trace(estimator, problem))
    return [*rows, trace, INTERVALS.test_row(moments, gradient)]


def decide(table: pd.DataFrame) -> list[Claim]:
    field, many = table[table["part"] == "field"], table[table["part"] == "many"]
    example = field[(field["problem"] == "three states") & (field["discount"] == DISCOUNT)].iloc[0]
    below, at_one = field[field["discount"] < 1.0], field[field["discount"] == 1.0]
    alias = table[table["part"] == "alias"]
    ends = alias[alias["step"] == ASCENT_STEPS].set_index(["field", "discount"])
    worst, best = ends.loc["γ^t dropped"].loc[0.9], ends.loc["∇J"].loc[0.9]
    path = alias[(alias["field"] == "γ^t dropped") & (alias["discount"] == 0.9)]
    rows = table[(table["part"] == "sampled") & (table["quantity"] != "test")]
    tests = table[(table["part"] == "sampled") & (table["quantity"] == "test")]
    wrong = (tests["field"] != "∇J") & (tests["discount"] < 1.0)
    hidden = many[(many["cosine"] > 0.99) & (many["relative_error"] > 0.1)]
    asymmetric = float(below["asymmetry_dropped"].min())
    flagged, kept = float(tests.loc[wrong, "p_value"].max()), float(tests.loc[~wrong, "p_value"].min())
    itself = "What it computes instead is Σ_t Σ_s d_t(s) Σ_a π ψ A: listed, summed, and by hand."
    every = "Every sampled mean and variance lies within its interval of its own exact expectation."
    # fmt: off
    exact = claims("exact", "rounding bound 1e-10",
        ("not-the-gradient",
         f"At γ = {DISCOUNT} the boxed formula misses ∇J, almost in its direction (3 states, T = 3).",
         "relative error above 1 %, cosine below 1",
         f"error {example['relative_error']:.1%}, cosine {example['cosine']:.4f}",
         example["relative_error"] > 0.01 and example["cosine"] < 1.0 - 1e-6),
        ("hidden-from-directions",
         f"Its direction passes while its length does not, on most of {len(many)} random problems.",
         "most with cosine above .99 and error above 10 %",
         f"{len(hidden) / len(many):.0%}; median error {many['relative_error'].median():.1%}, "
         f"median cosine {many['cosine'].median():.4f}",
         len(hidden) > len(many) / 2),
        ("asymmetric-jacobian",
         "Here the Jacobian of the boxed formula is symmetric at no γ < 1: it is the gradient of no function.",
         "asymmetry above 1e-3",
         f"{asymmetric:.3g} to {below['asymmetry_dropped'].max():.3g}; "
         f"{example['asymmetry_dropped']:.3g} at γ = {DISCOUNT}, three states",
         asymmetric > 1e-3),
        ("worst-policy",
         "Where states look alike (γ = .9) it pushes p down for ever: its only limit is the worst policy.",
         "direction < 0 all the way; p → 0, J → 0",
         f"largest direction {path['direction'].max():.2g}; p = {worst['p']:.2g}, "
         f"J = {worst['return']:.2g} after {ASCENT_STEPS} steps",
         (path["direction"] < 0).all() and worst["p"] < 1e-3 and worst["return"] < 1e-3),
        ("best-policy", "∇J points the other way, to the best policy.", "p → 1, J → γ = .9",
         f"p = {best['p']:.4f}, J = {best['return']:.4f}", best["p"] > 0.999 and best["return"] > 0.899),
    )
    sampled = claims("sampled", f"total error rate {ERROR_RATE:g}",
        ("found-by-sampling", "Sampled, the boxed formula is told from ∇J wherever γ < 1, and nothing else is.",
         f"p below 1e-6; else above {ERROR_RATE:g}/{len(tests)}",
         f"{largest_probability(flagged)}; else at least {kept:.2g}",
         flagged < 1e-6 and kept > ERROR_RATE / len(tests)),
    )
    # fmt: on
    return [
        *exact,
        agreement("its-own-expectation", itself, table["listed_error"].dropna()),
        agreement("symmetric-jacobian", "The Jacobian of ∇J is symmetric, at every γ.", field["asymmetry_gradient"]),
        agreement("same-at-one", "At γ = 1 both agree.", at_one["relative_error"]),
        INTERVALS.claim("intervals", every, rows),
        *sampled,
    ]


def figures(table: pd.DataFrame) -> dict[str, Figure]:
    from pgverify.reporting.figures import exact_beside_sampled

    rows = table[(table["part"] == "sampled") & (table["quantity"] != "test")]
    rows = rows.assign(estimator=rows["field"])
    return {
        "error-and-asymmetry": _against_discount(table),
        "counterexample": _paths(table[table["part"] == "alias"]),
        "exact-beside-sampled": exact_beside_sampled(rows),
    }


def _against_discount(table: pd.DataFrame) -> Figure:
    from pgverify.reporting.canvas import colours, legend_below, panels, style

    field, many = table[table["part"] == "field"], table[table["part"] == "many"]
    look = colours(list(RANDOM))
    with style():
        figure, axes = panels(3)
        for name, (colour, marker) in look.items():
            part = field[field["problem"] == name].sort_values("discount")
            for axis, column in zip(axes, ("relative_error", "asymmetry_dropped"), strict=False):
                axis.plot(part["discount"], part[column], marker=marker, color=colour, label=name)
        axes[0].set_ylabel("|boxed formula − ∇J| / |∇J|")
        axes[1].set_ylabel("|H − Hᵀ| / |H|, H its Jacobian")
        axes[0].set_title("Not ∇J")
        axes[1].set_title("The gradient of no function")
        for axis in axes[:2]:
            axis.set_xlabel("discount γ")
        axes[2].plot(many["relative_error"], many["cosine"], ".", ms=4, color="#777777", label="random problem")
        axes[2].set_xlabel("|boxed formula − ∇J| / |∇J|")
        axes[2].set_ylabel("cosine with ∇J")
        axes[2].set_title(f"Its direction hides it (γ = {DISCOUNT})")
        figure.suptitle("The boxed formula, with γ^t dropped, beside ∇J (exact)", x=0.01, ha="left")
        legend_below(figure, axes)
    return figure


def _paths(alias: pd.DataFrame) -> Figure:
    from pgverify.reporting.canvas import colours, legend_below, panels, style

    look = colours(list(CURVES))
    groups = [(gamma, alias[alias["discount"] == gamma]) for gamma in alias["discount"].unique()]
    with style():
        figure, axes = panels(len(groups))
        for axis, (gamma, part) in zip(axes, groups, strict=True):
            for name, (colour, marker) in look.items():
                path = part[part["field"] == name]
                axis.plot(path["step"], path["p"], marker=marker, ms=4, color=colour, label=f"following {name}")
            axis.set_xscale("log")
            axis.set_ylim(-0.04, 1.04)
            axis.set_xlabel("step of the ascent")
            axis.set_ylabel("p, followed from ½; J = γp is best at p = 1")
            axis.set_title(f"γ = {gamma:g}: dropped ∝ {20 * float(gamma) - 19:+.1f} p(1−p)")
        figure.suptitle("States that look alike: the boxed formula ends at the worst policy", x=0.01, ha="left")
        legend_below(figure, axes)
    return figure


STUDY = Study(
    name="discounting",
    question="Is the boxed formula of the derivation, E Σ_t ψ_t G_t without γ^t, the gradient of J?",
    source="The policy gradient theorem explained, step 8; Nota & Thomas (2020), arXiv 1906.07073",
    cells=cells,
    run=run,
    decide=decide,
    figures=figures,
    formula=r"\nabla J = E \sum_t \gamma^t \psi_t G_t \ne E \sum_t \psi_t G_t",
    captions={
        "error-and-asymmetry": "Exact, no intervals; Garnet(3, 2, 3) and random problems, T = 3; random softmax "
        "policies.",
        "counterexample": "Exact ascent, no intervals; one policy parameter, for all states look alike; episodes end.",
        "exact-beside-sampled": "T = 3 or until the episode ends; γ from 0.8 to 1; random softmax policies; all "
        "intervals of the "
        "study hold together with probability 1 − 1e-4.",
    },
    answer="No, for γ < 1; yes at γ = 1, to the last bit.",
)
