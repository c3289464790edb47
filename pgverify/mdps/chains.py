"""States in a row, or a pair of them: problems whose returns have closed forms."""

from __future__ import annotations

from math import log

from pgverify.mdp import TabularMDP
from pgverify.mdps.named_mdp import (
    LONG,
    Entry,
    KnownAnswer,
    average_reward,
    choose,
    discounted,
    finite_horizon,
)
from pgverify.mdps.rows import Transition, from_rows, point_mass

GAMBLERS_WIN = (0.4, 0.55)


def two_state_chain() -> TabularMDP:
    """Return two states, stay (fails with 0.1) or move (fails with 0.2); a step from state 1 pays 1."""
    leave = (0.1, 0.8)
    rows: list[Transition] = []
    for state in (0, 1):
        for action, probability in enumerate(leave):
            rows.append((state, action, state, 1.0 - probability, float(state)))
            rows.append((state, action, 1 - state, probability, float(state)))
    return from_rows([1.0, 0.0], 2, rows)


def kakade_two_state() -> TabularMDP:
    """Return two states; the loop (action 0) pays 1 in state 0 and 2 in state 1, crossing nothing."""
    rows = [(0, 0, 0, 1.0, 1.0), (0, 1, 1, 1.0, 0.0), (1, 0, 1, 1.0, 2.0), (1, 1, 0, 1.0, 0.0)]
    return from_rows([0.8, 0.2], 2, rows)


def river_swim() -> TabularMDP:
    """Return six states: drifting left is certain, swimming right is slow and pays at the end."""
    rows: list[Transition] = [(s, 0, max(s - 1, 0), 1.0, 5.0 if s == 0 else 0.0) for s in range(6)]
    rows += [(0, 1, 0, 0.7, 0.0), (0, 1, 1, 0.3, 0.0), (5, 1, 4, 0.7, 0.0), (5, 1, 5, 0.3, 10_000.0)]
    for s in range(1, 5):
        rows += [(s, 1, s - 1, 0.1, 0.0), (s, 1, s, 0.6, 0.0), (s, 1, s + 1, 0.3, 0.0)]
    return from_rows([0.0, 0.5, 0.5, 0.0, 0.0, 0.0], 2, rows)


def random_walk() -> TabularMDP:
    """Return the walk left (action 0) or right (1) on five states; the right exit pays 1."""
    rows = [(s, a, s + 2 * a - 1, 1.0, float(s == 5 and a == 1)) for s in range(1, 6) for a in (0, 1)]
    return from_rows(point_mass(7, 3), 2, rows, terminal=(0, 6))


def gamblers_ruin() -> TabularMDP:
    """Return capital 0 to 10, one unit staked a step at a table that wins with 0.4 or with 0.55."""
    rows: list[Transition] = []
    for capital in range(1, 10):
        for table, win in enumerate(GAMBLERS_WIN):
            rows.append((capital, table, capital + 1, win, float(capital == 9)))
            rows.append((capital, table, capital - 1, 1.0 - win, 0.0))
    return from_rows(point_mass(11, 5), 2, rows, terminal=(0, 10))


TWO_STATE_CHAIN = Entry(
    name="two-state-chain",
    build=two_state_chain,
    source=(
        "Made for this project; the two-state Markov chain of Feller (1968), An Introduction to Probability "
        "Theory, XVI.2"
    ),
    description=(
        "Two states, no end. Action 0 stays but slips with probability 0.1, action 1 moves but fails with "
        "probability 0.2. A step taken in state 1 pays 1, in state 0 nothing. Starts in state 0. Closed "
        "forms under all three objectives."
    ),
    answers=(
        KnownAnswer(
            statement="J = 1/2 Σ_{t<3} 0.9^t (1 - 0.1^t) = 0.80595",
            objective=finite_horizon(3, 0.9),
            policy="uniform",
            value=(0.9 * 0.9 + 0.81 * 0.99) / 2,
            derivation=(
                "either state is left with q = (0.1 + 0.8)/2 = 0.45, so d_t(1) = (1 - λ^t)/2 with λ = 1 - 2q "
                "= 0.1, and J = Σ_t γ^t d_t(1)"
            ),
        ),
        KnownAnswer(
            statement="J = 1/2 (1/(1 - 0.9) - 1/(1 - 0.09))",
            objective=discounted(0.9),
            policy="uniform",
            value=(10 - 1 / 0.91) / 2,
            derivation="the geometric series of γ^t (1 - λ^t)/2 with γ = 0.9, λ = 0.1",
        ),
        KnownAnswer(
            statement="J = 1/2",
            objective=average_reward(),
            policy="uniform",
            value=0.5,
            derivation="both states are left with the same probability, so each holds half the time",
        ),
    ),
)

