"""A PyTorch module as a policy: against autograd through the plain recursion, and what it refuses."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from random_problems import random_problem

import pgverify as pgv
from pgverify import Outcome, exact
from pgverify.errors import InvalidPolicy
from pgverify.policies import Policy, dense_score

torch = pytest.importorskip("torch", reason="PyTorch is not installed here: make test-thirdparty")
nn = torch.nn
ModulePolicy = pgv.adapters.torch.ModulePolicy

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def perceptron(inputs: int, hidden: int, outputs: int) -> Any:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs))


def differentiated(problem: pgv.Problem, module: Any, observations: np.ndarray) -> tuple[float, np.ndarray]:
    """Return J and ∇J by autograd through the value recursion, in float64: no score, no probabilities of ours."""
    module = copy.deepcopy(module).double().eval()
    mdp, objective = problem.mdp, problem.objective
    assert isinstance(objective, pgv.FiniteHorizon)
    pi = torch.softmax(module(torch.tensor(observations)), dim=-1)
    transition, paid = (torch.tensor(mdp.successors.spread(t)) for t in (mdp.successors.weight, mdp.paid))
    value = torch.zeros(mdp.num_states, dtype=torch.float64)
    for _ in range(objective.horizon):
        action = (transition * (paid + objective.discount * value)).sum(-1)
        value = torch.where(torch.tensor(mdp.terminal), 0.0, (pi * action).sum(-1))
    total = (torch.tensor(mdp.start) * value).sum()
    module.zero_grad()
    total.backward()
    slopes = [np.zeros(p.numel()) if p.grad is None else p.grad.numpy().ravel() for p in module.parameters()]
    return float(total.detach()), np.concatenate(slopes)


def compare(seed: int) -> None:
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    given = random_problem(rng, "finite", max_states=5, max_actions=4, max_horizon=5)
    states, actions = given.policy.probabilities().shape
    observations = rng.normal(size=(states, 3))
    module = perceptron(3, int(rng.integers(1, 6)), actions)
    problem = pgv.Problem(given.mdp, ModulePolicy(module, observations), given.objective)
    value, slope = differentiated(problem, module, observations)
    scale = float(np.abs(given.mdp.paid).max()) or 1.0
    assert exact.expected_return(problem) == pytest.approx(value, rel=1e-10, abs=1e-12 * scale)
    np.testing.assert_allclose(exact.gradient(problem), slope, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("seed", range(10))
def test_return_and_gradient_are_those_of_autograd(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
def test_200_networks() -> None:
    for seed in range(10, 210):
        compare(seed)


def test_it_is_a_policy_with_the_parameters_in_the_modules_order() -> None:
    module = perceptron(2, 3, 4)
    policy = ModulePolicy(module, np.eye(2))
    assert isinstance(policy, Policy)
    expected = np.concatenate([p.detach().double().numpy().ravel() for p in module.parameters()])
    assert policy.parameters.tolist() == expected.tolist()
    moved = policy.with_parameters(expected + 0.1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1
    assert moved.logits == pytest.approx(module(torch.eye(2)).detach().numpy(), abs=1e-6)
    assert policy.parameters.tolist() == expected.tolist()  # θ was read once
    assert not np.allclose(policy.logits, moved.logits)


def test_the_score_is_the_derivative_of_the_logarithm() -> None:
    """Central differences of fourth order: an error of about 1e-11."""
    policy = ModulePolicy(perceptron(2, 2, 3), [[0.3, -1.0], [2.0, 0.5]])
    theta, step = policy.parameters, 1e-3
    found = np.zeros((2, 3, theta.size))
    for j in range(theta.size):
        unit = step * np.eye(theta.size)[j]
        log = [np.log(policy.with_parameters(theta + k * unit).probabilities()) for k in (-2, -1, 1, 2)]
        found[..., j] = (log[0] - 8 * log[1] + 8 * log[2] - log[3]) / (12 * step)
    assert dense_score(policy) == pytest.approx(found, abs=1e-9)


def test_tied_and_frozen_parameters_and_buffers() -> None:
    """Tied weights count once, frozen ones are constants, running statistics are used and stay as they are."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.second.weight = self.first.weight
            self.second.bias.requires_grad_(False)
            self.norm = nn.BatchNorm1d(3, affine=False)
            self.drop = nn.Dropout(0.5)

        def forward(self, x: Any) -> Any:
            return self.second(self.drop(torch.tanh(self.norm(self.first(x)))))

    net = Net()
    net(torch.randn(8, 3))  # in training: the statistics are no longer 0 and 1
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    policy = ModulePolicy(net, np.eye(3))
    assert policy.parameters.size == 9 + 3
    net.eval()
    assert policy.logits == pytest.approx(net(torch.eye(3)).detach().numpy(), abs=1e-6)
    net.train()
    dense_score(policy)
    ModulePolicy(net, np.eye(3))
    assert all(part.training for part in net.modules())
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_embeddings_take_integers() -> None:
    policy = ModulePolicy(nn.Embedding(4, 2), np.array([3, 1, 1]))
    assert policy.probabilities().shape == (3, 2)
    assert policy.logits[1].tolist() == policy.logits[2].tolist()
    weights = np.zeros((3, 2))
    weights[0, 1] = 1.0
    rows = policy.score_vjp(weights).reshape(4, 2)
    assert np.flatnonzero(np.abs(rows).sum(axis=1)).tolist() == [3]


