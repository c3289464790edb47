"""The score has mean zero in every state, its outer product is minus its derivative, and dynamics cancel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Inexact

import pgverify as pgv
from pgverify.exact.routes import complex_step
from pgverify.policies import dense_score
from pgverify.studies import Claim, Row, Scalar, Study
from pgverify.validation import Array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BOUND = 1e-12
"""Relative error allowed: sums of at most some 10^4 terms, each right to 1e-16."""
CONTROL = 1e-3
"""What breaks an assumption must show: nine orders of magnitude above the bound."""
DISCOUNT = 0.9
HORIZONS: Mapping[str, int] = {
    "three-armed-bandit": 1,
    "two-state-chain": 4,
    "kakade-two-state": 5,
    "river-swim": 4,
    "random-walk-5": 6,
    "gamblers-ruin": 20,
    "short-corridor": 8,
    "nota-thomas-counterexample": 2,
    "gridworld-4x3": 15,
    "cliff-walking": 20,
    "frozen-lake-4x4": 15,
    "garnet-small": 3,
    "garnet-medium": 10,
    "near-deterministic": 4,
    "heavy-reward": 1,
    "variable-length": 8,
    "taxi": 10,
}
"""Problems of the zoo; where the horizon is short all trajectories can be listed."""
POLICIES = ("tabular", "shared features", "near-deterministic")
NEAR_DETERMINISTIC = 30.0
"""Standard deviation of its logits: other actions keep about e^-30 of the probability."""
LISTED = 20_000
DRAWN = 100
"""Trajectories: above the first number, the second is drawn. Every single one obeys the identity exactly."""


def cells(quick: bool) -> Sequence[Mapping[str, Scalar]]:
    names = ["three-armed-bandit", "random-walk-5", "garnet-small"] if quick else list(HORIZONS)
    grid = [{"problem": name, "policy": policy} for name in names for policy in POLICIES]
    # Taxi's 3006 logits would need [3006, 3006] matrices to say what CliffWalking's 192 say as well.
    return [point for point in grid if point["problem"] != "taxi" or point["policy"] == "shared features"]


def run(parameters: Mapping[str, Scalar], seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    name, kind = str(parameters["problem"]), str(parameters["policy"])
    mdp = pgv.mdps.get(name)
    policy = _policy(kind, mdp.num_states, mdp.num_actions, rng)
    problem = pgv.Problem(mdp, policy, pgv.FiniteHorizon(HORIZONS[name], DISCOUNT))
    undiscounted = pgv.Problem(mdp, policy, pgv.FiniteHorizon(HORIZONS[name]))
    errors = _in_states(problem, rng) | _second_identity(problem) | _of_trajectories(undiscounted, seed)
    return [
        {"problem": name, "policy": kind, "quantity": quantity, "error": error} for quantity, error in errors.items()
    ]


def _policy(
    kind: str, states: int, actions: int, rng: np.random.Generator
) -> pgv.SoftmaxPolicy | pgv.LinearSoftmaxPolicy:
    if kind == "shared features":
        return pgv.LinearSoftmaxPolicy(rng.normal(size=(states, actions, 4)), rng.normal(size=4))
    scale = NEAR_DETERMINISTIC if kind == "near-deterministic" else 1.0
    return pgv.SoftmaxPolicy(scale * rng.normal(size=(states, actions)))


def _in_states(problem: pgv.Problem, rng: np.random.Generator) -> dict[str, float]:
    """Return the errors of what holds state by state, relative to the sum of the absolute terms.

    Σ_a π(a|s) ψ(s,a) = 0 for every s;  ψ = ∂ log π/∂θ by complex step;
    Σ_t γ^t Σ_s d_t(s) b_t(s) Σ_a π(a|s) ψ(s,a) = 0 for every b_t(s), but not for b(s,a), the control.
    """
    policy = problem.policy
    probabilities, score = policy.probabilities(), dense_score(policy)
    derivative = complex_step(lambda x: np.log(policy.with_parameters(x).probabilities()), policy.parameters)
    weighted = probabilities[:, :, None] * score
    size = np.abs(weighted).sum(axis=1).max(axis=1)
    visits = pgv.exact.occupancy(problem)
    visits = visits * DISCOUNT ** np.arange(len(visits))[:, None]
    by_time, by_action = rng.normal(size=visits.shape), rng.normal(size=probabilities.shape)
    scale = float((visits @ size).sum())
    baseline = (visits * by_time).sum(axis=0) @ weighted.sum(axis=1)
    control = np.einsum("s,sa,sad->d", visits.sum(axis=0), by_action, weighted)
    return {
        "score_mean": float((np.abs(weighted.sum(axis=1)).max(axis=1) / size).max()),
        "score_derivative": _distance(score, derivative),
        "baseline": float(np.abs(baseline).max()) / scale,
        "control_baseline_of_action": float(np.abs(control).max()) / scale,
    }


def _second_identity(problem: pgv.Problem) -> dict[str, float]:
    """Return the error of F = −E[∇² log π], under the weights Σ_t γ^t d_t(s) π(a|s) of the Fisher matrix.

    The right side is the complex-step derivative of θ ↦ Σ_{s,a} w(s,a) ∇log π_θ(a|s) with w held fixed. The
    control takes actions that do not follow π but π²/Σπ²: the identity must fail.
    """
    policy = problem.policy
    visits = pgv.exact.occupancy(problem)
    visits = np.where(problem.mdp.terminal, 0.0, DISCOUNT ** np.arange(len(visits)) @ visits)[:, None]
    followed = visits * policy.probabilities()
    sharper = policy.probabilities() ** 2
    other = visits * sharper / sharper.sum(axis=1, keepdims=True)
    rows = dense_score(policy).reshape(-1, policy.parameters.size)
    control = (rows * other.reshape(-1, 1)).T @ rows
    return {
        "second_identity": _distance(pgv.exact.fisher(problem), -_mean_curvature(policy, followed)),
        "control_other_actions": _distance(control, -_mean_curvature(policy, other)),
    }


def _mean_curvature(policy: pgv.Policy, weights: Float[Array, "S A"]) -> Float[Array, "d d"]:
    """Return Σ_{s,a} w(s,a) ∇² log π(a|s)."""
    return complex_step(lambda x: policy.with_parameters(x).score_vjp(weights), policy.parameters)


def _of_trajectories(problem: pgv.Problem, seed: int) -> dict[str, float]:
    """Return the errors of the identities of whole trajectories, for an undiscounted problem.

    ∇ log P(τ) = Σ_t ψ_t, the left by complex step of log p(s_0) + Σ_t log π + Σ_t log P, under these
    dynamics and under ½P + ½/S. Where all τ can be listed also E ∇log P(τ) = 0 and E ∇log P ∇log Pᵀ = F.
    Control: dynamics that depend on θ do not cancel.
    """
    policy, mdp = problem.policy, problem.mdp
    listed = pgv.exact.count_trajectories(problem) <= LISTED
    if listed:
        batch, probabilities = pgv.exact.enumerate_trajectories(problem)
    else:
        batch, probabilities = pgv.sample(problem, DRAWN, seed % 2**32), np.full(DRAWN, 1.0 / DRAWN)
    scores = batch.score_weighted(np.ones(batch.actions.shape))
    mixed = 0.5 * mdp.transition + 0.5 / mdp.num_states

    def gradient(depends: float, transition: Float[Array, "S A S"]) -> Float[Array, "n d"]:
        def log_probability(theta: Inexact[Array, "d"]) -> Inexact[Array, "n"]:
            tilt = 0.125 * depends * (1.0 + np.tanh(theta[0]))
            moved = (1.0 - tilt) * transition + tilt * mixed
            return _log_probability(batch, theta, moved)

        return complex_step(log_probability, policy.parameters)

    errors = {
        "dynamics_cancel": _distance(scores, gradient(0.0, mdp.transition)),
        "other_dynamics": _distance(scores, gradient(0.0, mixed)),
    }
    if mdp.num_states > 1:
        errors["control_dynamics_of_parameters"] = _distance(scores, gradient(1.0, mdp.transition))
    if listed:
        size = float((probabilities @ np.abs(scores)).max())
        second = (scores * probabilities[:, None]).T @ scores
        errors["trajectory_mean"] = float(np.abs(probabilities @ scores).max()) / size
        errors["trajectory_fisher"] = _distance(pgv.exact.fisher(problem), second)
    return errors


def _log_probability(
    batch: pgv.Trajectories, theta: Inexact[Array, "d"], transition: Inexact[Array, "S A S"]
) -> Inexact[Array, "n"]:
    """Return log P(τ; θ) [n], every factor written out."""
    policy = batch.policy.with_parameters(theta).probabilities()
    here, action, there = batch.states[:, :-1], batch.actions, batch.states[:, 1:]
    factors = np.where(batch.mask, policy[here, action] * transition[here, action, there], 1.0)
    return np.asarray(np.log(batch.problem.mdp.start[batch.states[:, 0]]) + np.log(factors).sum(axis=1))


def _distance(first: Float[Array, "*shape"], second: Float[Array, "*shape"]) -> float:
    """Return the largest difference relative to the largest entry."""
    return float(np.abs(first - second).max() / np.abs(first).max())


STATEMENTS: Mapping[str, str] = {
    "score_mean": "The score averages to zero in every single state: E_π[ψ(s,·)] = 0.",
    "score_derivative": "The score is the derivative of log π, by complex step, in every state and action.",
    "baseline": "No baseline of state and time moves the gradient: E Σ_t γ^t ψ_t b_t(s_t) = 0.",
    "second_identity": "The Fisher matrix is minus the mean curvature: E[ψψᵀ] = −E[∇² log π].",
    "dynamics_cancel": "∇ log P(τ) with every factor of the dynamics written out is Σ_t ψ_t.",
    "other_dynamics": "Under other dynamics a trajectory has another probability but the same ∇ log P(τ).",
    "trajectory_mean": "Over all trajectories, listed, ∇ log P(τ) averages to zero.",
    "trajectory_fisher": "Over all trajectories, listed, E[∇log P ∇log Pᵀ] is the Fisher matrix.",
    "control_baseline_of_action": "Control: a baseline that looks at the action does move the gradient.",
    "control_other_actions": "Control: E[ψψᵀ] = −E[∇² log π] fails for actions not drawn from π.",
    "control_dynamics_of_parameters": "Control: dynamics that depend on θ do not cancel.",
}


def _telling(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out controls under near-deterministic policies: other actions are too rare for any effect."""
    return table[~((table["policy"] == "near-deterministic") & table["quantity"].str.startswith("control"))]


