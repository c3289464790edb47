"""An LSTM as a policy: judged by listing, against the same policy as a table over histories; leaks are found."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify import Outcome, exact
from pgverify.errors import InvalidPolicy
from pgverify.trajectories import Trajectories

torch = pytest.importorskip("torch", reason="PyTorch is not installed here: make test-thirdparty")
nn = torch.nn
RecurrentPolicy = pgv.adapters.torch.RecurrentPolicy

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

SEEN = [0, 0, 1]
"""Two states that look alike, and the end."""

OBSERVATIONS = np.array([[1.0, -0.5], [1.0, -0.5], [0.0, 0.3]])


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


class Recurrent(nn.Module):
    """An LSTM and a linear layer."""

    def __init__(self, inputs: int, hidden: int, actions: int, **settings: Any) -> None:
        super().__init__()
        self.memory = nn.LSTM(inputs, hidden, **{"batch_first": True, **settings})
        self.head = nn.Linear(hidden * (2 if self.memory.bidirectional else 1), actions)

    def forward(self, seen: Any) -> Any:
        return self.head(self.memory(seen)[0])


def pomdp(seed: int = 0) -> pgv.TabularMDP:
    """Two states that cannot be told apart, and an end."""
    rng = np.random.default_rng(seed)
    transition = np.zeros((3, 2, 3))
    transition[:2] = rng.dirichlet([2.0, 2.0, 0.5], (2, 2))
    transition[2, :, 2] = 1.0
    reward = np.vstack([rng.normal(size=(2, 2)), np.zeros((1, 2))])
    return pgv.TabularMDP([0.6, 0.4, 0.0], transition, reward, [False, False, True])


def problem(seed: int = 0, horizon: int = 3, actions_seen: int = 2, hidden: int = 2) -> pgv.Problem:
    torch.manual_seed(seed)
    policy = RecurrentPolicy(Recurrent(2 + actions_seen, hidden, 2), OBSERVATIONS, previous_actions=actions_seen)
    return pgv.Problem(pomdp(seed), policy, pgv.FiniteHorizon(horizon, 0.9))


def compare(seed: int) -> None:
    """Check E[reward-to-go], by listing, against ∇J by the theorem over histories times ∂π/∂θ by autograd.

    Over `pgv.mdps.history` the policy is a table π(a|h); ∂J/∂π [H, A] is exact there, and one backward pass through the
    network, run on the histories one by one, gives ∇J: no score and no listing of ours on that side.
    """
    given = problem(seed)
    module = copy.deepcopy(given.policy._function.parameters.module).double()  # type: ignore[attr-defined]
    histories = pgv.mdps.histories(given.mdp, SEEN, 3)
    rows = []
    for history in histories:
        observed, done = history[::2], history[1::2]
        looks = {0: OBSERVATIONS[0], 1: OBSERVATIONS[2]}
        last = np.zeros((len(observed), 2))
        last[np.arange(1, len(observed)), list(done)] = 1.0
        sequence = np.hstack([np.array([looks[o] for o in observed]), last])
        rows.append(torch.softmax(module(torch.tensor(sequence)[None])[0, -1], dim=-1))
    pi = torch.stack(rows)
    table = np.vstack([pi.detach().numpy(), [[0.5, 0.5]]])
    partly = pgv.mdps.history(given.mdp, SEEN, 3)
    over_histories = pgv.Problem(partly, pgv.SoftmaxPolicy(np.log(table)), given.objective)
    weights = exact.probability_gradient(over_histories)[:-1]
    (torch.tensor(weights) * pi).sum().backward()
    expected = np.concatenate([p.grad.numpy().ravel() for p in module.parameters()])
    batch, probability = exact.enumerate_trajectories(given)
    assert probability.sum() == pytest.approx(1.0, abs=1e-12)
    value = probability @ (batch.rewards @ 0.9 ** np.arange(3))
    assert value == pytest.approx(exact.expected_return(over_histories), rel=1e-10, abs=1e-12)
    found = probability @ pgv.estimators.RewardToGo()(batch)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_listing_gives_the_gradient_over_histories(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
def test_200_recurrent_policies() -> None:
    for seed in range(3, 203):
        compare(seed)


def test_sampling_follows_the_memory() -> None:
    """Frequencies of 20,000 sampled trajectories within 5 standard errors of the probabilities: 1e-4 in all."""
    given = problem(horizon=2)
    batch, probability = exact.enumerate_trajectories(given)
    drawn = pgv.sample(given, 20_000, seed=0)
    rows = {(*s, *a): p for s, a, p in zip(batch.states.tolist(), batch.actions.tolist(), probability, strict=True)}
    counts = dict.fromkeys(rows, 0)
    for s, a in zip(drawn.states.tolist(), drawn.actions.tolist(), strict=True):
        counts[(*s, *a)] += 1
    for key, chance in rows.items():
        assert abs(counts[key] / 20_000 - chance) < 5 * np.sqrt(chance / 20_000) + 1e-9
    np.testing.assert_allclose(
        np.exp(drawn.log_probs[:, 0]), given.policy.probabilities()[drawn.states[:, 0], drawn.actions[:, 0]]
    )


def test_recursions_refuse_with_a_sentence() -> None:
    given = problem()
    for answer in (exact.gradient, exact.expected_return, exact.values):
        with pytest.raises(InvalidPolicy, match=r"depends on more than the state, .*list it .* or sample it"):
            answer(given)
    with pytest.raises(InvalidPolicy, match="whose score depends on the history, must be asked at the steps"):
        given.policy.score_vjp(np.zeros((3, 2)))
    endless = pgv.Problem(given.mdp, given.policy, pgv.Discounted(0.9))
    with pytest.raises(pgv.errors.InvalidInput, match="is cut and its policy depends on the history"):
        pgv.check(pgv.estimators.RewardToGo(), problems=endless)


def test_the_oracle_judges_by_listing() -> None:
    given = problem(horizon=2)
    right = pgv.check(pgv.estimators.RewardToGo(), problems=given)
    assert right.outcome is Outcome.CORRECT, right
    with_values = pgv.check(pgv.estimators.GeneralizedAdvantage(0.5), problems=given)
    assert with_values.outcome is Outcome.CORRECT, with_values

    def undiscounted(batch: Trajectories) -> np.ndarray:
        return batch.score_weighted(np.cumsum(batch.rewards[:, ::-1], axis=1)[:, ::-1])

    wrong = pgv.check(undiscounted, problems=given)
    assert wrong.outcome is Outcome.OTHER_TARGET, wrong
    assert "undiscounted_policy_gradient" in wrong.explanation


def to_go(logits: Any, batch: Any) -> Any:
    chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
    paid = batch.rewards * batch.discount ** torch.arange(chosen.shape[1])
    return -(chosen * paid.flip(1).cumsum(1).flip(1) * batch.mask).sum(1).mean()


def test_a_loss_through_its_logits() -> None:
    given = problem(horizon=2)
    batch = pgv.sample(given, 6, seed=1)
    expected = pgv.estimators.RewardToGo()(batch).mean(axis=0)
    assert pgv.adapters.torch.from_loss(to_go)(batch) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def own_training_code(keeps: bool) -> Any:
    """Return REINFORCE as a user writes it: the network begins every episode afresh, or where the last ended."""

    def estimate(batch: Trajectories) -> np.ndarray:
        function: Any = batch.policy._function  # type: ignore[attr-defined]
        net = copy.deepcopy(function.parameters.module).double()
        first = 0
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(torch.tensor(batch.policy.parameters[first : first + p.numel()]).reshape(p.shape))
                first += p.numel()
        total, state = torch.zeros((), dtype=torch.float64), None
        for i in range(len(batch)):
            state = state if keeps else None
            last = np.zeros(2)
            for t in range(batch.lengths[i]):
                seen = torch.tensor(np.concatenate([OBSERVATIONS[batch.states[i, t]], last]))[None, None]
                out, state = net.memory(seen, state)
                log = torch.log_softmax(net.head(out)[0, 0], dim=-1)[batch.actions[i, t]]
                total = total + log * float(batch.rewards[i, t:] @ 0.9 ** np.arange(t, batch.num_steps))
                last = np.eye(2)[batch.actions[i, t]]
        if not total.requires_grad:
            return np.zeros(batch.policy.parameters.size)
        return np.concatenate([g.numpy().ravel() for g in torch.autograd.grad(total / len(batch), net.parameters())])

    return estimate


def test_a_hidden_state_that_leaks_between_episodes_is_found() -> None:
    """Deterministic and of two steps: eight trajectories, so that all pairs of them can be listed, in both orders.

    Called step by step such a network takes 2 ms a trajectory: batches of a thousand are not tried within 2 s a call.
    """
    transition = np.zeros((3, 2, 3))
    transition[np.arange(3), 0, [1, 2, 0]] = transition[np.arange(3), 1, [2, 0, 1]] = 1.0
    narrow = pgv.TabularMDP([0.6, 0.4, 0.0], transition, [[1.0, -0.5], [0.3, 2.0], [-1.0, 0.4]])
    given = replace(problem(horizon=2), mdp=narrow)
    right = pgv.check(own_training_code(keeps=False), problems=given, time_limit=2.0)
    assert right.outcome is Outcome.CORRECT, right
    leaking = pgv.check(own_training_code(keeps=True), problems=given)
    assert leaking.outcome is Outcome.BIASED, leaking
    assert any("order of the trajectories" in note for note in leaking.notes), leaking


class Keeping(Recurrent):
    """Keeps its hidden state from call to call."""

    def forward(self, seen: Any) -> Any:
        kept = getattr(self, "kept", None)
        if kept is not None and kept[0].shape[1] != len(seen):
            kept = None
        out, self.kept = self.memory(seen, kept)
        return self.head(out)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Keeping(2, 2, 2), "must begin every call afresh: a hidden state that is kept leaks from one episode"),
        (Recurrent(2, 2, 2, batch_first=False), "when others are in the batch, must treat each alone"),
        (Recurrent(2, 2, 2, bidirectional=True), "when more follow, must not look ahead"),
        (nn.LSTM(2, 2, batch_first=True), r"puts out tuple .*, must be logits \[n, t, A\]"),
        (nn.Linear(3, 2), r"cannot be called on sequences of shape \(3, 1, 2\): RuntimeError"),
        (nn.Sequential(Recurrent(2, 2, 2), nn.Flatten()), r"puts out \(3, 2\) for sequences .*, must be logits"),
    ],
)
def test_leaks_and_misuse_are_one_sentence(module: Any, message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        RecurrentPolicy(module, OBSERVATIONS)


def test_it_travels_and_has_a_name() -> None:
    policy = pickle.loads(pickle.dumps(problem().policy))
    assert repr(policy) == "RecurrentPolicy(states=3, actions=2, parameters=70)"
    assert policy.with_parameters(policy.parameters).probabilities() == pytest.approx(policy.probabilities())
    empty = SimpleNamespace(states=np.zeros((2, 1), int), actions=np.zeros((2, 0), int), mask=np.zeros((2, 0), bool))
    assert policy.log_prob(empty).shape == (2, 0)
