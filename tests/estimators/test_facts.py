"""The table of estimators is true: what is called unbiased is, what is not is not, and every row is complete."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from off_policy_cases import lent, lively, relative

import pgverify as pgv
from pgverify import estimators, exact
from pgverify.checking.verdict.estimated_targets import ESTIMATED
from pgverify.estimators.facts import Facts
from pgverify.reporting.estimator_table import LISTED, OF_BATCHES, OF_ONE, estimator_rows, markdown_page

ROOT = Path(__file__).parents[2]
CLASSES = [getattr(estimators, name) for name in estimators.__all__ if name not in ("Estimator", "StepWeighted")]
CLASSES = [one for one in CLASSES if isinstance(one, type)]
FITS = {"NaturalGradient": "a matrix times ∇J"}


def expectation(estimator: object, problem: pgv.Problem) -> np.ndarray:
    batch, chance = exact.enumerate_trajectories(problem)
    return np.asarray(chance @ estimator(batch))  # type: ignore[operator]


def test_every_estimator_states_its_facts() -> None:
    assert len(CLASSES) == 17
    for one in CLASSES:
        facts = one.facts
        assert isinstance(facts, Facts)
        assert all([facts.name, facts.expectation, facts.assumptions, facts.source])
        assert isinstance(facts.example(lively()), one)
    assert len({one.facts.name for one in CLASSES}) == len(CLASSES) == len(ESTIMATED)


@pytest.mark.parametrize("made", [one for one in CLASSES if one.facts.unbiased], ids=lambda one: one.__name__)
def test_what_is_called_unbiased_is(made: type) -> None:
    """Whoever acts; the example of a natural gradient has F = 1, and any other F is the same statement times F⁺."""
    for problem in (lively(), lent()):
        assert relative(expectation(made.facts.example(problem), problem), exact.gradient(problem)) <= 1e-9


@pytest.mark.parametrize("made", [one for one in CLASSES if not one.facts.unbiased], ids=lambda one: one.__name__)
def test_what_is_not_called_unbiased_is_not(made: type) -> None:
    """Negative control: on some problem the expectation is another. Batches are of all that is listed, at once."""
    entry = next(entry for entry in pgv.suites.get("off-policy") if entry.name == "ends-sooner").problem
    ending = pgv.Problem(entry.mdp, entry.policy, entry.objective)
    found = []
    for problem in (lively(), lent(), ending):
        try:
            found.append(relative(expectation(made.facts.example(problem), problem), exact.gradient(problem)))
        except pgv.errors.InvalidEstimator:
            continue  # what is not made for data of another policy
    assert max(found) > 0.01


def test_the_exact_moments_are_as_the_table_says() -> None:
    rows = {row.estimator: row.moments for row in estimator_rows()}
    assert {name for name, moments in rows.items() if moments == LISTED} == {
        "CompatibleNaturalGradient",
        "StandardizedAdvantage",
        "StandardizedReturn",
    }
    assert [name for name, moments in rows.items() if moments == OF_BATCHES] == ["SelfNormalized"]
    assert sum(moments == OF_ONE for moments in rows.values()) == 13


def test_the_page_is_current() -> None:
    """`pgverify estimators --markdown > docs/estimators.md` makes it anew."""
    page = (ROOT / "docs" / "estimators.md").read_text(encoding="utf-8")
    assert page == markdown_page(estimator_rows())
    assert all(f"`{one.__name__}`" in page for one in CLASSES)
    assert "docs/estimators.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_row_that_is_missing_would_be_seen() -> None:
    rows = estimator_rows()
    assert markdown_page(rows[1:]) != markdown_page(rows)


def test_adding_one_touches_one_file() -> None:
    """Outside its own file an estimator is named where it is exported, by those that build on it, and nowhere else."""
    package = ROOT / "pgverify"
    homes = {one.__name__: one.__module__ for one in CLASSES}
    new = {
        "ActionBaseline",
        "VTrace",
        "SelfNormalized",
        "CappedImportance",
        "CompatibleNaturalGradient",
        "NaturalGradient",
    }
    for name in new:
        naming = [path for path in package.rglob("*.py") if _names(path, name)]
        home = package.parent / (homes[name].replace(".", "/") + ".py")
        assert set(naming) == {home, package / "estimators" / "__init__.py"}, name


def _names(path: Path, name: str) -> bool:
    text = path.read_text(encoding="utf-8")
    if name not in text:
        return False
    tree = ast.parse(text)  # not every mention in a sentence is a use
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return name in found