def decide(table: pd.DataFrame) -> list[Claim]:
    table = _telling(table)
    claims = []
    for quantity, statement in STATEMENTS.items():
        error = table.loc[table["quantity"] == quantity, "error"].to_numpy(float)
        control = quantity.startswith("control")
        found = (error.min() if control else error.max()) if error.size else np.nan
        claims.append(
            Claim(
                name=quantity,
                statement=statement,
                evidence="exact",
                expected=f"relative error above {CONTROL:g}" if control else "0",
                found=f"{'at least' if control else 'at most'} {found:.2g}, {error.size} problems × policies",
                holds=bool(found > CONTROL if control else found <= BOUND),  # NaN fails both
                certainty=f"rounding bound {BOUND:g}, relative",
            )
        )
    return claims


def figures(table: pd.DataFrame) -> dict[str, Figure]:
    from pgverify.reporting.canvas import REFERENCE, colours, legend_below, panels, style

    look, table = colours(POLICIES), _telling(table)
    with style():
        figure, (axis,) = panels(1, width=6.2, height=4.6)
        for offset, kind in zip((-0.22, 0.0, 0.22), POLICIES, strict=True):
            part = table[table["policy"] == kind]
            place = part["quantity"].map(list(STATEMENTS).index).to_numpy(float) + offset
            colour, marker = look[kind]
            error = part["error"].to_numpy(float).clip(min=1e-18)
            axis.plot(error, place, marker, color=colour, ms=4, alpha=0.7, mew=0, label=kind)
        axis.axvline(BOUND, color=REFERENCE, lw=1, ls="--", label=f"rounding bound {BOUND:g}")
        axis.set_xscale("log")
        axis.set_yticks(range(len(STATEMENTS)), [name.replace("_", " ") for name in STATEMENTS])
        axis.invert_yaxis()
        axis.set_xlabel("relative error of the identity (0 drawn at 1e-18)")
        axis.set_title("one mark a problem of the zoo")
        figure.suptitle("Identities of the score hold to rounding; controls break them", x=0.01, ha="left")
        legend_below(figure, [axis])
    return {"identities": figure}


STUDY = Study(
    name="zero-mean-score",
    question="Does the score average to zero in every state, and do the dynamics cancel in ∇ log P(τ)?",
    source="The policy gradient theorem explained, steps 4-6; Bartlett (1953) for E[ψψᵀ] = −E[∇² log π]",
    cells=cells,
    run=run,
    decide=decide,
    figures=figures,
    formula=r"E_\pi[\psi(s, \cdot)] = 0, \quad \nabla \log P(\tau) = \sum_t \psi_t",
    captions={
        "identities": "Exact, no intervals and no samples; γ = 0.9 and the horizons in HORIZONS of study.py; "
        "three policies: tabular, "
        "features shared by all states, near-deterministic.",
    },
    answer="Yes, to rounding, in every state of every problem, and also where an action has probability 1e-30.",
)
