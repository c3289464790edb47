"""Gradcheck for policies: right ones are right, however they are written; wrong ones are named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import policies_of_others as written
import pytest
from policies_of_others import Table, normal, softmax

import pgverify as pgv
from pgverify import Outcome
from pgverify.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # thousands of calls
BASE = pgv.SoftmaxPolicy(written.LOGITS)
FEATURES = np.random.default_rng(4).normal(size=(3, 4, 5))


def real_softmax(theta: Any) -> np.ndarray:
    z = np.asarray(theta, dtype=np.float64).reshape(3, 4)
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def network(theta: np.ndarray) -> np.ndarray:
    """Return the law of a small network in float64 with 30 parameters: more than there are directions."""
    first, second = theta[:18].reshape(3, 6), theta[18:].reshape(6, 2)
    return softmax(np.tanh(np.eye(3) @ first) @ second)


INNOCENT: dict[str, Any] = {
    "softmax": BASE,
    "near certain": pgv.SoftmaxPolicy([[9.0, 0.0], [0.0, -8.0]]),
    "linear": pgv.LinearSoftmaxPolicy(FEATURES, [0.3, -0.2, 0.5, 0.1, -0.4]),
    "mixed": pgv.MixedPolicy(BASE, 0.2),
    "tempered": pgv.TemperedPolicy(BASE, 2.0),
    "masked": pgv.MaskedPolicy(BASE, written.MASK),
    "top-k": pgv.TopKPolicy(BASE, 2),
    "top-p": pgv.TopPPolicy(BASE, 0.7),
    "stacked": pgv.MixedPolicy(pgv.TemperedPolicy(pgv.TopKPolicy(BASE, 3), 0.5), 0.1),
    "callable, analytic": pgv.CallablePolicy(lambda t: softmax(t.reshape(3, 4)), written.LOGITS.ravel()),
    "callable, real numbers only": pgv.CallablePolicy(real_softmax, written.LOGITS.ravel()),
    "callable, a network": pgv.CallablePolicy(network, np.random.default_rng(2).normal(size=30)),
    "somebody's softmax": Table(score=written.score_of, scored=softmax),
    "somebody's mixture": Table(written.mixed, written.mixed, score=written.score_mixed),
    "somebody's temperature": Table(written.heated, written.heated, score=written.score_heated),
    "somebody's mask": Table(written.masked, written.masked, score=written.score_masked),
    "somebody's double softmax, everywhere": Table(written.twice, written.twice, score=written.score_twice),
    "probabilities alone": Table(),
    "gaussian": pgv.GaussianPolicy([[1.0, 0.2], [-0.5, 1.0]], [[0.3], [-0.4]], [-0.4]),
    "gaussian, plane": pgv.GaussianPolicy(np.eye(2), [[0.3, 0.1], [-0.4, 0.9]], [-0.4, 0.3]),
    "gaussian, fixed spread": pgv.GaussianPolicy(np.eye(2), [[0.3], [-0.4]], [-1.4], learns_std=False),
    "squashed": pgv.SquashedGaussianPolicy(np.eye(2), [[0.3], [-0.4]], [-0.4], scale=2.0),
    "somebody's normal": normal(),
    "somebody's plane": normal(dimensions=2),
    "somebody's tanh": normal(squash=True),
}
FAULTY: dict[str, tuple[Any, str | None]] = {
    "double softmax, log": (Table(softmax, written.twice), "double-softmax"),
    "double softmax, score": (Table(score=written.score_twice), "double-softmax"),
    "mixture scored as softmax, log": (Table(written.mixed, softmax), "exploration-not-scored"),
    "mixture scored as softmax": (Table(written.mixed, score=written.score_of), "exploration-not-scored"),
    "temperature forgotten, log": (Table(written.heated, softmax), "temperature-mismatch"),
    "temperature forgotten": (Table(written.heated, score=written.score_of), "temperature-mismatch"),
    "mask forgotten, log": (Table(written.masked, softmax), "mask-missing-in-update"),
    "mask forgotten": (
        Table(written.masked, score=lambda z: written.score_of(z) * written.MASK[:, :, None]),
        "mask-missing-in-update",
    ),
    "mask not renormalised": (Table(written.mask_without_sum), "mask-not-renormalised"),
    "top two scored as all": (Table(written.top_two, softmax), "truncated-sampling"),
    "top two scored as all, score": (Table(written.top_two, score=written.score_of), "truncated-sampling"),
    "not centred": (Table(score=lambda z: written.score_of(z) + 0.3), None),
    "sign": (Table(score=lambda z: -written.score_of(z)), None),
    "detached": (Table(score=lambda z: 0.0 * written.score_of(z)), "reparameterised-sample"),
    "rows that do not sum to one": (Table(lambda z: 0.9 * softmax(z)), None),
    "dimensions not summed": (normal("not summed", 2), "action-dims-not-summed"),
    "dimensions averaged": (normal("averaged", 2), "action-dims-not-summed"),
    "one dimension scored": (normal("one dimension", 2), "action-dims-not-summed"),
    "log-determinant missing": (normal("no log-determinant", squash=True), "squash-correction-missing"),
    "log-determinant missing, plane": (normal("no log-determinant", 2, True), "squash-correction-missing"),
    "clipped and stored": (normal("clipped and stored"), "clipped-action-scored"),
    "clipped when scored": (normal("clipped when scored"), "clipped-action-scored"),
    "exp twice": (normal("exp twice"), "double-exp-std"),
    "another std": (normal("another std"), "std-mismatch"),
    "attached": (normal("attached"), "reparameterised-sample"),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_right_policies_are_right(name: str) -> None:
    report = pgv.check_policy(INNOCENT[name])
    assert report.outcome is Outcome.CORRECT, report
    assert report.diagnosis is None
    assert report.raise_if_faulty() is report


@pytest.mark.parametrize("name", FAULTY)
def test_wrong_policies_are_named(name: str) -> None:
    policy, slug = FAULTY[name]
    report = pgv.check_policy(policy)
    assert report.outcome is Outcome.BIASED, report
    assert report.diagnosis == slug, report
    if slug:
        assert report.cause
        assert report.cure
    with pytest.raises(AssertionError, match="BIASED"):
        report.raise_if_faulty()


@pytest.mark.parametrize(("fault", "slug"), [("constant", "squash-constant-omitted"), ("tripled", "score-scaled")])
def test_constant_factors_are_scaled(fault: str, slug: str) -> None:
    report = pgv.check_policy(normal(fault))
    assert report.outcome is Outcome.SCALED, report
    assert report.diagnosis == slug


@pytest.mark.parametrize(
    ("drawn", "slug"),
    [
        (written.mixed, "exploration-not-scored"),
        (written.heated, "temperature-mismatch"),
        (written.greedy, "argmax-action"),
        (written.top_two, "truncated-sampling"),
    ],
)
def test_what_is_drawn_is_compared(drawn: Any, slug: str) -> None:
    """20,000 draws a state; the false-alarm rate of all is 1e-6."""
    report = pgv.check_policy(Table(sampled=drawn))
    assert report.outcome is Outcome.BIASED
    assert report.diagnosis == slug, report
    right = pgv.check_policy(Table(sampled=softmax))  # negative control
    assert right.outcome is Outcome.CONSISTENT, right


@pytest.mark.slow
def test_honest_draws_are_not_accused() -> None:
    """200 seeds at a rate of 1e-6 each: an accusation would happen with probability 2e-4; p-values are uniform."""
    found = [pgv.check_policy(Table(sampled=softmax), seed=seed) for seed in range(200)]
    assert all(report.outcome is Outcome.CONSISTENT for report in found)
    smallest = np.array([report.findings[-1].deviation for report in found])
    assert 0.1 < (smallest < 1 - 0.5 ** (1 / 3)).mean() < 0.9  # the least of three is below its median half the time


def test_doors_that_fail_are_invalid() -> None:
    def broken(z: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("no probability")

    assert pgv.check_policy(Table(broken)).outcome is Outcome.INVALID
    assert "no probability" in pgv.check_policy(Table(broken)).explanation
    assert "nan" in pgv.check_policy(Table(lambda z: np.nan * z)).explanation
    assert "must be [S, A]" in pgv.check_policy(Table(lambda z: softmax(z)[0])).explanation
    assert "score_vjp" in pgv.check_policy(Table(score=lambda z: written.score_of(z)[:, :, :3])).explanation


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (3, "policy is int, which lacks parameters"),
        (pgv.SoftmaxPolicy, "policy is the class SoftmaxPolicy"),
        (pgv.adapters, "must offer parameters"),
    ],
)
def test_what_is_no_policy_is_refused(policy: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        pgv.check_policy(policy)


def test_the_report_is_data() -> None:
    report = pgv.check_policy(FAULTY["exp twice"][0])
    assert "double-exp-std" in str(report)
    assert "FAILS" in str(report)
    body = json.loads(report.to_json())
    assert body["outcome"] == "BIASED"
    assert len(body["findings"]) == len(report.findings)
