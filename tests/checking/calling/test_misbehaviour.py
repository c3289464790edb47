"""Whatever an implementation does, the oracle neither crashes nor passes it silently."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import FEW, named

import pgverify as pgv
from pgverify.checking import Report
from pgverify.estimators import GeneralizedAdvantage, RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = RewardToGo()


def judged(function: Callable[..., object], **settings: object) -> Report:
    report = pgv.check(function, **{"problems": named(*FEW), **settings})
    assert Report.from_json(report.to_json()) == report
    assert str(report).count("\n") < 24
    return report


def hangs(batch: pgv.Trajectories) -> np.ndarray:
    try:  # swallows the first interruption, not the second
        while len(batch) == 1:
            pass
    except BaseException:
        while True:
            pass
    return RIGHT(batch)


def fails_rarely(batch: pgv.Trajectories) -> np.ndarray:
    if len(batch) == 1 and batch.actions[0].tolist() == [1, 1, 1]:
        raise SystemExit(3)
    return RIGHT(batch)


def nan_rarely(batch: pgv.Trajectories) -> np.ndarray:
    rare = (batch.actions.sum(axis=1) == 3)[:, None]
    return np.where(rare, np.nan, RIGHT(batch))


INVALID: dict[str, tuple[Callable[..., object], str]] = {
    "hangs": (hangs, "time limit"),
    "fails rarely": (fails_rarely, "a=[1, 1, 1]"),
    "nan rarely": (nan_rarely, "a=[1, 1, 1]"),
    "wrong shape": (lambda b: RIGHT(b)[:, :1], "shape"),
    "none": (lambda _: None, "returned None"),
    "complex": (lambda b: RIGHT(b) + 0j, "complex128"),
    "masked": (lambda b: np.ma.masked_array(RIGHT(b), mask=RIGHT(b) > 0), "masked"),
    "too large": (lambda b: 1e300 * RIGHT(b), "e+299"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_names_the_input(name: str) -> None:
    function, word = INVALID[name]
    report = judged(function, time_limit=0.2)
    assert report.outcome is pgv.Outcome.INVALID
    assert word in report.explanation
    assert "s=[" in report.explanation


def mutates(batch: pgv.Trajectories) -> np.ndarray:
    rows = RIGHT(batch)
    batch.rewards[:] = 0.0
    return rows


def prints(batch: pgv.Trajectories) -> np.ndarray:
    print("loss")
    sys.stdout.close()
    return RIGHT(batch)


def draws(batch: pgv.Trajectories) -> np.ndarray:
    random.random()
    return RIGHT(batch)


@pytest.mark.parametrize(("function", "word"), [(mutates, "changes its input"), (prints, "prints"), (draws, "global")])
def test_warnings_name_the_input(function: Callable[..., object], word: str) -> None:
    report = judged(function)
    assert report.outcome is pgv.Outcome.CORRECT
    assert any(word in warning and "s=[" in warning for warning in report.warnings)
    assert judged(RIGHT).warnings == ()


def test_integers_are_noticed() -> None:
    report = judged(lambda b: np.round(3 * RIGHT(b)).astype(int))
    assert not report.outcome.good
    assert any("integers" in warning for warning in report.warnings)


@pytest.mark.parametrize("first", [4, 9])
def test_a_fault_of_large_batches_is_not_passed(first: int) -> None:
    assert not judged(lambda b: RIGHT(b) * (1.0 if len(b) < first else 1.2)).outcome.good


def test_a_huge_baseline_hides_nothing() -> None:
    report = judged(lambda b: b.score_weighted(0.5 * RIGHT.weights(b) + 1e12))
    assert report.outcome is pgv.Outcome.INCONCLUSIVE
    tiny = judged(lambda b: 1e-10 * b.score_weighted(b.rewards + 1.0 * (b.actions == 1)))
    assert tiny.outcome is pgv.Outcome.BIASED


def test_nothing_to_estimate_is_not_agreement() -> None:
    assert judged(lambda b: 0 * RIGHT(b), problems=named("constant-reward")).outcome is pgv.Outcome.INCONCLUSIVE


def test_reading_the_model_is_mentioned() -> None:
    report = judged(lambda b: np.tile(pgv.exact.gradient(b.problem), (len(b), 1)))
    assert any("model" in warning for warning in report.warnings)


def test_a_problem_too_large_is_inconclusive_unless_another_shows_a_fault() -> None:
    (small,) = named("early-stop")
    large = pgv.Problem(named("bandit")[0].mdp, named("bandit")[0].policy, pgv.FiniteHorizon(40))
    assert "trajectories" in judged(RIGHT, problems=[large]).explanation
    assert judged(RIGHT, problems=[small, large]).outcome is pgv.Outcome.INCONCLUSIVE
    assert judged(lambda b: RIGHT(b) * b.lengths[:, None], problems=[small, large]).outcome is pgv.Outcome.BIASED


def test_random_implementations_are_sampled() -> None:
    def noisy(batch: pgv.Trajectories) -> np.ndarray:
        return 2.0 * RIGHT(batch) * np.random.default_rng().uniform(0.9, 1.1)

    report = judged(noisy, problems=named("coin"))
    assert report.evidence == "sampled"
    assert "random" in report.explanation
    assert not report.outcome.good


def test_weights_are_named() -> None:
    report = judged(GeneralizedAdvantage(0.95).weights, kind="weights", problems=named("early-stop", "delayed-reward"))
    assert report.weights == ("GAE(λ = 0.95), with γ^t",)
    other = judged(lambda b: np.cos(b.rewards), kind="weights", problems=named("early-stop", "delayed-reward"))
    assert other.weights == ()


def sampler(factor: float) -> Callable[..., np.ndarray]:
    def draw(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
        return factor * RIGHT(pgv.sample(problem, count, int(rng.integers(2**31))))

    return draw


@pytest.mark.parametrize(
    ("function", "budget", "outcome"),
    [
        (sampler(1.0), 200_000, "CONSISTENT"),
        (sampler(1.3), 200_000, "BIASED"),  # one problem with one direction: no factor can be claimed
        (sampler(1.0), 30_000, "INCONCLUSIVE"),
        (lambda p, n, _: RIGHT(pgv.sample(p, n, 3)), 200_000, "INVALID"),
        (lambda *_: sys.exit(), 200_000, "INVALID"),
        (sampler(np.nan), 200_000, "INVALID"),
    ],
)
def test_samplers(function: Callable[..., object], budget: int, outcome: str) -> None:
    tolerance = 0.1 if budget > 100_000 else 0.01
    report = judged(function, kind="sampler", problems=named("coin"), tolerance=tolerance, budget=budget)
    assert report.outcome.value == outcome, str(report)


def test_a_budget_too_small_is_the_callers_fault() -> None:
    with pytest.raises(pgv.errors.InvalidInput, match="budget"):
        pgv.check(sampler(1.0), kind="sampler", budget=100)


def test_no_escape_sequence_reaches_the_terminal() -> None:
    def raises(batch: pgv.Trajectories) -> np.ndarray:
        raise ValueError("\x1b[31mred\x00")

    report = judged(raises, problems=named("coin"))
    assert report.outcome is pgv.Outcome.INVALID
    assert "ValueError: \ufffd[31mred\ufffd" in report.explanation


def test_a_time_limit_of_its_own_is_not_waited_for_again() -> None:
    """The batch is answered, single trajectories are not: one is enough."""
    calls = []

    def impatient(batch: pgv.Trajectories) -> np.ndarray:
        calls.append(len(batch))
        if len(batch) == 1:
            raise TimeoutError("no answer")
        return RIGHT(batch)

    assert judged(impatient, problems=named("bandit")).outcome is pgv.Outcome.INVALID
    assert calls.count(1) == 1


def test_zeros_are_not_single_precision() -> None:
    report = judged(lambda batch: 0.0 * RIGHT(batch), problems=named("coin", "bandit"))
    assert report.outcome is pgv.Outcome.NO_SIGNAL
    assert "no sampling: 2 problems, " in report.error_rate
    assert "equal within 1e-09" in report.error_rate
    assert "no sampling: 1 problem, coupling looked for in" in judged(RIGHT, problems=named("coin")).error_rate
