"""Values and exceptions as messages show them: on one line, of bounded length."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify.errors import InvalidInput, one_sentence
from pgverify.validation import require_probability_rows, shortened, shown


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


def test_an_empty_row_of_a_table_is_told_what_belongs_there() -> None:
    rows = np.ones((3, 2, 3)) / 3
    rows[2, 1] = 0.0
    with pytest.raises(InvalidInput, match=r"transition\[2, 1\] sums to 0, .*leads to itself, with probability 1"):
        require_probability_rows("transition", rows, InvalidInput)
    rows[2, 1] = 0.3
    with pytest.raises(InvalidInput, match="divide the row by its sum"):  # negative control: it is not empty
        require_probability_rows("transition", rows, InvalidInput)
