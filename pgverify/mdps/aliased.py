"""Problems for policies that cannot tell states apart; the descriptions say which features to use."""

from __future__ import annotations

from math import log

from pgverify.mdp import TabularMDP
from pgverify.mdps.named_mdp import CERTAIN, LONG, Entry, KnownAnswer, discounted, finite_horizon
from pgverify.mdps.rows import Transition, from_rows, point_mass

NOTA_BONUS = 20.0
NOTA_COST = 19.0


def nota_thomas() -> TabularMDP:
    """Return four states in which one action earns a late bonus first and costs at once later."""
    rows: list[Transition] = [(0, 0, 2, 1.0, 0.0), (0, 1, 1, 1.0, 0.0)]
    for state, bonus in ((1, NOTA_BONUS), (2, 0.0)):
        rows += [(state, 0, 3, 1.0, bonus), (state, 1, 3, 1.0, bonus - NOTA_COST)]
    return from_rows(point_mass(4, 0), 2, rows, terminal=(3,))


def short_corridor() -> TabularMDP:
    """Return three states in a row, left (0) or right (1), reversed in the middle one; every step costs 1."""
    follows = {(0, 0): 0, (0, 1): 1, (1, 0): 2, (1, 1): 0, (2, 0): 1, (2, 1): 3}
    rows = [(s, a, following, 1.0, -1.0) for (s, a), following in follows.items()]
    return from_rows(point_mass(4, 0), 2, rows, terminal=(3,))


NOTA_THOMAS = Entry(
    name="nota-thomas-counterexample",
    build=nota_thomas,
    source=(
        "In the style of Nota & Thomas (2020), Is the policy gradient a gradient?, AAMAS, section 5; "
        "the numbers are this project's"
    ),
    description=(
        "State 0 leads to 1 (action 1) or 2 (action 0), both lead to the end, state 3. Leaving state 1 pays "
        "20; action 1 costs 19 when chosen in 1 or 2. The policy must alias all states: one feature, φ(s, 1) "
        "= 1 and φ(s, 0) = 0 for every s, so π(1|s) = p everywhere. Then J = γ p(20 - 19) = γp, best at p = "
        "1 for every γ. The update that drops γ^t weighs the bonus by γ and the cost by 1: p(1-p)(20γ - 19), "
        "negative for every γ < 0.95, so it ends at p = 0, the worst policy, discounted or not."
    ),
    answers=(
        KnownAnswer(
            statement="J = γp = 0.45 at γ = 0.9, p = 1/2",
            objective=finite_horizon(2, 0.9),
            policy="uniform",
            value=0.45,
            derivation=("all reward falls at t = 1: the bonus 20 with probability p, the cost 19 with probability p"),
        ),
        KnownAnswer(
            statement="J = γp = 0.675 at γ = 0.9, p = 3/4",
            objective=discounted(0.9),
            policy=((0.0, log(3.0)),) * 4,
            value=0.675,
            derivation="as above with p = 3/4; the episode is over after two steps",
        ),
        KnownAnswer(
            statement="J = γp → 0 at p = 0, the fixed point of the update without γ^t",
            objective=finite_horizon(2, 0.9),
            policy=((CERTAIN, 0.0),) * 4,
            value=0.0,
            derivation="as above with p = e^-50",
        ),
    ),
)

SHORT_CORRIDOR = Entry(
    name="short-corridor",
    build=short_corridor,
    source="Sutton & Barto (2018), Reinforcement Learning: An Introduction, example 13.1",
    description=(
        "States 0, 1, 2 in a row and the goal, state 3; action 0 is left, action 1 is right, but reversed in "
        "state 1. Left in state 0 stays there. Every step costs 1. In the book the states look alike: one "
        "feature, φ(s, 1) = 1 and φ(s, 0) = 0 for every s, so π(right|s) = p everywhere and J(p) = (2p - "
        "4)/(p(1 - p)), best at p = 2 - √2."
    ),
    answers=(
        KnownAnswer(
            statement="J(1/2) = (1 - 4)/(1/4) = -12",
            objective=finite_horizon(LONG),
            policy="uniform",
            value=-12.0,
            derivation=(
                "V0 = -1 + (1-p)V0 + pV1, V1 = -1 + pV0 + (1-p)V2, V2 = -1 + (1-p)V1; elimination gives "
                "V0 = (2p - 4)/(p(1-p))"
            ),
        ),
        KnownAnswer(
            statement="J(2 - √2) = -(6 + 4√2) ≈ -11.66, the best stochastic policy",
            objective=finite_horizon(LONG),
            policy=((0.0, log(2**0.5)),) * 4,
            value=-(6 + 4 * 2**0.5),
            derivation="dJ/dp = 0 at p = 2 - √2, whose odds p/(1-p) = (2 - √2)/(√2 - 1) = √2",
        ),
    ),
)
