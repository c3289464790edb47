"""Names that are replaced for a while: everywhere, and nowhere afterwards."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pgverify.choices.stand_ins import replaced_everywhere, stand_in


def substitute() -> None:
    """Something else."""


def test_a_module_that_is_imported_meanwhile_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_meanwhile.py").write_text("from numpy.random import Generator as Own, choice\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = np.random.Generator
    made = stand_in(before, lambda *_: "made")
    with replaced_everywhere(np.random, {"Generator": made, "choice": substitute}):
        import imported_meanwhile  # type: ignore[import-not-found]

        assert imported_meanwhile.Own("anything") == "made"
        assert imported_meanwhile.choice is substitute
    assert imported_meanwhile.Own is np.random.Generator is before
    assert imported_meanwhile.choice is np.random.choice
    del sys.modules["imported_meanwhile"]


def test_a_name_that_has_become_something_else_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("holds_a_name")
    module.own = np.random.choice  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for expected in (np.random.choice, max):
        module.own = expected  # type: ignore[attr-defined]
        with replaced_everywhere(np.random, {"choice": substitute}):
            assert module.own is (max if expected is max else substitute)  # type: ignore[attr-defined]
        assert module.own is expected  # type: ignore[attr-defined]


def test_what_stands_in_for_a_class_is_one() -> None:
    rng = np.random.default_rng(0)
    made = stand_in(stand_in(np.random.Generator, lambda *_: None), lambda *_: 3, (int,))
    assert made() == 3
    assert isinstance(rng, made)
    assert isinstance(3, made)
    assert not isinstance("3", made)
    assert issubclass(np.random.Generator, made)
    assert made.random is np.random.Generator.random
