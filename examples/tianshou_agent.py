"""tianshou's A2C, its collector and its update, judged whole by `pgv.check(update, kind="agent")`.

pip install tianshou "pgverify[gymnasium]" && python examples/tianshou_agent.py
"""

from __future__ import annotations

import copy

import gymnasium
import numpy as np
import torch
from tianshou.algorithm import A2C
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.utils.torch_utils import policy_within_training_step

import pgverify as pgv

STEPS, LAMBDA, ENTROPY = 2, 0.9, 0.05
PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name == "early-stop"]


class Network(torch.nn.Module):
    """One layer on states, one-hot: logits, or V."""

    def __init__(self, states, outputs):
        super().__init__()
        self.layer = torch.nn.Linear(states, outputs)

    def forward(self, obs, state=None, info=None):  # noqa: ARG002 — as tianshou calls it
        """Return the layer's output."""
        observed = torch.as_tensor(obs).long().reshape(-1)
        return self.layer(torch.nn.functional.one_hot(observed, self.layer.in_features).float())


class Actor(Network):
    """Logits and a state, as tianshou has them."""

    def forward(self, obs, state=None, info=None):
        """Return the layer's output, and the state that it was given."""
        return super().forward(obs, state, info), state


def networks(mdp):
    """Return both, made once, before anything is scripted: their first weights are random."""
    torch.manual_seed(0)
    return Actor(mdp.num_states, mdp.num_actions), Network(mdp.num_states, 1)


MODELS = {entry.problem.mdp: networks(entry.problem.mdp) for entry in PROBLEMS}


def update(world):
    """Return minus the gradient of tianshou's loss with respect to the policy's weights [d]."""
    actor, values = copy.deepcopy(MODELS[world.problem.mdp])
    acting = ProbabilisticActorPolicy(
        actor=actor,
        dist_fn=lambda logits: torch.distributions.Categorical(logits=logits),
        action_space=gymnasium.spaces.Discrete(world.problem.mdp.num_actions),
        action_scaling=False,
        action_bound_method=None,
    )
    settings = {"gae_lambda": LAMBDA, "gamma": world.problem.objective.discount, "ent_coef": ENTROPY}
    algorithm = A2C(policy=acting, critic=values, optim=AdamOptimizerFactory(lr=0.0), **settings)
    read = []

    def note(*_):
        read.append(torch.cat([-p.grad.flatten() for p in actor.parameters()]))

    with pgv.adapters.torch.scripted(world), pgv.adapters.numpy.scripted(world):
        env = DummyVectorEnv([lambda: pgv.adapters.gymnasium.ScriptedEnv(world.problem, world)])
        buffer = VectorReplayBuffer(STEPS, 1)
        collector = Collector(algorithm, env, buffer)
        collector.reset()
        algorithm.optim._optim.register_step_pre_hook(note)
        with policy_within_training_step(acting):
            collector.collect(n_step=STEPS)
            with torch.enable_grad():
                algorithm.update(buffer=buffer, batch_size=None, repeat=1)
    return read[0].numpy()


def policy(world):
    """Return π, whose parameters are those of tianshou's actor."""
    observed = np.eye(world.problem.mdp.num_states)
    return pgv.adapters.torch.ModulePolicy(MODELS[world.problem.mdp][0].layer, observed)


def critic(problem):
    """Return V [S]."""
    layer = MODELS[problem.mdp][1].layer
    return (layer.weight.T + layer.bias).detach().numpy().ravel()


update.policy = policy
update.window = pgv.agents.Window(STEPS, trace_decay=LAMBDA, critic=critic, entropy=ENTROPY)


if __name__ == "__main__":
    # In the first run tianshou compiles its sums of advantages, which takes longer than a run may by default.
    print(pgv.check(update, kind="agent", problems=PROBLEMS, time_limit=300.0))
