"""What probing environments see: faults of the catalogue, each learning on three of them.

A probing environment is one so simple that a right agent must solve it (Jones, Debugging reinforcement learning
systems, 2021). Here: two arms; two arms whose right one is shown by the state; a choice that is paid one step later.
"""

from __future__ import annotations

import warnings

import numpy as np

import pgverify as pgv
from pgverify.bugs import Bug, Effect
from site_builder.tables import table

STEPS, TRAJECTORIES, RATE = 60, 32, 1.0
"""Of stochastic gradient ascent: updates, trajectories an update, step size."""

SOLVED = 0.8
"""J from which a problem counts as solved; the best is 1, the uniform policy has 0."""

FAULTY = (Effect.BIASED, Effect.SCALED, Effect.OTHER_TARGET, Effect.NO_SIGNAL)


def probes() -> dict[str, pgv.Problem]:
    """Return the probing environments, each under the uniform policy."""
    arms = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, -1.0]])
    shown = pgv.TabularMDP([0.5, 0.5], np.tile(np.eye(2)[:, None], (1, 2, 1)), [[1.0, -1.0], [-1.0, 1.0]])
    moves = np.zeros((3, 2, 3))
    moves[0, 0, 1] = moves[0, 1, 2] = 1.0
    moves[1, :, 1] = moves[2, :, 2] = 1.0
    later = pgv.TabularMDP([1.0, 0.0, 0.0], moves, [[0.0, 0.0], [1.0, 1.0], [-1.0, -1.0]])
    horizons = {"two arms": (arms, 1), "the right arm is shown": (shown, 1), "paid one step later": (later, 2)}
    return {
        name: pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((mdp.num_states, 2))), pgv.FiniteHorizon(horizon))
        for name, (mdp, horizon) in horizons.items()
    }


def learned(bug: Bug, problem: pgv.Problem) -> float:
    """Return J after stochastic gradient ascent with an implementation; −∞ where it fails."""
    policy = problem.policy
    for step in range(STEPS):
        batch = pgv.sample(pgv.Problem(problem.mdp, policy, problem.objective), TRAJECTORIES, seed=step)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                estimate = np.asarray(bug.implementation(batch))
        except Exception:  # an entry may refuse what is no batch of its kind
            return -np.inf
        direction = estimate.mean(axis=0) if estimate.ndim == 2 else estimate
        if direction.shape != policy.parameters.shape or not np.isfinite(direction).all():
            return -np.inf
        policy = policy.with_parameters(np.clip(policy.parameters + RATE * direction, -20.0, 20.0))
    return float(pgv.exact.expected_return(pgv.Problem(problem.mdp, policy, problem.objective)))


def judged() -> list[Bug]:
    """Return the faults that need no setting of their own and are about ∇J."""
    return [
        bug
        for bug in pgv.bugs.ENTRIES
        if bug.effect in FAULTY and bug.setting is None and bug.target == "policy_gradient"
    ]


def probing_page() -> str:
    """Return which faults solve all probing environments, as a page."""
    problems = probes()
    rows, passed = [], 0
    for bug in judged():
        reached = [learned(bug, problem) for problem in problems.values()]
        passed += min(reached) >= SOLVED
        rows.append(
            (
                f"`{bug.slug}`",
                bug.effect.value,
                *(_shown(value) for value in reached),
                "all solved" if min(reached) >= SOLVED else "seen",
            )
        )
    return (
        "# What probing environments see\n\n"
        f"{len(rows)} faults of the [catalogue](catalogue.md) that change the expectation, each in stochastic "
        f"gradient ascent on three probing environments: {STEPS} updates of {TRAJECTORIES} trajectories, step size "
        f"{RATE}, seeds 0 to {STEPS - 1}. A number is J at the end; "
        f"1 is the best, 0 the uniform policy, and from {SOLVED} on it counts as solved.\n\n"
        f"**{passed} of {len(rows)} faults solve all three**: probing environments do not see them. They are not made "
        "for that: they find what keeps an agent from learning at all, and a wrong loss may learn. Some could not "
        "show here, for all episodes have the same length and γ = 1; effect S is a mere multiple.\n\n"
        f"{table(('fault', 'effect', *problems, 'probing environments'), rows)}"
    )


def _shown(value: float) -> str:
    return "fails" if value == -np.inf else f"{value:.2f}".replace("-", "−")
