"""∇J and J of a finite horizon in one pass: compiled and in NumPy, against each other and against slower routes."""

from __future__ import annotations

import ctypes
import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import pgverify as pgv
from pgverify.errors import InvalidPolicy
from pgverify.exact import action_sums as in_numpy
from pgverify.exact import compiled_sums
from pgverify.exact.action_sums import action_sums
from pgverify.exact.compiled_sums import compiled, compiled_action_sums, compiled_softmax_gradient
from pgverify.exact.fixed_parts import fixed_parts
from pgverify.exact.solution import Solution
from pgverify.validation import Array

KINDS = {
    # S, A, successors of a pair, T, discount: tables where every state follows, tables along lists, lists
    "everywhere": (9, 3, 9, 13, 0.9),
    "one step": (4, 2, 4, 1, 0.9),
    "one state": (1, 3, 1, 6, 1.0),
    "one action": (5, 1, 3, 7, 0.9),
    "nothing later": (6, 2, 6, 4, 0.0),
    "some follow": (15, 3, 5, 33, 1.0),
    "few follow": (90, 2, 3, 20, 0.97),
    # the compiled pass takes states by four and by eight: none, some, and all of a block are left over
    "two blocks of eight": (16, 2, 16, 5, 0.9),
    "blocks and a rest": (21, 2, 21, 6, 1.0),
    "a block of four": (12, 3, 12, 2, 0.95),
    "many blocks and a rest": (43, 2, 43, 9, 0.9),
}
ROUNDING = 1e-12


def problem(kind: str, terminal: bool = False) -> pgv.Problem:
    """Return a problem whose rewards depend on all three of (s, a, s')."""
    states, actions, most, horizon, discount = KINDS[kind]
    rng = np.random.default_rng(states)
    transition = np.zeros((states, actions, states))
    for row in transition.reshape(-1, states):
        row[rng.choice(states, most, replace=False)] = rng.dirichlet(np.ones(most))
    reward = rng.normal(size=transition.shape)
    ends = np.zeros(states, dtype=bool)
    if terminal:
        ends[-1] = True
        transition[-1], reward[-1] = np.eye(states)[-1], 0.0
    mdp = pgv.TabularMDP(rng.dirichlet(np.ones(states)), transition, reward, terminal=ends)
    policy = pgv.SoftmaxPolicy(rng.normal(size=(states, actions)))
    return pgv.Problem(mdp, policy, pgv.FiniteHorizon(horizon, discount))


def by_definition(case: pgv.Problem) -> Array:
    """Return Σ_t γ^t d_t(s) Q_t(s,a), a plain loop over tables."""
    mdp, probabilities = case.mdp, case.policy.probabilities()
    transition, reward = np.asarray(mdp.transition), np.asarray(mdp.reward)
    horizon, discount = case.objective.horizon, case.objective.discount  # type: ignore[union-attr]
    action, value = [], np.zeros(mdp.num_states)
    for _ in range(horizon):
        action.append((transition * (reward + discount * value)).sum(axis=2))
        value = (probabilities * action[-1]).sum(axis=1)
    sums, here = np.zeros_like(probabilities), mdp.start
    for t in range(horizon):
        sums += discount**t * np.where(mdp.terminal, 0.0, here)[:, None] * action[horizon - 1 - t]
        here = np.einsum("s,sa,sax->x", here, probabilities, transition)
    return sums


def near(found: Array, expected: Array) -> bool:
    return bool(np.abs(found - expected).max() <= ROUNDING * max(1.0, float(np.abs(expected).max())))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "one state"])
def test_both_ways_are_the_sum_that_defines_them(kind: str, terminal: bool) -> None:
    case = problem(kind, terminal)
    horizon, discount = KINDS[kind][3:]
    chain, expected = Solution(case).chain, by_definition(case)
    sums, value = action_sums(chain, horizon, discount)
    assert near(sums, expected)
    assert value == pytest.approx(pgv.exact.expected_return(case), abs=ROUNDING)
    assert not near(1.001 * sums, expected)
    if compiled() is None:
        pytest.skip("the library was not built: no C compiler")
    found = compiled_action_sums(fixed_parts(case.mdp), chain.probabilities, chain.step_reward, horizon, discount)
    assert found is not None
    assert near(found[0], expected)
    assert found[1] == pytest.approx(value, abs=ROUNDING)


