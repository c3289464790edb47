"""Thousands of malformed inputs: each is read as what it spells, or refused in one sentence of ours."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from malformed_calls import PROBLEM, Call, every_call
from malformed_outcomes import outcome_of
from malformed_values import EITHER, REFUSED, Malformed

import pgverify as pgv
from pgverify.errors import InvalidInput

FEWEST = 3000
"""Inputs in the quick test."""
STRIDE = 5
"""Of all inputs the quick test takes every fifth: the table's rows and a call's arguments are all met by it."""

RESULTS = {
    "exact": {"EstimatorMoments", "OptimalBaseline", "QuadratureError", "Solution", "Values", "rollout"},
    "mdps": {"ContinuousEntry", "Entry", "KnownAnswer", "continuous_names", "names", "from_gymnasium"},
    "bugs": {"Bug", "Effect", "Implementation", "LossBug", "names"},
    "suites": {"SuiteProblem", "names"},
    "estimators": {"Estimator", "StepWeighted"},
    "stats": {
        "BiasResult", "CoordinateResult", "HotellingResult", "SequentialOutcome", "SequentialResult",
        "VarianceRatioResult",
    },
    "": {"Outcome", "Plan", "Policy", "VarianceReport", "check_lm"},
}  # fmt: skip
"""What is returned rather than called, protocols, and what takes no argument; Gymnasium is an extra.
`check_lm` takes seconds a call: its refusals are in tests/language."""


def in_another_interpreter(stride: int) -> tuple[int, list[str]]:
    """Return how many malformed calls were made, and what is wrong with their outcomes."""
    script = Path(__file__).with_name("malformed_run.py")
    run = subprocess.run([sys.executable, "-W", "error", str(script), str(stride)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    count, wrong = json.loads(run.stdout)
    return count, wrong


def test_a_sample_of_malformed_inputs_is_read_right_or_refused() -> None:
    count, wrong = in_another_interpreter(STRIDE)
    assert wrong == []
    assert count >= FEWEST


@pytest.mark.slow
def test_all_malformed_inputs_are_read_right_or_refused() -> None:
    count, wrong = in_another_interpreter(1)
    assert wrong == []
    assert count >= STRIDE * FEWEST


def test_every_public_callable_is_called(tmp_path: Path) -> None:
    called = Counter(part for call in every_call(tmp_path) for part in call.name.replace("()", "").split("."))
    for room, left_out in RESULTS.items():
        home: Any = getattr(pgv, room) if room else pgv
        public = {name for name in home.__all__ if callable(getattr(home, name)) and name not in left_out}
        assert {name for name in public if name not in called} == set(), room


ONE = Malformed("a value", object(), REFUSED)

FAULTS: dict[str, tuple[Callable[[Any], Any], Malformed, str]] = {
    "another exception": (lambda value: value + 1, ONE, "raised TypeError"),
    "nonsense": (lambda **_: 0.0, ONE, "accepted"),
    "not a number": (lambda **_: np.nan, Malformed("a value", 3, EITHER), "not a number"),
    "infinite": (lambda **_: (1.0, np.array([np.inf])), Malformed("a value", 3, EITHER), "not a number"),
    "another result": (lambda value: float(np.real(value)), Malformed("a value", 3j, 3.0), "not the clean result"),
    "another type": (lambda value: value, Malformed("a value", np.float32(3), 3.0), "not the clean result"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault: str) -> None:
    """Negative control: each way of being wrong is complained of."""
    function, malformed, expected = FAULTS[fault]
    assert expected in outcome_of(Call("faulty", function, {"value": 1.0}), "value", malformed)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("value is no number\nmust be one", "in no sentence"),
        ("no", "in no sentence"),
        ("value " + 500 * "x", "in no sentence"),
        ("something was wrong with it", "does not name value"),
        ("value is an object, must be a number", ""),
    ],
)
def test_a_refusal_is_one_sentence_that_names_the_argument(sentence: str, expected: str) -> None:
    def refuse(value: Any) -> None:
        raise InvalidInput(sentence)

    wrong = outcome_of(Call("refusing", refuse, {"value": 1.0}), "value", ONE)
    assert wrong == expected == "" or expected in wrong != ""


SENTENCES: dict[str, tuple[Callable[[], Any], str]] = {
    "an MDP for a problem": (
        lambda: pgv.exact.gradient(PROBLEM.mdp),  # type: ignore[arg-type]
        "problem is a TabularMDP .*must be a Problem; pgv.Problem",
    ),
    "an MDP to be sampled": (lambda: pgv.sample(PROBLEM.mdp, 3), "problem is a TabularMDP"),  # type: ignore[arg-type]
    "no weights": (lambda: pgv.sample(PROBLEM, 2).score_weighted(None), "weights must be an array of real numbers"),
    "a row too far": (lambda: pgv.sample(PROBLEM, 2).select(99), r"rows is 99, must be an index in 0\.\.1"),
    "a number for a name": (lambda: pgv.mdps.get(3), "MDP is 3 of type int, must be the name of one"),  # type: ignore[arg-type]
    "a name for a baseline": (
        lambda: pgv.estimators.RewardToGo(baseline="V"),  # type: ignore[arg-type]
        "baseline is 'V', must be a baseline; of pgv.baselines, StateValue",
    ),
    "no batch": (lambda: pgv.estimators.RewardToGo()(PROBLEM), "batch is a Problem .*; pgv.sample"),  # type: ignore[arg-type]
    "a class for an object": (lambda: pgv.exact.gradient(pgv.Problem), "problem is the class Problem"),  # type: ignore[arg-type]
    "a distant name": (lambda: pgv.mdps.get("cartpole"), r"unknown MDP 'cartpole', must be .*pgv.mdps.names\(\)"),
}


@pytest.mark.parametrize("case", SENTENCES)
@pytest.mark.usefixtures("unchecked_shapes")
def test_the_sentence_says_what_to_do(case: str) -> None:
    call, expected = SENTENCES[case]
    with pytest.raises(InvalidInput, match=expected):
        call()


def test_signatures_are_those_of_the_functions() -> None:
    """What checks arguments must not hide them from help, notebooks and type checkers."""
    assert list(inspect.signature(pgv.exact.gradient).parameters) == ["problem"]
    assert next(iter(inspect.signature(pgv.estimators.GeneralizedAdvantage).parameters)) == "trace_decay"
