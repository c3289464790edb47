"""Problems of one decision: the smallest fixtures."""

from __future__ import annotations

from math import exp

from pgverify.mdp import TabularMDP
from pgverify.mdps.named_mdp import Entry, KnownAnswer, discounted, finite_horizon

FIXTURE_LOGITS = ((0.2, -0.4, 0.7),)


def three_armed_bandit() -> TabularMDP:
    """Return one state with three arms that pay 1, 0.7 and 0."""
    return TabularMDP([1.0], [[[1.0]] * 3], [[1.0, 0.7, 0.0]])


def noisy_bandit() -> TabularMDP:
    """Return one state with three arms whose mean and noise trade places: the best arm is the quietest."""
    return TabularMDP([1.0], [[[1.0]] * 3], [[1.0, 0.5, 0.0]], reward_noise=[[0.1, 1.0, 3.0]])


THREE_ARMED_BANDIT = Entry(
    name="three-armed-bandit",
    build=three_armed_bandit,
    source=(
        "Made for this project: the one-line fixture of its mathematics; bandits as in Sutton & Barto (2018), §2.8"
    ),
    description=(
        "One state, three arms paying 1, 0.7 and 0 without noise; use it with horizon 1. With logits "
        "(0.2, -0.4, 0.7) the exact gradient is (.17736, .04585, -.22321)."
    ),
    answers=(
        KnownAnswer(
            statement="J = (1 + 0.7 + 0) / 3",
            objective=finite_horizon(1),
            policy="uniform",
            value=1.7 / 3,
            derivation="the mean of the three rewards",
        ),
        KnownAnswer(
            statement="J = (e^0.2 + 0.7 e^-0.4) / (e^0.2 + e^-0.4 + e^0.7) = .432886",
            objective=finite_horizon(1),
            policy=FIXTURE_LOGITS,
            value=(exp(0.2) + 0.7 * exp(-0.4)) / (exp(0.2) + exp(-0.4) + exp(0.7)),
            derivation="J = Σ_a π(a) r(a), π the softmax of the logits: (.31274, .17164, .51562)",
        ),
        KnownAnswer(
            statement="J = (1.7/3) / (1 - 0.9) = 17/3",
            objective=discounted(0.9),
            policy="uniform",
            value=17 / 3,
            derivation="the single state is left for itself, so J = Σ_t γ^t (1.7/3)",
        ),
    ),
)

NOISY_BANDIT = Entry(
    name="noisy-bandit",
    build=noisy_bandit,
    source=("Made for this project, to exercise reward noise; Gaussian bandits as in Sutton & Barto (2018), §2.3"),
    description=(
        "One state, three arms with mean rewards 1, 0.5, 0 and independent normal noise of standard "
        "deviation 0.1, 1, 3. J and its gradient ignore the noise; the variance of an estimator does not: an "
        "estimate from pulls alone mistakes the noisy arm for the good one."
    ),
    answers=(
        KnownAnswer(
            statement="J = (1 + 0.5 + 0) / 3 = 1/2",
            objective=finite_horizon(1),
            policy="uniform",
            value=0.5,
            derivation="the noise has mean zero, so J is the mean of the mean rewards",
        ),
        KnownAnswer(
            statement="J = (1/2)(1 - 0.9^3) / (1 - 0.9) = 1.355",
            objective=finite_horizon(3, 0.9),
            policy="uniform",
            value=1.355,
            derivation="the same 1/2 at each of three steps: (1 + 0.9 + 0.81)/2 = 2.71/2",
        ),
    ),
)
