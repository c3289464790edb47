"""What the script on long sums measures against is exact, and it sees what single precision loses."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "studies" / "survey" / "conventions" / "float32_sums.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(FILE))


def lost(script: dict[str, Any], given: tuple[Any, ...]) -> float:
    expected = script["right"](*given)
    return float(np.abs(script["plain"](*given) - expected).max() / np.abs(expected).max())


def test_the_sums_are_exact_and_the_laws_are_what_they_say(script: dict[str, Any]) -> None:
    (_, *equal), (_, *random), (_, *offset) = script["laws"](64)
    assert script["right"](*equal)[0] == 64 * np.longdouble(np.float32(0.1))
    small = np.abs(script["right"](*offset))
    assert small.max() < 20  # beside values of 100,000
    assert [np.asarray(array).dtype for array in (*equal[:2], *random[:2], *offset[:2])] == [np.float32] * 6


def test_what_is_lost_is_seen(script: dict[str, Any]) -> None:
    laws = {name: tuple(given) for name, *given in script["laws"](1000)}
    assert 1e-7 < lost(script, laws["equal"]) < 1e-4
    assert lost(script, laws["offset"]) > 1e-4
