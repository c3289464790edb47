"""Every keyword of every public callable, attributes of public modules and of results, misspelt: the near is named."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import pgverify as pgv
from pgverify.errors import InvalidInput, UnknownAttribute, WrongArguments, nearest

MODULES = (
    *(
        "baselines",
        "bugs",
        "cases",
        "choices",
        "comparison",
        "errors",
        "estimators",
        "exact",
        "mdps",
        "running",
        "stats",
    ),
    *("strategies", "studies", "suites", "targets", "variance", "agents", "continuous", "adapters.process"),
)


def public_callables() -> dict[str, Callable[..., Any]]:
    """Return what users call, by name: functions, and the classes that they make themselves."""
    found = {name: getattr(pgv, name) for name in pgv.__all__ if not name.startswith("_")}
    for room in ("bugs", "choices", "exact", "mdps", "stats", "suites", "targets", "estimators", "agents"):
        module = import_module(f"pgverify.{room}")
        found |= {f"{room}.{name}": getattr(module, name) for name in module.__all__}
    return {name: value for name, value in found.items() if callable(value) and _takes_names(value)}


def _takes_names(value: Any) -> bool:
    if isinstance(value, type):
        return not issubclass(value, BaseException) and type(value) is type and "__init__" in vars(value)
    return inspect.isfunction(value)


CALLABLES = public_callables()


def test_there_are_many() -> None:
    assert len(CALLABLES) >= 90
    assert {"check", "check_policy", "check_lm", "sample", "exact.gradient", "mdps.get", "suites.get"} <= set(CALLABLES)


@pytest.mark.parametrize("name", CALLABLES)
def test_every_misspelt_keyword_is_refused_by_its_right_name(name: str) -> None:
    function = CALLABLES[name]
    known = [known for known in inspect.signature(function).parameters if known != "self"]
    for keyword in known:
        typed = f"{keyword[:-2]}{keyword[-1:]}" if len(keyword) > 3 else f"{keyword}x"
        if typed in known or keyword not in nearest(typed, known):  # too short, or something else is as near
            continue
        with pytest.raises(WrongArguments, match=rf"no argument '{typed}'; did you mean .*\b{keyword}\b") as refused:
            function(**{typed: None})
        assert isinstance(refused.value, TypeError)


@pytest.mark.parametrize("name", ["check", "exact.gradient", "stats.BiasTest", "TabularMDP"])
def test_what_is_far_from_all_has_no_suggestion(name: str) -> None:
    with pytest.raises(WrongArguments) as refused:
        CALLABLES[name](qqqqzzzz=1)
    assert "did you mean" not in str(refused.value)


@pytest.mark.parametrize(
    ("keyword", "meant"),
    [("tol", "tolerance"), ("estimator", "implementation"), ("rtol", "tolerance"), ("significance", "alpha")],
)
def test_what_others_call_it(keyword: str, meant: str) -> None:
    with pytest.raises(WrongArguments, match=rf"did you mean {meant}\?"):
        pgv.check(lambda batch: batch, **{keyword: 0.1})  # type: ignore[arg-type]


@pytest.mark.parametrize("room", MODULES)
def test_modules_suggest(room: str) -> None:
    module: ModuleType = import_module(f"pgverify.{room}")
    names = [name for name in getattr(module, "__all__", dir(module)) if not name.startswith("_") and len(name) > 4]
    own = [name for name in names if getattr(getattr(module, name), "__module__", "").startswith(module.__name__)]
    name = max(own, key=len)
    with pytest.raises(UnknownAttribute, match=rf"did you mean .*\b{name}\b"):
        getattr(module, f"{name[:-2]}{name[-1]}")
    with pytest.raises(UnknownAttribute) as refused:
        getattr(module, "qqqqzzzz")  # noqa: B009
    assert "did you mean" not in str(refused.value)


def test_state_values_is_state_value() -> None:
    with pytest.raises(UnknownAttribute, match="did you mean StateValue"):
        getattr(pgv.baselines, "StateValues")  # noqa: B009


@pytest.mark.usefixtures("unchecked_shapes")
def test_results_suggest() -> None:
    mdp = pgv.TabularMDP([1.0], [[[1.0], [1.0]]], [[0.0, 1.0]])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.0, 0.0]]), pgv.FiniteHorizon(2))
    estimator = pgv.estimators.RewardToGo()
    wrong: dict[str, Any] = {
        "outcom": pgv.check(estimator, problems=problem, explore=0),
        "covarianc": pgv.exact.moments(estimator, problem),
        "stat": pgv.exact.values(problem),
        "trajectorie": pgv.plan(estimator, problem, relative_error=0.5),
        "implementatio": pgv.bugs.get(pgv.bugs.names()[0]),
        "proble": pgv.suites.get("standard")[0],
        "trace_decays": pgv.estimators.GeneralizedAdvantage(0.9),
        "horizo": problem.objective,
    }
    for name, owner in wrong.items():
        with pytest.raises(InvalidInput, match="did you mean"):
            getattr(owner, name)
        assert not hasattr(owner, name)
        assert type(owner).__name__ in repr(owner)[:200] or repr(owner)
