"""The drawing of a problem: where everything stands, and what is drawn at all."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import standard_suite
from pgverify.checking.witness.shown_problem import MOST_ARROWS, shown_problem
from pgverify.drawing.layers import layered
from pgverify.drawing.problem_graph import can_be_drawn, draw_problem, steps_drawn
from pgverify.drawing.vector import inline_svg
from pgverify.drawing.words import number, probability

SMALL = [entry for entry in standard_suite() if can_be_drawn(shown_problem(entry.name, entry.problem))]


def test_most_problems_of_the_suite_can_be_drawn() -> None:
    assert len(SMALL) >= 9


@pytest.mark.parametrize("entry", SMALL, ids=lambda entry: entry.name)
def test_no_arrow_runs_back_and_nothing_stands_on_anything_else(entry: pgv.checking.SuiteProblem) -> None:
    problem = shown_problem(entry.name, entry.problem)
    layout = layered(problem, steps_drawn(problem)[0])
    for (time, state, action), place in layout.actions.items():
        assert layout.states[time, state].x < place.x
        for arrow in problem.arrows:
            if (arrow.state, arrow.action) == (state, action):
                assert layout.states[time + 1, arrow.successor].x > place.x
    places = [(place.x, place.y) for place in (*layout.states.values(), *layout.actions.values())]
    gaps = [np.hypot(a[0] - b[0], a[1] - b[1]) for i, a in enumerate(places) for b in places[:i]]
    assert min(gaps) > 0.44  # two radii of a state


def test_every_reward_and_probability_is_written() -> None:
    """Coin-door: action 0 of state 0 leads to 1 with 0.4 and to 2 with 0.6."""
    entry = next(entry for entry in SMALL if entry.name == "coin-door")
    figure = draw_problem(shown_problem(entry.name, entry.problem), {(0, 0, 0, 1)})
    words = [text.get_text() for text in figure.axes[0].texts]
    assert {"0.4, r 2", "0.6, r −1", "r 0.3", "s0", "s1", "s2", "a0", "a1", "t = 3"} <= set(words)


def test_a_large_problem_is_named_and_not_drawn() -> None:
    states = 40
    mdp = pgv.TabularMDP(np.full(states, 1 / states), np.full((states, 2, states), 1 / states), np.zeros((states, 2)))
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((states, 2))), pgv.FiniteHorizon(3))
    shown = shown_problem("large", problem)
    assert states * 2 * states > MOST_ARROWS
    assert (shown.states, shown.arrows, shown.policy) == (states, (), ())
    assert not can_be_drawn(shown)


def test_an_image_in_a_page_takes_its_colours_and_has_names_of_its_own() -> None:
    entry = SMALL[0]
    figure = draw_problem(shown_problem(entry.name, entry.problem))
    first, second = (inline_svg(figure, 'a "word" <b>', prefix) for prefix in ("one", 'two"><b>'))
    assert "var(--ink, #1c1e21)" in first
    assert 'aria-label="a &quot;word&quot; &lt;b&gt;"' in first
    assert 'id="one-' in first
    assert 'id="two---b--' in second
    assert first == inline_svg(figure, 'a "word" <b>', "one")


def test_numbers_are_spelled_for_reading() -> None:
    assert [number(x) for x in (None, 0.25, -1e-9, -0.0, float("inf"), float("nan"), 3, True)] == [
        "", "0.25", "−1e−09", "0", "∞", "not a number", "3", "True",
    ]  # fmt: skip
    assert (probability(0.0), probability(0.5)) == ("< 1e-300", "0.5")
