"""What a study hands over is accepted whole or refused in one sentence, and commands no terminal."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pgverify.errors import InvalidInput, one_sentence, without_commands
from pgverify.reporting.concluding import concluded
from pgverify.reporting.given_claims import LONGEST_TEXT, MOST_CLAIMS, claims_of, figures_of
from pgverify.running.conclusion import Conclusion, as_lines, from_lines
from pgverify.running.rows import printable
from pgverify.studies import Claim, Study


class Leaving(str):
    """A text that ends whoever prints it."""

    def __str__(self) -> str:
        raise SystemExit(0)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


def claim(name: str = "a", holds: Any = True, **texts: Any) -> Claim:
    given: dict[str, Any] = {"statement": "s", "expected": "1", "found": "1", "certainty": "exact", **texts}
    return Claim(name, evidence="exact", holds=holds, **given)


def test_failing_claims_come_first_and_are_plain() -> None:
    found = claims_of([claim("a", np.True_), claim("b", False), claim("c", statement=Leaving("said"))])
    assert [(each.name, each.holds) for each in found] == [("b", False), ("a", True), ("c", True)]
    assert all(type(each.holds) is bool and type(each.statement) is str for each in found)
    assert found[2].statement == "said"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "decide returned None, must be a list of claims"),
        (3, "decide returned 3, must be a list"),
        ("claims", "must be a list of claims"),
        ({"a": 1}, "must be a list of claims"),
        (["a"], "among its claims, must be a pgverify.studies.Claim"),
        (itertools.repeat(claim()), f"more than {MOST_CLAIMS} claims"),
        ([claim(), claim()], "two claims are called 'a'"),
        ([claim("a"), claim("A")], "differ in more than capitals"),
        ([claim(holds="yes")], "holds of claim 'a' is 'yes', must be True or False"),
        ([claim(holds=1)], "must be True or False"),
        ([claim(holds=np.array([True, False]))], "must be True or False"),
        ([claim(holds=None)], "must be True or False"),
        ([claim(statement=object())], "statement of claim 'a' is"),
        ([claim(found=3.0)], "found of claim 'a' is 3.0, must be a text"),
        ([claim(certainty="x" * (LONGEST_TEXT + 1))], "a text of at most"),
    ],
)
def test_what_is_no_claim_is_refused(given: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        claims_of(given)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "figures returned None"),
        ([Figure()], "must be a dictionary of matplotlib figures"),
        ({"a": object()}, "figure 'a' is"),
        ({3: Figure()}, "the name of a figure is int"),
        ({"../a": Figure()}, "it is no path"),
        ({"nul.png": Figure()}, "is a device to some systems"),
        ({"a": Figure(), "A": Figure()}, "differ in more than capitals"),
    ],
)
def test_what_is_no_figure_is_refused(given: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        figures_of(given)


def study(**parts: Any) -> Study:
    given: dict[str, Any] = {
        "name": "x", "question": "Is it?", "source": "here", "cells": lambda _: [{"n": 1}], "run": lambda *_: [],
        "decide": lambda _: [claim()], "figures": lambda _: {},
    }  # fmt: skip
    return Study(**{**given, **parts})


@pytest.mark.parametrize(
    ("part", "value"),
    [("question", object()), ("source", None), ("answer", 3), ("formula", b"x"), ("captions", "a"), ("captions", None)]
    + [(name, 3) for name in ("cells", "run", "decide", "figures")],
)
def test_a_study_of_other_parts_is_refused(part: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"^{part} is "):
        study(**{part: value})


def raising(error: BaseException) -> Callable[[pd.DataFrame], Any]:
    def act(_: pd.DataFrame) -> Any:
        raise error

    return act


@pytest.mark.parametrize("error", [Unspeakable(), SystemExit(0), ValueError("\x1b[2J\0"), GeneratorExit()])
def test_whatever_is_raised_is_one_trouble_each(error: BaseException) -> None:
    *_, found = concluded(study(decide=raising(error), figures=raising(error)), [{"n": 1}])
    assert found.broken
    assert len(found.troubles) == 2
    assert all(text.isprintable() for text in found.troubles)


def test_what_is_known_is_there_before_the_next_code_runs() -> None:
    first, decided, last = concluded(study(), [{"n": 1}])
    assert [len(each.claims) for each in (first, decided, last)] == [0, 1, 1]
    assert [each.broken for each in (first, decided, last)] == [True, True, False]
    assert "were not decided" in first.troubles[0]
    assert "were not drawn" in decided.troubles[0]
    assert last.troubles == ()


def test_no_text_commands_a_terminal() -> None:
    assert without_commands("a\x1b[2J\x07b\tc\nd\x9b γ") == "a\\x1b[2J\\x07b\tc\nd\\x9b γ"
    assert without_commands("\ud800") == "\\ud800"
    assert printable("\x1b[2J") == "\\x1b[2J"
    assert one_sentence(ValueError("\x1b[2J")) == "ValueError: \\x1b[2J"
    assert one_sentence(Unspeakable()) == "Unspeakable"


def test_a_store_from_elsewhere_commands_none_either() -> None:
    lines = as_lines(Conclusion((claim(),), {}, (), False))
    (name, content, picture), *_ = lines
    spoilt = [(name, content.replace('"s"', '"\\u001b[2J"'), picture)]
    found = from_lines(spoilt)
    assert found is not None
    assert found.claims[0].statement == "\\x1b[2J"
