"""Short ways that are taken thousands of times say, to the bit, what the plain way says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

import pgverify as pgv
from pgverify.batch_arrays import SMALL, powers, where_taken
from pgverify.checking.exhaustive.listed_problem import spread_rows
from pgverify.errors import InvalidPolicy
from pgverify.exact.compiled_sums import FEW, compiled_softmax_gradient
from pgverify.exact.fixed_parts import common_part
from pgverify.policies.protocol import Policy, is_policy
from pgverify.validation import refuse_non_finite

STRANGE = np.array([-0.0, 1.5, np.nan, np.inf, -2.0, 1e-320])
"""Numbers of which bits may differ though they compare as equal, or as nothing."""


def problem() -> pgv.Problem:
    mdp = pgv.TabularMDP([0.5, 0.5], np.full((2, 2, 2), 0.5), [[1.0, 0.0], [0.3, -2.0]])
    return pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.1, 0.4], [0.0, -0.7]]), pgv.FiniteHorizon(3, 0.9))


@pytest.mark.parametrize("columns", [6, SMALL])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_steps_that_were_taken(columns: int, dtype: type) -> None:
    values = np.resize(STRANGE, (3, columns)).astype(dtype)
    mask = np.random.default_rng(0).random(values.shape) < 0.5
    assert where_taken(mask, values).tobytes() == np.where(mask, values, 0.0).tobytes()
    assert where_taken(~mask, values).tobytes() != np.where(mask, values, 0.0).tobytes()


@pytest.mark.parametrize("factor", [0.0, 0.9, 1.0])
def test_powers(factor: float) -> None:
    assert powers(factor, 5).tobytes() == np.array([factor**t for t in range(5)]).tobytes()
    assert powers(int(factor), 5).dtype == np.float64  # kept under the same key
    assert not powers(factor, 5).flags.writeable


def test_powers_of_a_batch_are_its_own() -> None:
    batch = pgv.sample(problem(), 2, seed=0)
    kept = batch.discount_powers.copy()
    batch.discount_powers[:] = 7.0
    assert np.array_equal(batch.discount_powers, kept)


@pytest.mark.parametrize("count", [1, 2, 23, 24, 25, 80, 5000])
def test_rows_that_are_spread(count: int) -> None:
    assert spread_rows(count, 24) == np.unique(np.linspace(0, count - 1, 24).astype(int)).tolist()


def test_what_is_a_policy() -> None:
    policy = pgv.SoftmaxPolicy([[0.0, 1.0]])
    doors = ("parameters", "with_parameters", "probabilities", "score_vjp")
    loose = SimpleNamespace(**{door: getattr(policy, door) for door in doors})
    others = [policy, loose, pgv.SoftmaxPolicy, 3.0, None, *(_without(loose, door) for door in doors)]
    assert [is_policy(each) for each in others] == [True, True, *[False] * 7]
    assert [isinstance(each, Policy) and not isinstance(each, type) for each in others] == [
        is_policy(x) for x in others
    ]


def _without(loose: SimpleNamespace, door: str) -> SimpleNamespace:
    return SimpleNamespace(**{name: value for name, value in vars(loose).items() if name != door})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found(bad: float) -> None:
    refuse_non_finite("x", np.ones((2, 3)), InvalidPolicy)
    refuse_non_finite("x", np.zeros((0, 3)), InvalidPolicy)
    with pytest.raises(InvalidPolicy, match=r"x\[1, 2\]"):
        refuse_non_finite("x", np.array([[1.0, 2.0, 3.0], [4.0, 5.0, bad]]), InvalidPolicy)


def test_rewards_that_cannot_be_paid_are_not_in_common() -> None:
    reward = np.array([[[100.0, 101.0, -7.0]]])
    possible = np.array([[[True, True, False]]])
    assert common_part(reward, possible) == 100.5
    assert common_part(reward, np.ones_like(possible)) == 0.0
    assert common_part(reward, np.zeros_like(possible)) == 0.0


def test_sparse_tables_are_kept_once() -> None:
    matrix = csr_array(([0.25, 0.75, 1.0], ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    wide = csr_array((matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)), shape=(2, 2))
    mdp = pgv.TabularMDP([1.0, 0.0], wide, [[2.0], [3.0]])
    assert mdp.transition.indices.dtype == np.int32
    assert mdp.paid.tolist() == [[[2.0, 2.0]], [[3.0, 0.0]]]  # 0 on padding
    assert not mdp.noise.any()
    assert not mdp.reward_noise.any()
    assert mdp.reward_noise.shape == (2, 1)
    full = csr_array(np.full((2, 2), 0.5))
    assert pgv.TabularMDP([1.0, 0.0], full, [[2.0], [3.0]]).paid.tolist() == [[[2.0, 2.0]], [[3.0, 3.0]]]


def test_logits_by_address_or_by_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def gradient() -> bytes:
        found = compiled_softmax_gradient(problem())
        assert found is not None
        return found.tobytes()

    assert FEW > 0
    copied = gradient()
    monkeypatch.setattr("pgverify.exact.compiled_sums.FEW", 0)
    assert gradient() == copied


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_parameters_are_refused_in_one_sentence_whatever_warnings_are_made_of(dtype: type) -> None:
    """Squares of huge and of tiny entries leave the range: nobody is told of that but by the error, or not at all."""
    here = problem()
    size = here.policy.parameters.size
    with np.errstate(all="raise"):
        for bad in (1e38, np.inf, -np.inf, np.nan) if dtype is np.float32 else (1e101, 1e200, np.inf, -np.inf, np.nan):
            theta = np.zeros(size, dtype=dtype)
            theta[-1] = bad
            if bad == 1e38:
                assert here.with_parameters(theta).policy.parameters[-1] == theta[-1]
                continue
            with pytest.raises(InvalidPolicy, match=rf"theta\[{size - 1}\]"):
                here.with_parameters(theta)
        tiny = np.full(size, np.finfo(dtype).tiny, dtype=dtype)
        np.testing.assert_array_equal(here.with_parameters(tiny).policy.parameters, tiny)
    moved = here.with_parameters(tiny).policy.parameters
    assert not moved.flags.writeable
    assert not np.shares_memory(moved, tiny)