KAKADE_TWO_STATE = Entry(
    name="kakade-two-state",
    build=kakade_two_state,
    source="Kakade (2001), A natural policy gradient, NeurIPS 14, the two-state example (figure 2 there)",
    description=(
        "Two states i = 0 and j = 1. Action 0 is the self-loop, paying 1 in i and 2 in j; action 1 crosses, "
        "paying 0. Starts in i with probability 0.8. Under the average reward, plain gradient ascent settles "
        "in i first: j is visited ever less, its component of the gradient vanishes, and J stays near 1 "
        "before it finds 2."
    ),
    answers=(
        KnownAnswer(
            statement="J = 3/4",
            objective=average_reward(),
            policy="uniform",
            value=0.75,
            derivation="by symmetry ρ = (1/2, 1/2); half of the steps loop: (1/2)(1/2)1 + (1/2)(1/2)2",
        ),
        KnownAnswer(
            statement="J = 0.8·0.8·1 + 0.2·0.2·2 = 0.72",
            objective=average_reward(),
            policy=((log(4.0), 0.0), (-log(4.0), 0.0)),
            value=0.72,
            derivation=(
                "π(loop|i) = 0.8, π(loop|j) = 0.2; balance ρ_i 0.2 = ρ_j 0.8 gives ρ = (0.8, 0.2), the start "
                "of Kakade's plateau; J = Σ_s ρ_s π(loop|s) r(s)"
            ),
        ),
        KnownAnswer(
            statement="J = 0.6 + 0.75 γ/(1 - γ) = 7.35 at γ = 0.9",
            objective=discounted(0.9),
            policy="uniform",
            value=7.35,
            derivation=(
                "one uniform step makes the states equally likely; the mean reward is 0.8·½ + 0.2·1 = 0.6 at "
                "t = 0 and 0.75 after it: 0.6 + 0.75·9 = 7.35"
            ),
        ),
    ),
)

RIVER_SWIM = Entry(
    name="river-swim",
    build=river_swim,
    source=(
        "Strehl & Littman (2008), An analysis of model-based interval estimation for Markov decision "
        "processes, Journal of Computer and System Sciences 74(8), figure 1"
    ),
    description=(
        "Six states along a river, no end; starts in state 1 or 2. Action 0 drifts left for sure and pays 5 "
        "in state 0. Action 1 swims right: it advances with 0.3, stays with 0.6, is carried back with 0.1 "
        "(0.3/0.7 at the ends) and pays 10 000 for staying in state 5. The reward that matters is three "
        "orders larger and rarely seen."
    ),
    answers=(
        KnownAnswer(
            statement="J = ρ_0·½·5 + ρ_5·½·0.3·10 000",
            objective=average_reward(),
            policy="uniform",
            value=(2.5 + (3 / 11) ** 4 * (3 / 17) * 1500)
            / (sum((3 / 11) ** k for k in range(5)) + (3 / 11) ** 4 * (3 / 17)),
            derivation=(
                "a birth-death chain: up with ½·0.3 = 0.15 from states 0-4, down with ½(1 + 0.1) = 0.55 from "
                "1-4 and ½(1 + 0.7) = 0.85 from 5; detailed balance gives ρ_k ∝ (3/11)^k for k ≤ 4 and ρ_5 ∝ "
                "(3/11)^4 (3/17)"
            ),
        ),
        KnownAnswer(
            statement="J = ½·0.55·½·5 = 0.6875 over two steps",
            objective=finite_horizon(2),
            policy="uniform",
            value=0.6875,
            derivation=(
                "pays only at t = 1, in state 0: it is reached from state 1 (probability 1/2) with 0.55, and "
                "then action 0 (1/2) pays 5"
            ),
        ),
    ),
)

RANDOM_WALK_5 = Entry(
    name="random-walk-5",
    build=random_walk,
    source="Sutton & Barto (2018), Reinforcement Learning: An Introduction, example 6.2",
    description=(
        "States 1-5 between the exits 0 and 6, action 0 left, action 1 right; starts in 3. Leaving through "
        "the right exit pays 1. The uniform policy has V(k) = k/6."
    ),
    answers=(
        KnownAnswer(
            statement="J = V(3) = 3/6",
            objective=finite_horizon(LONG),
            policy="uniform",
            value=0.5,
            derivation=(
                "V(k) = (V(k-1) + V(k+1))/2 with V(0) = 0 and 1 at the right exit, so V(k) = k/6; walks "
                "longer than 3000 steps have probability below cos(π/6)^3000 ≈ 1e-187"
            ),
        ),
        KnownAnswer(
            statement="J = γ²/(2(4 - 3γ²)) = .257962 at γ = 0.9",
            objective=discounted(0.9),
            policy="uniform",
            value=0.405 / 1.57,
            derivation=(
                "the exit time τ of a symmetric walk from the centre of ±3 has E γ^τ = 1/T_3(1/γ), T_3(x) = "
                "4x³ - 3x; half of the exits are to the right and pay at t = τ - 1: J = γ^-1 / (2 T_3(1/γ))"
            ),
        ),
    ),
)

GAMBLERS_RUIN = Entry(
    name="gamblers-ruin",
    build=gamblers_ruin,
    source=(
        "Feller (1968), An Introduction to Probability Theory and Its Applications, volume 1, XIV.2, "
        "with a choice of two tables"
    ),
    description=(
        "Capital 0 to 10, starting with 5; each step stakes one unit at a table that wins with probability "
        "0.4 (action 0) or 0.55 (action 1). Reaching 10 pays 1, reaching 0 nothing: J is the probability of "
        "not being ruined."
    ),
    answers=(
        KnownAnswer(
            statement="J = 1/(1 + (21/19)^5)",
            objective=finite_horizon(LONG),
            policy="uniform",
            value=1 / (1 + (21 / 19) ** 5),
            derivation=(
                "the uniform policy wins with w = 0.475, ρ = (1-w)/w = 21/19; the chance of reaching 10 from "
                "5 is (1 - ρ^5)/(1 - ρ^10) = 1/(1 + ρ^5)"
            ),
        ),
        KnownAnswer(
            statement="J = 1/(1 + (9/11)^5)",
            objective=finite_horizon(LONG),
            policy=choose((1,) * 11, 2),
            value=1 / (1 + (9 / 11) ** 5),
            derivation="as above at the better table alone: ρ = 0.45/0.55",
        ),
    ),
)
