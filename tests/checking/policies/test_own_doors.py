"""Doors that users take: `score()`, as of `batch.policy`, and `with_parameters`, which changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv

S, A = 2, 3


class Softmax:
    """Softmax of θ/T, with the derivative of log π by hand."""

    def __init__(self, parameters, slope=0.5):
        self.parameters, self.slope = np.asarray(parameters), slope

    def with_parameters(self, parameters):
        return type(self)(parameters, self.slope)

    def probabilities(self):
        z = np.exp(self.parameters.reshape(S, A) / 2)
        return z / z.sum(axis=1, keepdims=True)

    def score(self):
        own = self.slope * (np.eye(A) - self.probabilities()[:, None, :])
        table = np.zeros((S, A, S, A), dtype=own.dtype)
        for state in range(S):
            table[state, :, state] = own[state]
        return table.reshape(S, A, S * A)


class InPlace(Softmax):
    """`with_parameters` moves the policy that it is asked of."""

    def with_parameters(self, parameters):
        self.parameters = np.asarray(parameters)
        return self


class OfOnePair(Softmax):
    """A score of one state and action: another door, not asked."""

    def score(self, state, action):
        raise AssertionError((state, action))


class LogOfPairs(Softmax):
    def log_prob(self, states, actions):
        return np.log(self.probabilities())[states, actions]


THETA = np.random.default_rng(0).normal(size=S * A)


def test_the_score_that_users_read_is_compared() -> None:
    assert pgv.check_policy(Softmax(THETA)).outcome is pgv.Outcome.CORRECT
    wrong = pgv.check_policy(Softmax(THETA, slope=1.0))
    assert wrong.outcome is pgv.Outcome.BIASED
    assert "score is the derivative of log π" in wrong.explanation
    assert wrong.diagnosis


def test_a_score_of_another_kind_is_left_alone() -> None:
    assert pgv.check_policy(OfOnePair(THETA)).outcome is pgv.Outcome.CORRECT


def test_a_policy_that_moves_itself_is_seen() -> None:
    report = pgv.check_policy(InPlace(THETA))
    assert report.outcome is pgv.Outcome.BIASED
    assert "with_parameters leaves the policy as it was" in report.explanation


@pytest.mark.parametrize("kind", [LogOfPairs])
def test_a_door_of_another_form_is_told_what_it_is_asked_with(kind: type) -> None:
    report = pgv.check_policy(kind(THETA))
    assert report.outcome is pgv.Outcome.INVALID
    assert "steps.states and steps.actions" in report.explanation


class Drifting(Softmax):
    """A scale that grows with every call, as running statistics do."""

    def __init__(self, parameters, slope=0.5):
        super().__init__(parameters, slope)
        self.calls = 0

    def probabilities(self):
        self.calls += 1
        return Softmax((1.0 + 1e-3 * self.calls) * self.parameters).probabilities()


class Dropping(Softmax):
    """Every entry is left out with probability 1/10, as in a network that is training."""

    rng = np.random.default_rng(0)

    def probabilities(self):
        return Softmax(self.parameters * (self.rng.random(S * A) > 0.1)).probabilities()


@pytest.mark.parametrize("kind", [Drifting, Dropping])
def test_a_law_that_changes_from_call_to_call_is_said_to(kind) -> None:
    """Its scores were compared with another law before, and the drift was called a temperature."""
    report = pgv.check_policy(kind(THETA))
    assert report.outcome is pgv.Outcome.INVALID
    assert "asked again" in report.explanation
    assert report.diagnosis is None
