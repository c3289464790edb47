"""Values and exceptions as messages show them: on one line, of bounded length."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify.errors import one_sentence
from pgverify.validation import shortened, shown


@pytest.mark.parametrize(("length", "expected"), [(0, ""), (60, "x" * 60), (61, "x" * 59 + "…"), (500, "x" * 59 + "…")])
def test_a_long_text_ends_in_an_ellipsis(length: int, expected: str) -> None:
    assert shortened("x" * length) == expected


def test_a_value_is_shown_on_one_line_as_it_prints() -> None:
    assert shown("a b") == "'a b'"
    assert shown(np.eye(2)) == "array([[1., 0.], [0., 1.]])"
    assert shown(np.eye(9), 20) == "array([[1., 0., 0.,…"


def test_an_exception_is_one_sentence() -> None:
    assert one_sentence(ValueError("first\n  second")) == "ValueError: first second"
    assert one_sentence(KeyboardInterrupt()) == "KeyboardInterrupt"
