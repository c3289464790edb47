from __future__ import annotations

import math

import pytest

from pgverify.errors import InvalidData
from pgverify.stats.sequential_plan import Looks


def planned(**changes: object) -> Looks:
    arguments = {
        "dimension": 3,
        "first_look": 100,
        "budget": 10_000,
        "growth": 2.0,
        "rarest": None,
        "rate": 0.01,
    } | changes
    return Looks.planned(**arguments)


def test_looks_are_geometric_and_end_at_the_budget() -> None:
    assert planned().counts == (157, 313, 625, 1250, 2500, 5000, 10_000)
    assert planned(first_look=10_000).counts == (10_000,)
    assert planned(first_look=5000).counts == (5000, 10_000)


def test_the_shares_and_the_guards_add_up_to_the_rate() -> None:
    """Nine tenths to the statistic; a tenth over K looks, two tests and d directions to the guard."""
    looks = planned()
    guard = looks.number * 2 * looks.dimension * math.exp(-looks.log_odds(0.01))
    assert looks.number * looks.share(0.01) + guard == pytest.approx(0.01)


def test_no_look_before_the_rarest_event_is_seen() -> None:
    looks = planned(rarest=0.01)
    assert (1 - 0.01) ** looks.counts[0] <= math.exp(-looks.log_odds(0.01))
    assert planned(dimension=500).counts[0] >= 502


def test_a_budget_too_small_for_the_first_look_is_refused() -> None:
    with pytest.raises(InvalidData, match="budget is 900, must be at least the first look, 1004 with rarest"):
        planned(budget=900, rarest=0.01)
    with pytest.raises(InvalidData, match="budget is 50, must be at least the first look, 100"):
        planned(budget=50)
