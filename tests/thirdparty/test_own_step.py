"""The gradient that an update of PyTorch leaves behind, of updates written here: right, scaled, and of no effect."""

from __future__ import annotations

from typing import Any

import pytest
from thirdparty_loading import load

from pgverify import Outcome
from pgverify.survey import asked, problems
from pgverify.survey.own_step import idle, left_behind, times_steps, weighted

torch = load("torch")


def stepped(scale: Any, powers: bool = True) -> Outcome:
    """Return the outcome of REINFORCE that goes backwards itself, as a library's update does."""

    def update(logits: Any, batch: Any) -> None:
        optimiser = idle()
        optimiser.zero_grad()
        chosen = torch.log_softmax(logits[batch.mask], -1).gather(-1, batch.actions[batch.mask][:, None])[:, 0]
        (-(chosen * weighted(batch, powers)[batch.mask]).mean() * scale(batch)).backward()
        optimiser.step()

    return asked(left_behind(update), problems=problems("delayed-reward")).outcome


def test_a_mean_over_steps_times_their_number_is_the_gradient() -> None:
    assert stepped(times_steps) is Outcome.CORRECT


@pytest.mark.parametrize(
    ("scale", "powers", "outcome"),
    [(lambda _: 1.0, True, Outcome.SCALED), (times_steps, False, Outcome.OTHER_TARGET)],
)
def test_what_is_another_is_said_to_be(scale: Any, powers: bool, outcome: Outcome) -> None:
    assert stepped(scale, powers) is outcome


def test_an_update_that_leaves_nothing_has_no_signal() -> None:
    found = asked(left_behind(lambda *_: None), problems=problems("coin"))
    assert found.outcome is Outcome.NO_SIGNAL
