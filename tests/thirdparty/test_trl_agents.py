"""trl: whole steps of its trainers, generation included, against the exact gradient of their own transformer."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from thirdparty_loading import load

import pgverify as pgv
from pgverify import Outcome
from pgverify.adapters import trl as ours
from pgverify.adapters.token_tree import TokenTree
from pgverify.errors import InvalidInput

load("torch")
library = load("trl")

UNSCALED = {"loss_type": "dr_grpo", "scale_rewards": "none"}


def judged(update: Any, problems: Any = None) -> Any:
    return pgv.check(update, kind="agent", problems=problems, time_limit=100.0)


@pytest.mark.slow
def test_rloo_follows_the_gradient() -> None:
    report = judged(ours.update("RLOO"))
    assert report.outcome is Outcome.CORRECT, report


def test_grpo_without_scales_is_a_known_part_of_it() -> None:
    """(G − 1)/(G L): the mean of the group includes one's own reward, and the loss is divided by the longest length."""
    update = ours.update("GRPO", **UNSCALED)
    report = judged(update, update.problems[:1])
    assert report.outcome is Outcome.SCALED, report
    assert "0.5" in report.explanation


class Unsigned(library.RLOOTrainer):  # type: ignore[name-defined,misc]
    """RLOO whose advantages keep their size alone."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        found = super()._generate_and_score_completions(inputs)
        return {**found, "advantages": found["advantages"].abs()}


def test_a_class_that_extends_a_trainer_is_taken_in_its_place() -> None:
    right = ours.update(library.RLOOTrainer)
    assert judged(right, right.problems[:1]).outcome is Outcome.CORRECT
    wrong = ours.update(Unsigned)
    report = judged(wrong, wrong.problems[:1])
    assert report.outcome is Outcome.BIASED, report
    assert pickle.loads(pickle.dumps(wrong)).kind is Unsigned


@pytest.mark.slow
def test_sampling_from_fewer_tokens_does_not() -> None:
    """Negative control: the gradient is that of the whole policy, the samples are those of its two best tokens."""
    report = judged(ours.update("RLOO", top_k=2))
    assert not report.outcome.good, report


def test_two_prompts_are_read_off_their_tree() -> None:
    mdp = pgv.mdps.tokens(2, 3, 2, lambda prompt, completion: 10.0 * prompt + sum(completion))
    tree = TokenTree.of(pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.0] * 3] * mdp.num_states), pgv.FiniteHorizon(2)))
    assert (tree.prompts, tree.vocabulary, tree.max_length) == (2, 3, 2)
    assert tree.reward(1, (2, 1)) == 13.0
    assert tree.reward(0, (2, 0)) == 2.0
    assert tree.observations()[:4].tolist() == [[1, -1, -1], [2, -1, -1], [1, 1, -1], [1, 2, -1]]


def test_refusals() -> None:
    coin = pgv.suites.get("standard")[0].problem
    with pytest.raises(InvalidInput, match="no token tree"):
        TokenTree.of(coin)
    with pytest.raises(InvalidInput, match="num_generations is 4, must be left out"):
        ours.update("GRPO", num_generations=4)
    with pytest.raises(InvalidInput, match="DPO"):
        ours.update("DPO")
    with pytest.raises(InvalidInput, match="trainer is the class dict"):
        ours.update(dict)
    report = judged(ours.update("GRPO", loss_typ="dr_grpo"))
    assert report.outcome is Outcome.INVALID
