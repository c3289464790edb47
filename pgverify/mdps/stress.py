"""Problems that make estimators suffer: rare slips, heavy tails, episodes of any length."""

from __future__ import annotations

from math import exp

from pgverify.mdp import TabularMDP
from pgverify.mdps.named_mdp import Entry, KnownAnswer, discounted, finite_horizon
from pgverify.mdps.rows import Transition, from_rows, point_mass

SLIP = 1e-6
DOUBLINGS = 10
STOPS = (0.1, 0.5)


def near_deterministic() -> TabularMDP:
    """Return four steps in a row, back (action 0) or forward (1), either reversed with probability 1e-6."""
    rows: list[Transition] = []
    for state in range(4):
        for action, target in enumerate((max(state - 1, 0), state + 1)):
            other = state + 1 if action == 0 else max(state - 1, 0)
            rows.append((state, action, target, 1.0 - SLIP, float(target == 4)))
            rows.append((state, action, other, SLIP, float(other == 4)))
    return from_rows(point_mass(5, 0), 2, rows, terminal=(4,))


def heavy_reward() -> TabularMDP:
    """Return a choice of 10 for sure (action 0) or a truncated St Petersburg game (1) worth 11."""
    rows: list[Transition] = [(0, 1, k, 2.0 ** -min(k, DOUBLINGS - 1), 2.0**k) for k in range(1, DOUBLINGS + 1)]
    rows.append((0, 0, DOUBLINGS + 1, 1.0, 10.0))
    ends = range(1, DOUBLINGS + 2)
    return from_rows(point_mass(DOUBLINGS + 2, 0), 2, rows, terminal=ends)


def variable_length() -> TabularMDP:
    """Return one state that pays 1 a step and ends with probability 0.1 (action 0) or 0.5 (action 1)."""
    rows: list[Transition] = []
    for action, stop in enumerate(STOPS):
        rows += [(0, action, 0, 1.0 - stop, 1.0), (0, action, 1, stop, 1.0)]
    return from_rows(point_mass(2, 0), 2, rows, terminal=(1,))


NEAR_DETERMINISTIC = Entry(
    name="near-deterministic",
    build=near_deterministic,
    source="Made for this project: scores and slips at the edge of what sampling sees",
    description=(
        "States 0-3 and the goal 4; action 0 steps back (stays in 0), action 1 forward, either reversed with "
        "probability 1e-6. Reaching the goal pays 1. With horizon 4 only the straight walk pays: J = f^4, f "
        "= π(1)(1-ε) + π(0)ε in each state. Under a nearly certain policy a sample almost never shows an "
        "action whose score is large."
    ),
    answers=(
        KnownAnswer(
            statement="J = 1/16 within four steps",
            objective=finite_horizon(4),
            policy="uniform",
            value=1 / 16,
            derivation="f = (1-ε)/2 + ε/2 = 1/2 for every ε, and four steps forward are needed",
        ),
        KnownAnswer(
            statement="J = ((1-ε)σ(10) + ε σ(-10))^4",
            objective=finite_horizon(4),
            policy=((0.0, 10.0),) * 5,
            value=((1 - SLIP + SLIP * exp(-10.0)) / (1 + exp(-10.0))) ** 4,
            derivation="π(1) = σ(10) = 1/(1 + e^-10) in every state, σ(-10) = e^-10 σ(10)",
        ),
    ),
)

HEAVY_REWARD = Entry(
    name="heavy-reward",
    build=heavy_reward,
    source=(
        "Bernoulli (1738), Specimen theoriae novae de mensura sortis: the St Petersburg game, cut after ten tosses"
    ),
    description=(
        "State 0 and eleven ends, one an outcome. Action 0 pays 10. Action 1 pays 2^k with probability 2^-k "
        "for k = 1..9 and 2^10 with the rest, 2^-9: mean 11, standard deviation 54. Every doubling "
        "contributes 1 to the mean, so the right answer hangs on outcomes a small sample misses."
    ),
    answers=(
        KnownAnswer(
            statement="J = (10 + 11)/2",
            objective=finite_horizon(1),
            policy="uniform",
            value=10.5,
            derivation="the game is worth Σ_{k=1..9} 2^k 2^-k + 2^10 2^-9 = 9 + 2",
        ),
    ),
)

VARIABLE_LENGTH = Entry(
    name="variable-length",
    build=variable_length,
    source=("Made for this project: episodes of geometric length, where padding and averaging over steps go wrong"),
    description=(
        "State 0 pays 1 a step; the episode ends (state 1) after it with probability 0.1 (action 0) or 0.5 "
        "(action 1). The undiscounted return is the length, geometric with stopping probability q = Σ_a π(a) "
        "q_a."
    ),
    answers=(
        KnownAnswer(
            statement="J = E[length] = 1/0.3 = 10/3",
            objective=finite_horizon(500),
            policy="uniform",
            value=10 / 3,
            derivation=("q = (0.1 + 0.5)/2 = 0.3; a geometric length has mean 1/q, and 0.7^500 ≈ 1e-78 is cut off"),
        ),
        KnownAnswer(
            statement="J = (1 - 0.7^5)/0.3 within five steps",
            objective=finite_horizon(5),
            policy="uniform",
            value=(1 - 0.7**5) / 0.3,
            derivation="Σ_{t<5} (1-q)^t",
        ),
        KnownAnswer(
            statement="J = 1/(1 - 0.9·0.7) = 1/0.37",
            objective=discounted(0.9),
            policy="uniform",
            value=1 / 0.37,
            derivation="Σ_t γ^t (1-q)^t",
        ),
    ),
)
