"""The average reward: closed forms on small chains, and the refusal of chains that have none."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify import AverageReward, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.errors import InvalidObjective, NotUnichain

ROUTES = (
    exact.expected_return,
    exact.values,
    exact.occupancy,
    exact.gradient,
    exact.probability_gradient,
    exact.hessian,
    exact.gradient_by_complex_step,
    exact.gradient_by_value_derivative,
)


def chain(transition: object, reward: object = 1.0) -> Problem:
    """Return a problem with one action, whose chain is the given matrix."""
    rows = np.asarray(transition, dtype=float)
    size = len(rows)
    paid = np.broadcast_to(np.asarray(reward, dtype=float), size)
    mdp = TabularMDP(np.eye(size)[0], rows[:, None, :], paid[:, None])
    return Problem(mdp, SoftmaxPolicy(np.zeros((size, 1))), AverageReward())


def test_two_states_in_closed_form() -> None:
    """P(0→1) = p, P(1→0) = q: d = (q, p)/(p+q), ρ = d·r, h_0 − h_1 = (r_0 − r_1)/(p+q), d·h = 0."""
    p, q, reward = 0.3, 0.1, np.array([2.0, -1.0])
    problem = chain([[1 - p, p], [q, 1 - q]], reward)
    visits = np.array([q, p]) / (p + q)
    assert exact.occupancy(problem) == pytest.approx(visits, rel=1e-15)
    assert exact.expected_return(problem) == pytest.approx(visits @ reward, rel=1e-14)
    gap = (reward[0] - reward[1]) / (p + q)
    assert exact.values(problem).state == pytest.approx([visits[1] * gap, -visits[0] * gap], rel=1e-13)


def test_gradient_of_two_states_in_closed_form() -> None:
    """Each state stays or leaves, leaving with probability p_s = σ(z_s); ρ = (p_1 r_0 + p_0 r_1)/(p_0 + p_1).

    ∂ρ/∂p_0 = p_1 (r_1 − r_0)/(p_0+p_1)², ∂ρ/∂p_1 = p_0 (r_0 − r_1)/(p_0+p_1)², and for the softmax over (stay,
    leave) ∂p/∂z_leave = p (1 − p) = −∂p/∂z_stay.
    """
    logits = np.array([[0.3, -0.5], [0.0, 0.8]])
    transition = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])  # action 0 stays, 1 leaves
    reward = np.array([1.0, 3.0])
    mdp = TabularMDP([1.0, 0.0], transition, np.repeat(reward[:, None], 2, axis=1))
    p = 1.0 / (1.0 + np.exp(logits[:, 0] - logits[:, 1]))
    by_p = np.array([p[1], -p[0]]) * (reward[1] - reward[0]) / p.sum() ** 2
    by_leave = by_p * p * (1.0 - p)
    derived = np.stack([-by_leave, by_leave], axis=1).ravel()
    problem = Problem(mdp, SoftmaxPolicy(logits), AverageReward())
    assert exact.gradient(problem) == pytest.approx(derived, rel=1e-13)


def test_tiny_stationary_probabilities_are_accurate() -> None:
    """A walk that steps up with p and down with q has d_k ∝ (p/q)^k: down to 1e-36, every digit."""
    size, up, down = 10, 1e-4, 0.9999
    rows = np.zeros((size, size))
    for k in range(size):
        rows[k, min(k + 1, size - 1)] += up
        rows[k, max(k - 1, 0)] += down
    derived = (up / down) ** np.arange(size)
    assert exact.occupancy(chain(rows)) == pytest.approx(derived / derived.sum(), rel=1e-12)


def test_transient_states_have_no_share() -> None:
    """State 0 leads to the class {1, 2} and is never seen again."""
    problem = chain([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0]], [7.0, 3.0, 0.0])
    assert exact.occupancy(problem) == pytest.approx([0.0, 2 / 3, 1 / 3], abs=1e-15)
    assert exact.expected_return(problem) == pytest.approx(2.0)


@pytest.mark.parametrize("function", ROUTES)
def test_a_periodic_chain_is_refused(function: object) -> None:
    problem = chain([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    message = r"periodic with period 3 \(through state 0\), must be aperiodic for AverageReward\(\)"
    with pytest.raises(NotUnichain, match=message):
        function(problem)


def test_the_period_is_that_of_the_recurrent_class() -> None:
    """A transient loop of length one does not make the cycle 1 → 2 → 1 aperiodic, nor does a transient cycle harm."""
    with pytest.raises(NotUnichain, match=r"period 2 \(through state 1\)"):
        exact.occupancy(chain([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
    transient_cycle = [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert exact.occupancy(chain(transient_cycle)) == pytest.approx([0.0, 0.0, 1.0])


def test_cycles_of_lengths_two_and_three_are_aperiodic() -> None:
    """gcd(2, 3) = 1: from 0 to 1 and back, or round by 2. d = (2, 2, 1)/5 solves d P = d."""
    rows = [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]
    assert exact.occupancy(chain(rows)) == pytest.approx([0.4, 0.4, 0.2])


@pytest.mark.parametrize("function", ROUTES)
def test_a_multichain_is_refused(function: object) -> None:
    problem = chain([[0.2, 0.4, 0.4], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    with pytest.raises(NotUnichain, match=r"2 recurrent classes \(states . and . never meet\), must have 1"):
        function(problem)


def test_a_nearly_multichain_is_refused_where_digits_are_lost() -> None:
    """Leaks of e make h of size 1/e: at 1e-9 half its digits are gone, at 1e-6 they are not."""
    problem = chain([[1.0 - 1e-9, 1e-9], [1e-9, 1.0 - 1e-9]], [1.0, 0.0])
    for function in (exact.values, exact.gradient, exact.gradient_by_value_derivative):
        with pytest.raises(NotUnichain, match=r"nearly multichain: .* condition number .* below 1e\+08"):
            function(problem)
    fine = chain([[1.0 - 1e-6, 1e-6], [1e-6, 1.0 - 1e-6]], [1.0, 0.0])
    state = exact.values(fine).state
    assert state[0] - state[1] == pytest.approx(1.0 / 2e-6, rel=1e-9)


def test_terminal_states_have_no_average_reward() -> None:
    mdp = TabularMDP([1.0, 0.0], [[[0.0, 1.0]], [[0.0, 1.0]]], np.zeros((2, 1)), [False, True])
    with pytest.raises(InvalidObjective, match=r"terminal\[1\] is True, under AverageReward\(\) no state may"):
        Problem(mdp, SoftmaxPolicy(np.zeros((2, 1))), AverageReward())
