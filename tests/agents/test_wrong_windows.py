"""Critics, acting policies and results that are wrong are refused in one sentence, with what they must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_faults import planted

import pgverify as pgv
from pgverify.errors import InvalidInput, InvalidRun

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name == "early-stop"]
UPDATE = planted(())["update"]


def raising(_: Any) -> Any:
    raise KeyError("no network of this problem")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"critic": lambda _: np.zeros(7)}, r"critic returned shape \(7,\), must return V, 3 finite numbers"),
        ({"critic": lambda _: [0.0, np.nan, 0.0]}, "critic returned numbers that are not finite"),
        ({"critic": lambda _: "V"}, "critic raised ValueError"),
        ({"critic": raising}, "critic raised KeyError: 'no network of this problem'"),
        ({"acting": lambda _: None}, r"acting\(problem\) is None, must be a Policy"),
        ({"acting": raising}, "acting raised KeyError"),
    ],
)
def test_what_describes_a_window_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        pgv.check(UPDATE, kind="agent", problems=PROBLEMS, window=pgv.agents.Window(3, **given))


class Detached:
    """What torch's tensors do where their gradient is recorded."""

    requires_grad = True

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "a return statement is missing"),
        (Detached(), r"\.detach\(\)\.numpy\(\)"),
        ([1j], "complex numbers, must return real numbers"),
        ([[1.0]], r"shape \(1, 1\)"),
    ],
)
def test_results_are_refused_with_what_they_should_be(returned: Any, said: str) -> None:
    with pytest.raises(InvalidRun, match=said):
        pgv.choices.expectation(lambda _: returned)