def test_half_precision_is_computed_in_double() -> None:
    policy = ModulePolicy(perceptron(2, 2, 2).to(torch.bfloat16), np.eye(2))
    assert policy.probabilities().sum(axis=1) == pytest.approx(np.ones(2), abs=1e-15)


def test_inside_no_grad_and_inference_mode() -> None:
    policy = ModulePolicy(perceptron(2, 2, 2), np.eye(2))
    plain = dense_score(policy)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            again = policy.with_parameters(policy.parameters)
            assert dense_score(again) == pytest.approx(plain, abs=1e-14)


def test_large_networks_take_one_backward_pass() -> None:
    """d = 10⁴: the gradient is that by probability_gradient and one backward pass by hand."""
    module = nn.Sequential(nn.Linear(16, 96), nn.Tanh(), nn.Linear(96, 80), nn.Tanh(), nn.Linear(80, 8))
    observations = np.random.default_rng(0).normal(size=(60, 16))
    problem = pgv.Problem(pgv.mdps.garnet(60, 8, 5, 0), ModulePolicy(module, observations), pgv.FiniteHorizon(20, 0.95))
    assert problem.policy.parameters.size == 10_040
    found = exact.gradient(problem)
    double = copy.deepcopy(module).double()
    pi = torch.softmax(double(torch.tensor(observations)), dim=-1)
    (torch.tensor(exact.probability_gradient(problem)) * pi).sum().backward()
    by_hand = np.concatenate([p.grad.numpy().ravel() for p in double.parameters()])
    np.testing.assert_allclose(found, by_hand, rtol=1e-9, atol=1e-14)


