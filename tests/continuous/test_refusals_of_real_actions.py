"""What is no problem with real actions, or no policy for one, is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from closed_forms import sine_problem, stays

import pgverify as pgv
from pgverify import ContinuousMDP, FiniteHorizon, GaussianPolicy, Problem, SquashedGaussianPolicy
from pgverify.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
PLAIN = GaussianPolicy([[1.0]], [[0.4]], [-0.5])


def pays(_: int, actions: np.ndarray) -> np.ndarray:
    return actions[:, 0]


def problem(transition: object = stays, reward: object = pays, policy: object = PLAIN, **more: object) -> Problem:
    return Problem(ContinuousMDP([1.0], transition, reward, **more), policy, FiniteHorizon(1))


CASES: list[tuple[Callable[[], object], str]] = [
    (lambda: GaussianPolicy([[1.0]], [[0.4]], [-np.inf]), "standard deviation of zero"),
    (lambda: GaussianPolicy([[1.0]], [[0.4]], [np.nan]), r"log_std\[0\] is nan"),
    (lambda: GaussianPolicy([[1.0]], [[0.4]], [800.0]), r"log_std\[0\] is 800, must lie in"),
    (lambda: GaussianPolicy([[1.0]], [[0.4]], [-0.5, 0.1]), r"log_std has shape \(2,\), must be \[D\] = \(1,\)"),
    (lambda: GaussianPolicy([[1.0]], [[np.nan]], [-0.5]), r"mean_weights\[0, 0\] is nan"),
    (lambda: GaussianPolicy([[1.0]], [0.4], [-0.5]), r"mean_weights has shape \(1,\), must be \[F, D\]"),
    (lambda: GaussianPolicy([[1.0, 2.0]], [[0.4]], [-0.5]), "F = 2 as the features"),
    (lambda: GaussianPolicy([1.0], [[0.4]], [-0.5]), r"features has shape \(1,\), must be \[S, F\]"),
    (lambda: GaussianPolicy([[1.0]], [[0.4]], [-0.5], learns_std="no"), "learns_std is 'no', must be True or False"),
    (lambda: GaussianPolicy([[1.0]], [[0.4]], [-0.5], std=1.0), "no argument 'std'"),
    (lambda: PLAIN.with_parameters([1.0]), r"theta has shape \(1,\), must be \[d\] = \(2,\)"),
    (lambda: PLAIN.on_nodes(5_000), "5000 nodes"),
    (lambda: PLAIN.score_vjp(np.ones((1, 3))), r"weights has shape \(1, 3\), must be \[..., S, A\]"),
    (lambda: SquashedGaussianPolicy([[1.0]], [[0.4]], [-0.5], scale=0.0), "scale is 0.0, must be a number in"),
    (lambda: ContinuousMDP([0.5, 0.4], stays, pays), r"start sums to 0\.9"),
    (lambda: ContinuousMDP([[1.0]], stays, pays), r"start has shape \(1, 1\), must be \[S\]"),
    (lambda: ContinuousMDP([1.0], np.ones((1, 1)), pays), "transition is a ndarray"),
    (lambda: ContinuousMDP([1.0], stays, 3.0), "reward is 3.0, must be a function"),
    (lambda: ContinuousMDP([1.0], stays, pays, [True, False]), r"terminal has shape \(2,\), must be \[S\] = \(1,\)"),
    (lambda: ContinuousMDP([1.0], stays, pays, action_dim=0), "action_dim is 0, must be an integer of at least 1"),
    (lambda: ContinuousMDP([1.0], stays, pays, action_dim=13), "action_dim is 13"),
    (lambda: ContinuousMDP([1.0], stays, pays, action_dim=3, nodes=100), "nodes is 100, which makes 1,000,000"),
    (
        lambda: problem(transition=lambda _, a: np.ones((len(a), 2))),
        r"transition\(0, actions\) has shape \(\d+, 2\), must",
    ),
    (lambda: problem(transition=lambda s, a: 0.5 * stays(s, a)), r"sums to 0\.5, must sum to 1 .* \(at action"),
    (lambda: problem(reward=lambda _, a: np.sqrt(a)), r"reward\(0, actions\)\[0, 0\] is nan at action \[-"),
    (lambda: problem(reward=lambda _, a: a[:, 1]), r"reward\(0, actions\) raised IndexError"),
    (lambda: problem(reward=lambda *_: None), r"reward\(0, actions\)"),
    (lambda: problem(reward=lambda _, a: np.ones((len(a), 3))), r"reward\(0, actions\) has shape"),
    (lambda: problem(policy=pgv.SoftmaxPolicy([[0.0, 1.0]])), "policy is SoftmaxPolicy, must be one of real actions"),
    (lambda: problem(policy=GaussianPolicy(np.eye(2), np.zeros((2, 1)), [0.0])), "policy has 2 states"),
    (lambda: problem(policy=GaussianPolicy([[1.0]], [[0.4, 0.1]], [0.0, 0.0])), "actions of 2 dimensions"),
    (
        lambda: pgv.sample(sine_problem(), 5, acting=GaussianPolicy(np.eye(2), np.zeros((2, 1)), [0.0])),
        "acting has 2 states",
    ),
    (lambda: pgv.sample(sine_problem(), 5, acting=pgv.SoftmaxPolicy([[0.0, 1.0]])), "acting is SoftmaxPolicy, must be"),
    (
        lambda: Problem(
            ContinuousMDP([1.0], stays, pays), PLAIN, FiniteHorizon(1, bonus=pgv.KL(pgv.SoftmaxPolicy([[0.0]]), 0.1))
        ),
        "reference is SoftmaxPolicy, must be a policy of real actions",
    ),
    (
        lambda: pgv.exact.quadrature_error(
            Problem(pgv.TabularMDP([1.0], [[[1.0]]], [[1.0]]), pgv.SoftmaxPolicy([[0.0]]), FiniteHorizon(1))
        ),
        "must be a ContinuousMDP",
    ),
    (
        lambda: Problem(pgv.TabularMDP([1.0], [[[1.0]]], [[1.0]]), PLAIN, FiniteHorizon(1)),
        "real numbers, must be given a ContinuousMDP",
    ),
    (lambda: pgv.exact.enumerate_trajectories(sine_problem(nodes=40), limit=10), "problem has 40 trajectories"),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=range(len(CASES)))
def test_one_sentence_says_what_is_wrong(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_moments_need_no_more_than_the_nodes() -> None:
    """Negative control: what is right is accepted, and terminal states are not asked about."""
    asked = []

    def reward(state: int, actions: np.ndarray) -> np.ndarray:
        asked.append(state)
        return np.ones((len(actions), 2))

    mdp = ContinuousMDP([0.6, 0.4], lambda _, a: np.full((len(a), 2), 0.5), reward, [False, True])
    made = Problem(mdp, GaussianPolicy(np.eye(2), np.zeros((2, 1)), [0.0]), FiniteHorizon(3))
    assert set(asked) == {0}
    assert pgv.exact.expected_return(made) == pytest.approx(0.6 * (1 + 0.5 + 0.25))
