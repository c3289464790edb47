"""What a loss does wrong, each in one sentence: it never returns, divides by nothing, lacks a reference, is NaN."""

from __future__ import annotations

import time

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs.losses.complex_step import ByComplexStep
from pgverify.bugs.losses.written import by_group, mean_of_sums, rloo
from pgverify.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def verdict(loss, **options):
    return pgv.check_lm(loss, **{"framework": "numpy", "group_size": 3, "prompts": 1, **options})


def forever(_):
    while True:
        pass


def swallows(batch):
    """Goes on whatever interrupts it, once."""
    try:
        forever(batch)
    except BaseException:
        return 0.0


def divided_by_std(b):
    r = by_group(b, b.rewards)
    return -mean_of_sums(b, ((r - r.mean(1, keepdims=True)) / r.std(1, keepdims=True)).reshape(-1, 1) * b.log_probs)


def others_of_one(b):
    r = by_group(b, b.rewards)
    return -mean_of_sums(b, ((r.sum(1, keepdims=True) - r) / (r.shape[1] - 1)).reshape(-1, 1) * b.log_probs)


CASES = {
    "never returns": (forever, {"time_limit": 0.2}, "did not return within 0.2 s"),
    "swallows what interrupts it": (swallows, {"time_limit": 0.2}, "did not return within 0.2 s"),
    "all rewards equal": (ByComplexStep(divided_by_std), {}, "all rewards of a group are equal"),
    "a group of one": (ByComplexStep(others_of_one), {"group_size": 1}, "a group of one has no others"),
    "no reference": (lambda b: b.reference.sum(), {}, "ref_log_probs"),
    "no number": (lambda b: (np.nan * b.log_probs).sum(), {}, "nan"),
    "no number of a logarithm": (lambda b: np.log(b.log_probs).sum(), {}, "nan"),
    "asks rewards for gradients": (lambda b: b.rewards.grad.sum(), {}, "grad"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_judged_is_invalid_in_one_sentence(case: str) -> None:
    loss, options, said = CASES[case]
    began = time.process_time()
    report = verdict(loss, **options)
    assert report.outcome is pgv.Outcome.INVALID
    assert said in report.explanation
    assert "\n" not in report.explanation
    if "time_limit" in options:  # once, not once a batch, of which there are thousands
        assert time.process_time() - began < 100.0 * options["time_limit"]


def test_a_loss_that_takes_its_time_is_let() -> None:
    """Negative control: a call of 5 ms within a limit of 5 s."""
    slow = []

    def loss(b):
        if len(slow) < 3:
            slow.append(time.sleep(0.005))
        return ByComplexStep(rloo)(b)

    assert verdict(loss, time_limit=5.0).outcome is pgv.Outcome.CORRECT


@pytest.mark.parametrize("limit", [0, -1.0, "soon", None])
def test_a_time_limit_that_is_none_is_refused(limit) -> None:
    with pytest.raises(InvalidInput, match="time_limit"):
        verdict(ByComplexStep(rloo), time_limit=limit)
