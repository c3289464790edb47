"""Every entry has its two formulas, and each becomes MathML; what is wrong is not what is right."""

from __future__ import annotations

import pytest

from pgverify.bugs import ENTRIES, Effect
from pgverify.bugs.formulas import FORMULAS
from pgverify.drawing.formulas import formula


def test_they_are_those_of_entries() -> None:
    """A new entry need not have one."""
    assert len(FORMULAS) >= 78
    assert set(FORMULAS) <= {bug.slug for bug in ENTRIES}


@pytest.mark.parametrize("bug", [bug for bug in ENTRIES if bug.slug in FORMULAS], ids=lambda bug: bug.slug)
def test_both_sides_are_drawn_and_differ(bug) -> None:
    written = FORMULAS[bug.slug]
    for latex in (written.computed, written.right):
        assert formula(latex).startswith("<math")
    if bug.effect is not Effect.INNOCENT:
        assert written.computed != written.right


def test_what_is_no_formula_is_shown_as_code() -> None:
    """Negative control."""
    assert formula(r"\frac{1}{").startswith("<code>")