@pytest.mark.parametrize(
    ("fewest", "few", "rows", "largest"),
    [(16, 40, 16, 1_000), (0, 40, 16, 1_000), (0, 0, 16, 1_000), (0, 0, 3, 1_000), (0, 0, 1, 1_000), (0, 0, 0, 0)],
)
def test_every_way_in_numpy_is_the_same(
    monkeypatch: pytest.MonkeyPatch, fewest: int, few: int, rows: int, largest: int
) -> None:
    """Together, doubled to the end, doubled for a while, one time after another, and with nothing of size [S, S]."""
    case = problem("some follow", terminal=True)
    expected = by_definition(case)
    monkeypatch.setattr(in_numpy, "FEWEST_STATES", fewest)
    monkeypatch.setattr(in_numpy, "FEW_STATES", few)
    monkeypatch.setattr(in_numpy, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(in_numpy, "LARGEST_TABLE", largest)
    assert near(action_sums(Solution(case).chain, *KINDS["some follow"][3:])[0], expected)


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("few follow", "one state")])
def test_narrow_registers_give_the_same_bits(kind: str, terminal: bool) -> None:
    """Eight numbers in two registers are multiplied and added in the order of eight in one."""
    case, native = problem(kind, terminal), compiled()
    if native is None:
        pytest.skip("the library was not built: no C compiler")
    fixed, chosen, (horizon, discount) = fixed_parts(case.mdp), case.policy.probabilities(), KINDS[kind][3:]
    expected = compiled_action_sums(fixed, chosen, fixed.step_reward, horizon, discount)
    if expected is None:
        pytest.skip("this processor has no fused products")
    sums, value = np.empty(chosen.shape), ctypes.c_double()
    tables = chosen.ctypes.data, fixed.step_reward.ctypes.data, ctypes.c_int64(horizon), ctypes.c_double(discount)
    pointers = (ctypes.c_void_p(pointer) for pointer in (compiled_sums._laid_out(fixed).dynamics, *tables[:2]))
    narrow = native.pgverify_action_sums_in_two
    assert narrow(*pointers, *tables[2:], ctypes.c_void_p(sums.ctypes.data), ctypes.byref(value)) == 0
    np.testing.assert_array_equal(sums, expected[0])
    assert value.value == expected[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_compiled_gradient_is_the_derivative_of_the_values(kind: str) -> None:
    case = problem(kind)
    found = compiled_softmax_gradient(case)
    if found is None:
        pytest.skip("the library was not built: no C compiler")
    assert near(found[:-1], pgv.exact.gradient_by_value_derivative(case))
    np.testing.assert_array_equal(found[:-1], pgv.exact.gradient(case))
    assert (
        pgv.exact.expected_return(case) == found[-1] == pytest.approx(Solution(case).expected_return.real, abs=ROUNDING)
    )


def test_a_gradient_is_the_callers_own() -> None:
    case = problem("everywhere")
    first = pgv.exact.gradient(case)
    kept = first.copy()
    first += 1.0
    np.testing.assert_array_equal(pgv.exact.gradient(case), kept)


def test_without_the_library_the_gradient_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    case = problem("everywhere", terminal=True)
    compiled_gradient = pgv.exact.gradient(case)
    monkeypatch.setattr(compiled_sums, "compiled", lambda: None)
    again = pgv.exact.gradient(case.with_parameters(case.policy.parameters))
    assert near(again, compiled_gradient)


@pytest.mark.parametrize("kind", ["everywhere", "some follow", "few follow"])
def test_a_processor_without_fused_products_has_numpy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = problem(kind, terminal=True)
    here = pgv.exact.gradient(case)
    refuses = SimpleNamespace(pgverify_gradient=lambda *_: 2, pgverify_action_sums=lambda *_: 2)
    monkeypatch.setattr(compiled_sums, "compiled", lambda: refuses)
    again = case.with_parameters(case.policy.parameters)
    assert near(pgv.exact.gradient(again), here)
    assert pgv.exact.expected_return(again) == pytest.approx(pgv.exact.expected_return(case), abs=ROUNDING)
    chain = Solution(case).chain
    assert compiled_action_sums(fixed_parts(case.mdp), chain.probabilities, chain.step_reward, 3, 0.9) is None


def test_a_library_of_an_earlier_version_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_sums, "library", lambda _: SimpleNamespace(pgverify_action_sums=None))
    assert compiled.__wrapped__() is None


def test_horizons_and_discounts_of_one_mdp_are_kept_apart() -> None:
    case = problem("everywhere")
    for horizon, discount in ((3, 0.9), (4, 0.9), (3, 0.8), (3, 0.9)):
        other = replace(case, objective=pgv.FiniteHorizon(horizon, discount))
        assert near(pgv.exact.gradient(other), pgv.exact.gradient_by_value_derivative(other))


