"""Every number of the golden cases is confirmed by a second route that reads the JSON alone; a changed one is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from second_route import differences, wrong_in_estimator, wrong_in_problem

Path = tuple[str | int, ...]


def test_the_second_route_confirms_every_number(document: dict[str, Any]) -> None:
    assert differences(document) == []


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every number and truth value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif isinstance(value, bool | int | float):
        yield path


def change(owner: Any, path: Path) -> Any:
    """Change one entry a little, and return what it was."""
    for key in path[:-1]:
        owner = owner[key]
    old = owner[path[-1]]
    match old:
        case bool():
            owner[path[-1]] = not old
        case int():
            owner[path[-1]] = old + 1
        case _:
            owner[path[-1]] = old * (1 + 1e-4) + 1e-6
    return old


def noticed(function: Any, *arguments: Any) -> bool:
    try:
        return bool(function(*arguments))
    except (IndexError, KeyError, ValueError):  # an index that leads nowhere
        return True


def impossible(problem: dict[str, Any], path: Path) -> bool:
    """Return whether a number is a reward of a transition that never happens, or of a state that pays nothing."""
    if path[:2] != ("dynamics", "reward"):
        return False
    state, action, following = (int(index) for index in path[2:])
    return problem["dynamics"]["transition"][state][action][following] == 0 or problem["dynamics"]["terminal"][state]


def idle(estimator: dict[str, Any], path: Path, steps: int) -> bool:
    """Return whether a setting makes no difference: γ^t where it does not occur, as many steps as there are."""
    if path == ("discount_weighting",):
        return estimator["kind"] == "standardized_return"
    return path == ("steps",) and estimator["steps"] >= steps


def unnoticed(owner: dict[str, Any], name: str, paths: list[Path], judge: Any) -> list[str]:
    """Change one entry of each field, drawn at random, and return those that the second route took for right."""
    rng = np.random.default_rng(0)
    fields: dict[str, list[Path]] = {}
    for path in paths:
        fields.setdefault(".".join(str(key) for key in path if isinstance(key, str)), []).append(path)
    missed = []
    for field, found in fields.items():
        path = found[rng.integers(len(found))]
        parent = owner
        for key in path[:-1]:
            parent = parent[key]
        old = change(owner, path)
        if not noticed(judge):
            missed.append(f"{name}: {field} at {path}")
        parent[path[-1]] = old
    return missed


@pytest.mark.parametrize("name", ["coin-door-cut", pytest.param("early-stop", marks=pytest.mark.slow)])
def test_a_changed_number_is_noticed_in_every_field(document: dict[str, Any], name: str) -> None:
    """Negative control: one entry of each field of a problem, and of each field of each estimator."""
    (problem,) = [entry for entry in document["problems"] if entry["name"] == name]
    estimators = problem.pop("estimators")
    problem["estimators"] = []
    paths = [path for path in leaves(problem) if not impossible(problem, path)]
    missed = unnoticed(problem, name, paths, lambda: wrong_in_problem(problem))
    for e in estimators[:: 2 if name == "early-stop" else 5]:
        paths = [path for path in leaves(e) if not idle(e, path, problem["num_steps"])]
        missed += unnoticed(e, e["name"], paths, lambda e=e: wrong_in_estimator(problem, e))
    assert missed == []


def test_the_suite_has_what_the_cases_are_for(document: dict[str, Any]) -> None:
    """Estimators differ where they should: dropping γ^t, centring, bootstrapping at a cut and not at an end."""
    problems = {problem["name"]: problem for problem in document["problems"]}
    estimators = {
        name: {e["name"]: np.array(e["mean"]) for e in problem["estimators"] if e["mean"] is not None}
        for name, problem in problems.items()
    }
    truth = np.array(problems["stochastic-chain"]["exact"]["gradient"])
    chain = estimators["stochastic-chain"]
    for unbiased in (
        "reward_to_go, baseline=none",
        "total_return, baseline=state",
        "reward_to_go, baseline=leave_one_out",
    ):
        np.testing.assert_allclose(chain[unbiased], truth, rtol=1e-9)
    np.testing.assert_allclose(chain["total_return, baseline=batch_mean"], truth / 2, rtol=1e-9)  # (n−1)/n, n = 2
    assert np.abs(chain["reward_to_go, baseline=none, without gamma^t"] - truth).max() > 0.01
    assert np.abs(chain["generalized_advantage, trace_decay=0.5, baseline=state"] - truth).max() > 0.01
    cut = problems["coin-door-cut"]
    assert any(cut["batch"]["truncated"])
    assert any(cut["batch"]["terminated"])
    assert not any(any(problem["batch"]["truncated"]) for problem in problems.values() if problem is not cut)
    assert all(problem["listing"] is not None for problem in problems.values())
