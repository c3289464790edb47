"""One colour for one concept, on every figure."""

from __future__ import annotations

from pgverify.drawing.colours import CONCEPTS, PALETTE, concept_colours


def test_a_concept_keeps_its_colour_whatever_stands_beside_it() -> None:
    alone = concept_colours(["reward-to-go"])["reward-to-go"]
    for others in (
        ["total return", "reward-to-go"],
        ["start", "mine", "reward-to-go", "V"],
        [*"abcdefg", "reward-to-go"],
    ):
        assert concept_colours(others)["reward-to-go"] == alone
    assert concept_colours(["action", "x"])["action"] == CONCEPTS["action"]


def test_sources_share_no_colour_with_estimators_and_names_none_with_each_other() -> None:
    assert not set(CONCEPTS.values()) & set(PALETTE)
    look = concept_colours(["total return", "reward-to-go", "reward-to-go − V", "GAE(0.9)", "GAE(1)", "mine", "yours"])
    assert len(set(look.values())) == 7
