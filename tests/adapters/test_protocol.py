"""The messages: what a request says is what the document promises, and nothing but an answer is taken for one."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pgverify as pgv
from pgverify.adapters.process import MalformedAnswer, ReportedError
from pgverify.adapters.protocol import Requests, batch_fields, problem_fields, read_answer
from pgverify.checking import standard_suite
from pgverify.errors import InvalidInput, InvalidObjective, TooLarge
from pgverify.exact import enumerate_trajectories
from pgverify.policies.protocol import dense_score

ROOT = Path(__file__).parents[2]
PROBLEMS = {entry.name: entry.problem for entry in standard_suite()}


@pytest.fixture(scope="module")
def batch() -> pgv.Trajectories:
    return enumerate_trajectories(PROBLEMS["early-stop"])[0]


@pytest.mark.usefixtures(
    "unchecked_shapes"
)  # the checker asks by isinstance, which looks past __getattr__ from 3.12 on
def test_the_policy_is_sent_anew_when_it_has_changed(batch):
    """An object may change its parameters in place, as a network in training does."""

    class Training:
        inner = batch.policy

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    policy, requests = Training(), Requests()

    def sent() -> np.ndarray:
        return np.array(json.loads(requests.write("gradient", policy, {"discount": 1.0})[1])["probabilities"])

    assert np.array_equal(sent(), policy.probabilities())
    policy.inner = batch.policy.with_parameters(2.0 * batch.policy.parameters)
    assert np.array_equal(sent(), policy.probabilities())


def test_features_and_parameters_give_the_policy():
    for problem in (PROBLEMS["early-stop"], PROBLEMS["shared-features"]):
        said = json.loads(Requests().write("gradient", problem.policy, {"discount": 1.0})[1])
        logits = np.array(said["features"]) @ np.array(said["parameters"])
        powers = np.exp(logits)
        assert np.allclose(powers / powers.sum(axis=1, keepdims=True), said["probabilities"], rtol=1e-14)
        assert np.array_equal(said["score"], dense_score(problem.policy))


def documented() -> tuple[str, dict[str, object], dict[str, object]]:
    text = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    request, answer = map(json.loads, re.findall(r"^```json\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))
    return text, request, answer


def small_problem() -> pgv.Problem:
    """Return the problem of the document's example."""
    mdp = pgv.TabularMDP([1.0, 0.0], [[[0, 1], [1, 0]], [[0, 1], [0, 1]]], [[2, 1], [0, 0]], [False, True])
    policy = pgv.LinearSoftmaxPolicy([[[1.0], [0.0]], [[0.0], [0.0]]], [0.0])
    return pgv.Problem(mdp, policy, pgv.FiniteHorizon(2, 0.5))


def test_the_documented_example_is_what_is_sent_and_answered():
    _, request, answer = documented()
    everything = enumerate_trajectories(small_problem())[0]
    ends = np.flatnonzero(everything.states[:, -1] == 1)
    batch = everything.select(ends[np.argsort(everything.lengths[ends])])
    number, line = Requests().write("gradient", batch.policy, batch_fields(batch))
    assert json.loads(line) == request
    assert not re.search(rb"\s", line[:-1])
    assert number == request["id"]
    example = [sys.executable, str(ROOT / "examples/reinforce.py")]
    printed = subprocess.run(example, input=line, capture_output=True, check=True, timeout=60).stdout
    assert json.loads(printed) == answer


def test_every_field_is_documented_and_every_documented_field_is_sent():
    text, _, _ = documented()
    tables = text[text.index("### In every request") : text.index("## An example")]
    names = {name for row in re.findall(r"^\| (`.*?) \|", tables, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    problem = small_problem()
    given = batch_fields(enumerate_trajectories(problem)[0]) | problem_fields(problem, 2, np.random.default_rng(0))
    assert names == set(json.loads(Requests().write("gradient", problem.policy, given)[1]))


def test_what_cannot_be_sent_is_refused_by_name(batch):
    with pytest.raises(InvalidInput, match="rewards holds NaN"):
        Requests().write("gradient", batch.policy, {"rewards": np.array([np.nan])})
    with pytest.raises(TooLarge, match="101 x 100 x 10100"):
        Requests().write("gradient", pgv.SoftmaxPolicy(np.zeros((101, 100))), {})
    endless = replace(batch.problem, objective=pgv.Discounted(0.5))
    with pytest.raises(InvalidObjective, match="Discounted"):
        problem_fields(endless, 1, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[1,-2.5e-3]", [1.0, -0.0025]),
        ("[[1],[2]]", [[1.0], [2.0]]),
        ("[NaN,null,-nan(ind),nan]", [math.nan] * 4),
        ("[-Infinity,inf,-INF,1e999]", [-math.inf, math.inf, -math.inf, math.inf]),
    ],
)
def test_values_are_read(value, expected):
    found = read_answer(f'{{"version":1,"id":7,"value":{value},"more":0}}\r'.encode(), 7)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "JSON object"),
        ("[1,2]", "JSON object"),
        ('{"version":1,"id":7,"value":[1]} 2', "JSON object"),
        ("[" * 100_000, "JSON object"),
        ('{"version":1,"id":7,"value":[' + "9" * 5000 + "]}", "JSON object"),
        ('{"id":7,"value":[1]}', "version must be 1"),
        ('{"version":2,"id":7,"value":[1]}', "version must be 1"),
        ('{"version":1,"value":[1]}', "id must be 7"),
        ('{"version":1,"id":6,"value":[1]}', "id must be 7"),
        ('{"version":1,"id":6,"error":"no"}', "id must be 7"),
        ('{"version":1,"id":7}', 'either "value" or "error"'),
        ('{"version":1,"id":7,"value":[1],"error":"no"}', 'either "value" or "error"'),
        ('{"version":1,"id":7,"value":[[1,2],[3]]}', "list of numbers"),
        ('{"version":1,"id":7,"value":["1"]}', "list of numbers"),
        ('{"version":1,"id":7,"value":[true]}', "list of numbers"),
        ('{"version":1,"id":7,"value":{"a":1}}', "list of numbers"),
        ('{"version":1,"id":7,"value":[' + "9" * 400 + "]}", "list of numbers"),
    ],
)
def test_what_is_no_answer_is_refused(line, complaint):
    with pytest.raises(MalformedAnswer, match=complaint) as caught:
        read_answer(line.encode(), 7)
    assert len(str(caught.value)) < 200  # the oracle shows no more


def test_an_error_is_reported_also_without_an_id():
    for line in (b'{"error":"no such kind"}', b'{"version":1,"id":7,"error":"no such kind"}'):
        with pytest.raises(ReportedError, match="no such kind"):
            read_answer(line, 7)