def test_extreme_logits_go_the_general_way() -> None:
    """An action whose probability is 0 pays nothing, whatever its reward: what is common depends on the policy."""
    case = problem("everywhere")
    logits = case.policy.parameters.reshape(9, 3).copy()
    logits[:, 1] = -2_000.0
    extreme = case.with_parameters(logits.ravel())
    assert compiled_softmax_gradient(extreme) is None
    assert near(pgv.exact.gradient(extreme), pgv.exact.gradient_by_value_derivative(extreme))


@pytest.mark.parametrize("common", [0.0, 1e9])
def test_a_reward_common_to_all_steps_costs_no_digits(common: float) -> None:
    """Every episode has T steps: adding m to every reward adds m Σ γ^t to J, and nothing to its gradient."""
    case = problem("everywhere")
    mdp = pgv.TabularMDP(case.mdp.start, case.mdp.transition, np.rint(np.asarray(case.mdp.reward) * 64) / 64 + common)
    bare = pgv.TabularMDP(case.mdp.start, case.mdp.transition, np.rint(np.asarray(case.mdp.reward) * 64) / 64)
    found, expected = (pgv.exact.gradient(pgv.Problem(m, case.policy, case.objective)) for m in (mdp, bare))
    assert near(found, expected)


def test_other_policies_and_objectives_go_the_general_way() -> None:
    case = problem("everywhere")
    linear = pgv.LinearSoftmaxPolicy(case.policy.features, case.policy.parameters)  # type: ignore[attr-defined]
    for other in (
        pgv.Problem(case.mdp, linear, case.objective),
        replace(case, objective=pgv.Discounted(0.9)),
        replace(case, objective=pgv.FiniteHorizon(5, bonus=pgv.Entropy(0.1))),
        case.with_parameters(case.policy.parameters + 1e-20j),
    ):
        assert compiled_softmax_gradient(other) is None
    assert near(pgv.exact.gradient(pgv.Problem(case.mdp, linear, case.objective)), pgv.exact.gradient(case))


def test_a_problem_at_other_parameters_is_the_problem_made_anew() -> None:
    case = problem("everywhere")
    theta = np.arange(27) / 10.0
    moved = case.with_parameters(theta)
    anew = pgv.Problem(case.mdp, pgv.SoftmaxPolicy(theta.reshape(9, 3)), case.objective)
    np.testing.assert_array_equal(moved.policy.probabilities(), anew.policy.probabilities())
    np.testing.assert_array_equal(pgv.exact.gradient(moved), pgv.exact.gradient(anew))
    assert (moved.mdp, moved.objective) == (anew.mdp, anew.objective)
    with pytest.raises(InvalidPolicy, match="theta"):
        case.with_parameters(theta[:-1])
    with pytest.raises(InvalidPolicy, match="finite"):
        case.with_parameters(np.full(27, np.nan))


def test_a_policy_that_may_err_is_still_checked_at_other_parameters() -> None:
    class Halved(pgv.SoftmaxPolicy):
        """Probabilities that sum to one at θ = 0 alone."""

        def with_parameters(self, theta: object) -> Halved:
            return Halved(np.reshape(np.asarray(theta), self.logits.shape))

        def probabilities(self) -> Array:
            return super().probabilities() * (1.0 if not self.logits.any() else 0.5)

    case = problem("everywhere")
    halved = pgv.Problem(case.mdp, Halved(np.zeros((9, 3))), case.objective)
    with pytest.raises(InvalidPolicy, match="must sum to 1"):
        halved.with_parameters(np.ones(27))


def test_what_problems_share_over_parameters_stays_with_their_mdp_and_objective() -> None:
    case = problem("everywhere")
    theta = case.policy.parameters + 0.1
    pgv.exact.gradient(case.with_parameters(theta))
    for other in (
        replace(case, objective=pgv.FiniteHorizon(3, 0.5)),
        replace(case, mdp=problem("everywhere", terminal=True).mdp),
        replace(case, objective=pgv.Discounted(0.9)),
        pickle.loads(pickle.dumps(case)),
    ):
        moved = other.with_parameters(theta)
        assert near(pgv.exact.gradient(moved), pgv.exact.gradient_by_value_derivative(moved))
    with_a_step = case.with_parameters(theta + 1e-20j)
    assert pgv.exact.gradient(with_a_step).dtype.kind == "c"
