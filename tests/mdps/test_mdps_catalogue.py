"""The zoo: every entry builds, and every answer derived by hand is met by a second route written here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pgverify import mdps
from pgverify.errors import UnknownName

REQUESTED = {
    "three-armed-bandit",
    "noisy-bandit",
    "two-state-chain",
    "kakade-two-state",
    "river-swim",
    "nota-thomas-counterexample",
    "random-walk-5",
    "gamblers-ruin",
    "short-corridor",
    "gridworld-4x3",
    "cliff-walking",
    "frozen-lake-4x4",
    "frozen-lake-8x8",
    "taxi",
    "garnet-small",
    "garnet-medium",
    "near-deterministic",
    "heavy-reward",
    "variable-length",
}
ALL_ANSWERS = [(name, i) for name in mdps.names() for i in range(len(mdps.entry(name).answers))]


def probabilities(mdp, policy):
    if policy == "uniform":
        return np.full((mdp.num_states, mdp.num_actions), 1 / mdp.num_actions)
    logits = np.array(policy)
    assert logits.shape == (mdp.num_states, mdp.num_actions)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def expected_return(mdp, policy, objective):
    """J by pushing the state distribution forward, by one linear solve, or by the stationary distribution."""
    pi = probabilities(mdp, policy)
    P = np.einsum("sa,sat->st", pi, mdp.transition)
    r = np.einsum("sa,sat,sat->s", pi, mdp.transition, mdp.reward)
    S = mdp.num_states
    if objective["kind"] == "finite_horizon":
        occupancy, J = mdp.start, 0.0
        for t in range(objective["horizon"]):
            J += objective["discount"] ** t * (occupancy @ r)
            occupancy = occupancy @ P
        return J
    if objective["kind"] == "discounted":
        return mdp.start @ np.linalg.solve(np.eye(S) - objective["discount"] * P, r)
    assert objective["kind"] == "average_reward"
    balance = np.vstack([P.T - np.eye(S), np.ones(S)])
    stationary = np.linalg.lstsq(balance, np.append(np.zeros(S), 1.0), rcond=None)[0]
    return stationary @ r


def optimal_values(mdp, sweeps=3000):
    V = np.zeros(mdp.num_states)
    for _ in range(sweeps):
        V = (mdp.transition * (mdp.reward + V)).sum(axis=2).max(axis=1)
    return V


def test_names_are_the_promised_ones_without_repetition():
    assert set(mdps.names()) == REQUESTED
    assert len(mdps.names()) == len(REQUESTED)


@pytest.mark.parametrize("name", mdps.names())
def test_every_entry_builds_and_says_where_it_comes_from(name):
    known = mdps.entry(name)
    assert known.name == name
    assert len(known.source) > 20
    assert len(known.description) > 40
    first, second = mdps.get(name), mdps.get(name)
    for table in ("start", "transition", "reward", "terminal", "reward_noise"):
        np.testing.assert_array_equal(getattr(first, table), getattr(second, table))
        assert not getattr(first, table).flags.writeable


@pytest.mark.parametrize("name", mdps.names())
def test_states_that_cannot_be_reached_are_the_known_ones(name):
    # Which states may stay unvisited, and why: a fall leads to the start, so nobody stands on the ten cliff
    # cells; a passenger set down at the destination ends the episode, so 25·4 taxi states never occur.
    mdp = mdps.get(name)
    reached = mdp.start > 0
    for _ in range(mdp.num_states):
        reached = reached | ((mdp.transition[reached].sum(axis=(0, 1))) > 0)
    unvisited = {"cliff-walking": 10, "taxi": 100}.get(name, 0)
    assert (~reached).sum() == unvisited


@pytest.mark.parametrize(("name", "number"), ALL_ANSWERS)
def test_answers_agree_with_a_second_route(name, number):
    answer = mdps.entry(name).answers[number]
    J = expected_return(mdps.get(name), answer.policy, answer.objective)
    assert abs(J - answer.value) <= answer.tolerance * max(1.0, abs(answer.value)), answer.statement


def test_at_least_ten_entries_have_answers_and_each_is_explained():
    answered = {name for name, _ in ALL_ANSWERS}
    assert len(answered) >= 10
    for name, number in ALL_ANSWERS:
        answer = mdps.entry(name).answers[number]
        assert answer.statement
        assert answer.derivation
        with pytest.raises(TypeError):
            answer.objective["kind"] = "changed"


def test_a_wrong_answer_would_be_seen():
    # Negative control: the second route tells 14/17 from its neighbour in a fourth digit.
    answer = mdps.entry("frozen-lake-4x4").answers[0]
    J = expected_return(mdps.get("frozen-lake-4x4"), answer.policy, answer.objective)
    assert abs(J - 0.8236) > answer.tolerance


def test_unknown_names_list_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown MDP 'frozen-lake': the nearest known are frozen-lake-"):
        mdps.get("frozen-lake")
    with pytest.raises(UnknownName, match="unknown MDP 'taxy'"):
        mdps.entry("taxy")


def test_bandit_fixture_has_the_gradient_of_the_mathematics_page():
    # ∂J/∂θ_a = π_a (r_a − J); the page prints (.17736, .04585, −.22321).
    mdp = mdps.get("three-armed-bandit")
    answer = mdps.entry("three-armed-bandit").answers[1]
    pi = probabilities(mdp, answer.policy)[0]
    gradient = pi * (mdp.reward[0, :, 0] - answer.value)
    np.testing.assert_allclose(gradient, [0.17736, 0.04585, -0.22321], atol=5e-6)


def test_nota_thomas_update_without_discount_points_away_from_the_best_policy():
    # With π(1|s) = p the true derivative with respect to the logit is p(1-p)γ and the update without γ^t is
    # p(1-p)(20γ - 19): opposite signs for every γ < 19/20, the same sign above.
    mdp = mdps.get("nota-thomas-counterexample")
    for gamma in (0.5, 0.9, 0.94, 0.96):
        for p in (0.01, 0.5, 0.99):
            pi = np.tile([1 - p, p], (4, 1))
            r = (mdp.transition * mdp.reward).sum(axis=2)
            V, Q = np.zeros(4), np.zeros((4, 2))
            for _ in range(2):
                Q = r + gamma * mdp.transition @ V
                V = (pi * Q).sum(axis=1)
            occupancy = np.array([mdp.start, mdp.start @ np.einsum("sa,sat->st", pi, mdp.transition)])
            per_state = (pi * np.array([-p, 1 - p]) * Q).sum(axis=1)
            kept = occupancy[0] @ per_state + gamma * occupancy[1] @ per_state
            dropped = occupancy.sum(axis=0) @ per_state
            np.testing.assert_allclose(kept, p * (1 - p) * gamma, rtol=1e-12)
            np.testing.assert_allclose(dropped, p * (1 - p) * (20 * gamma - 19), rtol=1e-12)
            assert (dropped < 0) == (gamma < 0.95)


def test_kakade_gradient_ascent_stalls_on_the_plateau():
    # From ρ = (0.8, 0.2): above 0.95 within 20 steps of size one, still below 1 after 200, near 2 after 500.
    # That is the plateau; the differences have error O(1e-10), far below what the thresholds leave.
    mdp = mdps.get("kakade-two-state")
    objective = {"kind": "average_reward"}

    def score(theta):
        return expected_return(mdp, tuple((float(x), 0.0) for x in theta), objective)

    theta, history = np.array([np.log(4.0), -np.log(4.0)]), []
    for _ in range(501):
        gradient = [(score(theta + e) - score(theta - e)) / 2e-5 for e in 1e-5 * np.eye(2)]
        theta = theta + np.array(gradient)
        history.append(score(theta))
    assert np.all(np.diff(history) > -1e-9)
    assert 0.95 < history[20] < history[200] < 1.0
    assert history[500] > 1.99


def test_random_walk_values_are_k_sixths():
    mdp = mdps.get("random-walk-5")
    P = mdp.transition.mean(axis=1)[1:6, 1:6]
    r = (mdp.transition * mdp.reward).sum(axis=2).mean(axis=1)[1:6]
    np.testing.assert_allclose(np.linalg.solve(np.eye(5) - P, r), np.arange(1, 6) / 6, rtol=1e-14)


def test_gridworld_has_the_published_utilities():
    # Russell & Norvig (2010), figure 17.3, three digits; rows from the top, the wall and the exits left out.
    published = [0.812, 0.868, 0.918, 0, 0.762, 0.660, 0, 0.705, 0.655, 0.611, 0.388]
    np.testing.assert_allclose(optimal_values(mdps.get("gridworld-4x3")), published, atol=5.1e-4)


@pytest.mark.parametrize(("name", "value"), [("cliff-walking", -13.0), ("frozen-lake-4x4", 14 / 17)])
def test_the_policy_called_optimal_is(name, value):
    mdp = mdps.get(name)
    assert mdp.start @ optimal_values(mdp) == pytest.approx(value, rel=1e-10)


def test_short_corridor_odds_of_the_best_policy():
    objective = {"kind": "finite_horizon", "horizon": 3000, "discount": 1.0}
    mdp = mdps.get("short-corridor")

    def corridor(p):
        return expected_return(mdp, ((0.0, float(np.log(p / (1 - p)))),) * 4, objective)

    best = 2 - np.sqrt(2)
    assert corridor(best) > max(corridor(best - 0.01), corridor(best + 0.01))
    assert corridor(0.3) == pytest.approx((0.6 - 4) / 0.21, rel=1e-12)


def test_heavy_reward_is_as_heavy_as_it_says():
    # E X² = Σ_{k<10} 2^k + 2^20 2^-9 = (2^10 - 2) + 2^11 = 3070; sd = √(3070 - 121) = 54.3
    mdp = mdps.get("heavy-reward")
    p, r = mdp.transition[0, 1], mdp.reward[0, 1]
    assert p @ r == 11.0
    assert np.sqrt(p @ r**2 - 121.0) == pytest.approx(np.sqrt(2949.0), rel=1e-14)
    assert mdp.transition[0, 0] @ mdp.reward[0, 0] == 10.0


def test_river_swim_pays_at_both_ends_only():
    mdp = mdps.get("river-swim")
    assert {tuple(map(int, i)): mdp.reward[tuple(i)] for i in np.argwhere(mdp.reward)} == {
        (0, 0, 0): 5.0,
        (5, 1, 5): 10_000.0,
    }
    np.testing.assert_array_equal(mdp.transition[2, 1], [0, 0.1, 0.6, 0.3, 0, 0])


def test_noise_of_the_noisy_bandit():
    np.testing.assert_array_equal(mdps.get("noisy-bandit").reward_noise[0, :, 0], [0.1, 1.0, 3.0])


def test_importing_the_zoo_imports_nothing_heavy():
    # A bare package stands in for pgverify itself, so that only this folder and what it needs is judged.
    folder = str(Path(mdps.__file__).parents[1])
    code = (
        "import sys, types; package = types.ModuleType('pgverify'); "
        f"package.__path__ = [{folder!r}]; sys.modules['pgverify'] = package; import pgverify.mdps; "
        "print([m for m in ('gymnasium', 'pandas', 'scipy.stats', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_slips_of_the_near_deterministic_walk_are_one_in_a_million():
    transition = mdps.get("near-deterministic").transition
    assert transition[1, 1, 0] == transition[1, 0, 2] == transition[0, 0, 1] == 1e-6
    assert transition[1, 1, 2] == transition[0, 1, 1] == 1 - 1e-6
