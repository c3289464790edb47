"""Half precision inside a function whose numbers are long: judged as half, said so, and no excuse for anything else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.rounded_inside import rounded_inside
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray
Function = Callable[[pgv.Trajectories], Array]
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
TRIED = ("bandit", "early-stop")


def half(values: Array) -> Array:
    return np.asarray(values, dtype=np.float16).astype(float)


def bfloat16(values: Array) -> Array:
    words = np.array(values, dtype=np.float32, ndmin=1).view(np.uint32)
    short = ((words + 0x7FFF + ((words >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    return short.astype(float).reshape(np.shape(values))


def to_go(batch: pgv.Trajectories, rewards: Array, discount: float) -> Array:
    paid = discount ** np.arange(batch.num_steps) * np.where(batch.mask, rewards, 0.0)
    return np.cumsum(paid[:, ::-1], axis=1)[:, ::-1]


def with_weights(short: Callable[[Array], Array], factor: float = 1.0) -> Function:
    return lambda batch: batch.score_weighted(short(factor * to_go(batch, batch.rewards, batch.discount)))


def with_rewards(short: Callable[[Array], Array]) -> Function:
    return lambda batch: batch.score_weighted(to_go(batch, short(batch.rewards), batch.discount))


def with_discount(short: Callable[[Array], Array]) -> Function:
    return lambda batch: batch.score_weighted(to_go(batch, batch.rewards, float(short(np.array(batch.discount)))))


def with_policy(short: Callable[[Array], Array]) -> Function:
    """Σ_t w_t (1_{a_t} − π) with a softmax of short logits and short probabilities, for tables of logits alone."""

    def function(batch: pgv.Trajectories) -> Array:
        if not isinstance(batch.policy, pgv.SoftmaxPolicy):
            return RewardToGo()(batch)
        logits = short(batch.policy.logits)
        chance = short(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
        weights = np.where(batch.mask, to_go(batch, batch.rewards, batch.discount), 0.0)
        table = np.zeros((len(batch), *chance.shape))
        for t in range(batch.num_steps):
            at = np.arange(len(batch)), batch.states[:, t]
            table[at] += weights[:, t, None] * (np.eye(chance.shape[1])[batch.actions[:, t]] - chance[at[1]])
        return table.reshape(len(batch), -1)

    return function


MADE_OF = {"rewards": with_weights, "paid": with_rewards, "discount": with_discount, "parameters": with_policy}


def seen(function: Function) -> tuple[int, tuple[str, ...]] | None:
    with Alarm(10.0) as alarm:
        limited = LimitedFunction(function, False, alarm)
        found = rounded_inside(limited, [SUITE[name] for name in TRIED], lambda _: lambda whole: whole.select([-1]))
    return None if found is None else (found.bits, found.inputs)


@pytest.mark.parametrize(("short", "bits"), [(half, 11), (bfloat16, 8)])
@pytest.mark.parametrize("name", MADE_OF)
def test_what_is_rounded_and_to_how_many_bits_is_seen(name: str, short: Callable[[Array], Array], bits: int) -> None:
    found = seen(MADE_OF[name](short))
    assert found is not None
    assert found[0] == bits
    assert name.replace("paid", "rewards") in found[1]


def clipped(values: Array) -> Array:
    return np.clip(values, -1.0, 0.7)


NOT_ROUNDED: dict[str, Function] = {
    "double": with_weights(np.asarray),
    "single": with_weights(lambda values: values.astype(np.float32).astype(float)),
    "a bias of .003": with_weights(lambda values: 1.003 * values),
    "decimals": with_weights(lambda values: np.round(values, 3)),
    "a grid": with_rewards(lambda values: np.round(256.0 * values) / 256.0),
    "clipped": with_weights(clipped),
    "absolute": with_weights(np.abs),
    "shows it itself": lambda batch: RewardToGo()(batch).astype(np.float16),
}


@pytest.mark.parametrize("name", NOT_ROUNDED)
def test_nothing_is_seen_where_no_precision_is_lost(name: str) -> None:
    assert seen(NOT_ROUNDED[name]) is None


def test_half_inside_is_correct_and_says_what_could_hide() -> None:
    report = pgv.check(with_weights(half))
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert "half precision, which could hide a bias of 0.0" in report.explanation
    assert any("half precision (float16) somewhere inside" in note and "the rewards" in note for note in report.notes)
    assert not any("constant" in warning or "couple" in warning for warning in report.warnings)


def test_bfloat16_inside_is_inconclusive_and_says_where_it_comes_from() -> None:
    report = pgv.check(with_discount(bfloat16))
    assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)
    assert "could hide a bias of" in report.explanation
    assert "from the discount" in report.next_step


FAULTS: dict[str, Function] = {
    "larger than what hides": with_weights(half, factor=1.5),
    "reversed": with_weights(half, factor=-1.0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_beside_half_precision_stays_a_fault(name: str) -> None:
    report = pgv.check(FAULTS[name])
    assert report.outcome is pgv.Outcome.BIASED, str(report)
    assert any("somewhere inside" in warning for warning in report.warnings)


SMALL: dict[str, Function] = {
    "long episodes": lambda batch: RewardToGo()(batch) * np.where(batch.lengths > 3, 1.003, 1.0)[:, None],
    "discount": with_discount(lambda discount: 0.999 * discount),
    "late rewards": with_rewards(lambda rewards: rewards * (np.arange(rewards.shape[1]) < 6)),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_small_bias_in_double_precision_is_one(name: str) -> None:
    report = pgv.check(SMALL[name])
    assert report.outcome is pgv.Outcome.BIASED, str(report)
    assert "somewhere inside" not in str(report)


def test_leave_one_out_in_half_is_not_called_another_function_in_larger_batches() -> None:
    def function(batch: pgv.Trajectories) -> Array:
        returns = half(to_go(batch, batch.rewards, batch.discount)[:, 0])
        others = half((returns.sum() - returns) / max(len(batch) - 1, 1)) * (len(batch) > 1)
        return batch.score_weighted(to_go(batch, batch.rewards, batch.discount) - others[:, None]).mean(axis=0)

    report = pgv.check(function)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