def test_both_ways_to_the_score_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept Jacobian of small networks, and the backward passes of large ones; complex weights included."""
    observations = np.random.default_rng(2).normal(size=(3, 2))
    policy = ModulePolicy(perceptron(2, 3, 3), observations)
    weights = np.random.default_rng(3).normal(size=(4, 3, 3)) * (1 + 2j)
    small = policy.score_vjp(weights)
    monkeypatch.setattr("pgverify.policies.logits_policy.LARGEST_JACOBIAN", 0)
    assert policy.with_parameters(policy.parameters).score_vjp(weights) == pytest.approx(small, abs=1e-13)


def test_it_travels() -> None:
    policy = pickle.loads(pickle.dumps(ModulePolicy(perceptron(2, 2, 2), np.eye(2))))
    assert policy.probabilities().shape == (2, 2)
    assert repr(policy) == "ModulePolicy(states=2, actions=2, parameters=12)"


def to_go(logits: Any, batch: Any) -> Any:
    chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
    paid = batch.rewards * batch.discount ** torch.arange(chosen.shape[1])
    return -(chosen * paid.flip(1).cumsum(1).flip(1) * batch.mask).sum(1).mean()


def hundred(states: int, actions: int) -> Any:
    """Return a network of about 100 parameters for any problem."""
    torch.manual_seed(1)
    return ModulePolicy(perceptron(states, (100 - actions) // (states + 1 + actions), actions), np.eye(states))


def test_a_network_in_every_problem_of_a_suite() -> None:
    suite = pgv.suites.get("standard", policy=hundred)
    assert all(90 <= entry.problem.policy.parameters.size <= 100 for entry in suite)
    assert pgv.check(pgv.adapters.torch.from_loss(to_go), problems=suite[:4]).outcome is Outcome.CORRECT


def test_a_fault_in_a_loss_shows_on_networks() -> None:
    def dropped(logits: Any, batch: Any) -> Any:
        chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
        later = batch.rewards.flip(1).cumsum(1).flip(1)
        return -(chosen * later * batch.mask).sum(1).mean()

    few = [e for e in pgv.suites.get("standard", policy=hundred) if e.name in ("early-stop", "bandit", "coin-door")]
    assert pgv.check(pgv.adapters.torch.from_loss(dropped), problems=few).outcome is not Outcome.CORRECT


class Puts(nn.Module):
    """Puts out what it is told to."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.weight, self.answer = nn.Parameter(torch.ones(2)), answer

    def forward(self, x: Any) -> Any:
        return self.answer(x * self.weight)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x[0], r"puts out shape \(2,\) for 2 observations, must be \[S, A\]: one row of logits"),
        (lambda x: x[:1], r"puts out shape \(1, 2\) for 2 observations"),
        (lambda x: x[None], r"puts out shape \(1, 2, 2\) for 2 observations"),
        (lambda x: (x, x), "puts out tuple, must be a torch.Tensor of logits"),
        (lambda x: torch.distributions.Categorical(logits=x), "puts out Categorical, must be a torch.Tensor"),
        (lambda x: x / 0.0 * 0.0, r"logits\[0, 0\] is nan, must be finite"),
        (lambda x: x @ torch.ones(3, 3), r"cannot be called on observations of shape \(2, 2\): RuntimeError"),
        (lambda x: x + torch.rand(2, 2), "answers differently to the same observations the second time"),
    ],
)
def test_what_a_module_puts_out_is_refused_in_one_sentence(answer: Any, message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message) as caught:
        ModulePolicy(Puts(answer), np.eye(2))
    assert "\n" not in str(caught.value)


def test_other_refusals() -> None:
    frozen = perceptron(2, 2, 2).requires_grad_(False)
    with pytest.raises(InvalidPolicy, match="module has no parameter that needs a gradient"):
        ModulePolicy(frozen, np.eye(2))
    with pytest.raises(InvalidPolicy, match=r"module is function, must be a torch\.nn\.Module"):
        ModulePolicy(lambda x: x, np.eye(2))
    with pytest.raises(InvalidPolicy, match="lazy parameters without a shape"):
        ModulePolicy(nn.LazyLinear(2), np.eye(2))
    with pytest.raises(InvalidPolicy, match=r"observations\[1, 1\] is nan"):
        ModulePolicy(perceptron(2, 2, 2), [[0.0, 1.0], [0.0, np.nan]])
    with pytest.raises(InvalidPolicy, match=r"observations has shape .* must be numbers"):
        ModulePolicy(perceptron(2, 2, 2), "abc")
    policy = ModulePolicy(perceptron(2, 2, 2), np.eye(2))
    with pytest.raises(InvalidPolicy, match=r"theta has shape \(3,\), must be \[d\] = \(12,\)"):
        policy.with_parameters(np.zeros(3))
    with pytest.raises(InvalidPolicy, match=r"theta must be an array of real numbers, found .*complex"):
        policy.with_parameters(policy.parameters * 1j)
    broken = perceptron(2, 2, 2)
    with torch.no_grad():
        broken[0].weight[0, 0] = float("nan")
    with pytest.raises(InvalidPolicy, match=r"theta\[0\] is nan"):
        ModulePolicy(broken, np.eye(2))
    mdp = pgv.mdps.garnet(3, 2, 1, 0)
    with pytest.raises(InvalidPolicy, match=r"has shape \(2, 2\), must be \[S, A\] = \(3, 2\) of the MDP"):
        pgv.Problem(mdp, policy, pgv.FiniteHorizon(2))
