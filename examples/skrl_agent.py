"""skrl's A2C as its own trainer runs it, judged whole by `pgv.check(update, kind="agent")`.

    pip install skrl "pgverify[gymnasium]" && python examples/skrl_agent.py

skrl normalises the advantages of every batch, whatever is asked for, and the report names it. Where `compute_gae`
leaves that out, the expected update is the gradient of the window.
"""

from __future__ import annotations

import copy

import gymnasium
import numpy as np
import torch
from skrl import logger
from skrl.agents.torch import a2c
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model
from skrl.trainers.torch import SequentialTrainer

import pgverify as pgv

logger.setLevel("ERROR")  # it tells of every environment that is closed
STEPS, LAMBDA = 2, 0.9
PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name == "early-stop"]


class Network(Model):
    """One layer on states, one-hot: logits, or V."""

    def __init__(self, states, outputs):
        spaces = (gymnasium.spaces.Discrete(n) for n in (states, outputs))
        super().__init__(**dict(zip(("observation_space", "action_space"), spaces, strict=True)), device="cpu")
        self.layer = torch.nn.Linear(states, outputs)

    def compute(self, inputs, role):  # noqa: ARG002 — as skrl calls it
        """Return the layer's output, and nothing else."""
        observed = inputs["observations"].long().reshape(-1)
        return self.layer(torch.nn.functional.one_hot(observed, self.layer.in_features).float()), {}


class Actor(CategoricalMixin, Network):
    """A policy, as skrl has them."""

    def __init__(self, states, actions):
        Network.__init__(self, states, actions)
        CategoricalMixin.__init__(self)


class Critic(DeterministicMixin, Network):
    """V, as skrl has it."""

    def __init__(self, states):
        Network.__init__(self, states, 1)
        DeterministicMixin.__init__(self)


def networks(mdp):
    """Return both, made once, before anything is scripted: their first weights are random."""
    torch.manual_seed(0)
    return {"policy": Actor(mdp.num_states, mdp.num_actions), "value": Critic(mdp.num_states)}


MODELS = {entry.problem.mdp: networks(entry.problem.mdp) for entry in PROBLEMS}


def update(world):
    """Return minus the gradient of skrl's loss with respect to the policy's weights [d]."""
    models = copy.deepcopy(MODELS[world.problem.mdp])
    env = wrap_env(pgv.adapters.gymnasium.ScriptedEnv(world.problem, world), verbose=False)
    settings = {
        "rollouts": STEPS,
        "discount_factor": world.problem.objective.discount,
        "gae_lambda": LAMBDA,
        "grad_norm_clip": 0.0,  # the gradient is wanted as it is before
        "experiment": {"write_interval": 0, "checkpoint_interval": 0},
    }
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    agent = a2c.A2C(models=models, memory=RandomMemory(memory_size=STEPS), **spaces, device="cpu", cfg=settings)
    read = []
    weights = list(models["policy"].parameters())
    agent.optimizer.register_step_pre_hook(lambda *_: read.append(torch.cat([-p.grad.flatten() for p in weights])))
    with pgv.adapters.torch.scripted(world), pgv.adapters.numpy.scripted(world):
        run = {"timesteps": STEPS, "disable_progressbar": True, "headless": True}
        SequentialTrainer(env=env, agents=agent, cfg=run).train()
    return read[0].numpy()


def policy(world):
    """Return π, whose parameters are those of skrl's network."""
    observed = np.eye(world.problem.mdp.num_states)
    return pgv.adapters.torch.ModulePolicy(MODELS[world.problem.mdp]["policy"].layer, observed)


def critic(problem):
    """Return V [S]."""
    layer = MODELS[problem.mdp]["value"].layer
    return (layer.weight.T + layer.bias).detach().numpy().ravel()


update.policy = policy
update.window = pgv.agents.Window(STEPS, trace_decay=LAMBDA, critic=critic)


if __name__ == "__main__":
    print(pgv.check(update, kind="agent", problems=PROBLEMS))
