"""An agent of stable-baselines3 on one problem: made once, put back before every run."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.first_option import FirstOption
from pgverify.adapters.gaussian_module import GaussianModulePolicy
from pgverify.adapters.gymnasium import ScriptedEnv
from pgverify.adapters.module_parameters import imported_torch
from pgverify.adapters.module_policy import ModulePolicy
from pgverify.adapters.numpy import scripted as scripted_numpy
from pgverify.adapters.own_randomness import own_randomness
from pgverify.adapters.read_gradients import read_gradients
from pgverify.adapters.scripted_torch import scripted as scripted_torch
from pgverify.choices.row_worlds import RowWorlds
from pgverify.continuous.node_mdp import NodeMDP
from pgverify.errors import InvalidInput, one_sentence, shortened
from pgverify.policies import Policy
from pgverify.problem import Problem
from pgverify.validation import Array

GAIN = 100.0
"""The last layer of the policy is made so many times larger where nothing is said: as the library makes it, all actions
are nearly alike. A verdict must not depend on it; what actions have in common would hide less of a fault."""


@dataclass(frozen=True)
class Settings:
    """What an agent is made of.

    Attributes
    ----------
    algorithm : type
    arguments : dict
        Of the algorithm.
    environments, minibatches : int
    moved : float
        How far the weights have moved since the agent acted.
    truncates : bool
    gain : float
        The last layer of the policy is made so many times larger than the library makes it.
    """

    algorithm: Any
    arguments: dict[str, Any]
    environments: int
    minibatches: int
    moved: float
    truncates: bool
    gain: float = GAIN

    def default(self, name: str) -> Any:
        """Return an argument, or what the algorithm has in its place."""
        if name in self.arguments:
            return self.arguments[name]
        return inspect.signature(self.algorithm).parameters[name].default

    def clip(self) -> float | None:
        """Return ε of the clipped ratio; None without one."""
        if "clip_range" not in inspect.signature(self.algorithm).parameters:
            return None
        given = self.default("clip_range")
        return float(given(1.0) if callable(given) else given)

    def whole_batches(self) -> bool:
        """Whether the optimiser steps once, on all that was collected."""
        steps = self.arguments["n_steps"] * self.environments
        return self.minibatches == 1 and self.arguments.get("batch_size", steps) == steps

    def on(self, environments: int) -> Settings:
        """Return the same for another number of environments, in whole batches."""
        arguments = dict(self.arguments)
        if "batch_size" in arguments:
            arguments["batch_size"] = arguments["n_steps"] * environments
        return replace(self, arguments=arguments, environments=environments)

    def checked(self) -> Settings:
        """Return these settings.

        Raises
        ------
        InvalidInput
            On an argument that the algorithm does not have, and on what would not be read right.
        """
        known = inspect.signature(self.algorithm).parameters
        for name in self.arguments:
            if name not in known:
                raise InvalidInput(
                    f"{name} is {self.arguments[name]!r}, which is no argument of {self.algorithm.__name__}; it has "
                    f"{', '.join(list(known)[2:])}"
                )
        if self.default("use_sde"):
            raise InvalidInput("use_sde is True, must be False: noise that depends on the state is not dictated")
        return self


class BuiltAgent:
    """The agent for one problem.

    Parameters
    ----------
    settings : Settings
    problem : Problem

    Raises
    ------
    InvalidInput
        When the algorithm refuses its arguments, or its networks for policy and value share weights.
    """

    def __init__(self, settings: Settings, problem: Problem) -> None:
        torch = imported_torch()
        from stable_baselines3.common.logger import Logger
        from stable_baselines3.common.vec_env import DummyVecEnv

        self.settings = settings
        self.problem = problem
        self.envs = [ScriptedEnv(problem, FirstOption(), settings.truncates) for _ in range(settings.environments)]
        with own_randomness(int(settings.default("seed") or 0)):
            try:
                env = DummyVecEnv([lambda each=each: each for each in self.envs])
                discount = float(getattr(problem.objective, "discount", 1.0))
                self.model = settings.algorithm(env=env, gamma=discount, device="cpu", **settings.arguments)
            except Exception as reason:
                raise InvalidInput(
                    f"{settings.algorithm.__name__} refuses its arguments: {shortened(one_sentence(reason), 200)}"
                ) from None
            # Without a logger of one's own, each makes a folder for temporary files, and every `learn` another one.
            self.model.set_logger(Logger(folder=None, output_formats=[]))
            network = self.model.policy
            with torch.no_grad():
                network.action_net.weight.mul_(settings.gain)
                actors = _copied_actor(torch, network), _copied_actor(torch, network)
                for parameter in actors[1].parameters():
                    if parameter.requires_grad:
                        parameter.add_(settings.moved * torch.randn_like(parameter))
        states = np.arange(problem.mdp.num_states)
        self.acting = _policy(actors[0], states, problem)
        self.policy = _policy(actors[1], states, problem) if settings.moved else self.acting
        named = dict(network.named_parameters())
        names = [name for name, p in actors[0].network.named_parameters() if p.requires_grad]
        self.parameters = [named[name] for name in names]
        self._acted = {name: p.detach().clone() for name, p in named.items()}
        moved = dict(actors[1].network.named_parameters())
        self._updated = {name: moved[name].detach().clone() for name in names}
        self._named = named
        if settings.default("vf_coef"):
            self._require_separate(torch)

    def update(self, world: Any) -> Float[Array, "d"]:
        """Return minus the gradient of the loss with respect to the weights of the policy [d], as it runs."""
        for env in self.envs:
            env.world = world
        return self._learned(world)

    def update_rows(self, worlds: RowWorlds) -> Float[Array, "d"]:
        """Return the sum of minus the gradients of single environments, by the weights of their worlds [d].

        The loss is a mean over all steps of all environments, to which each adds a term of its own: the gradient that
        comes back into each term is multiplied by its weight.
        """
        self.reset()
        for env, world in zip(self.envs, worlds.worlds, strict=True):
            env.world = world
        network, steps = self.model.policy, self.settings.arguments["n_steps"]
        evaluate = network.evaluate_actions

        def weighted(observations: Any, actions: Any) -> Any:
            found = evaluate(observations, actions)
            # Rows of the buffer are environment after environment: no draw has shuffled them.
            factor = np.repeat(worlds.weights() * len(self.envs), steps)
            for each in found:
                if each is not None and each.requires_grad:
                    each.register_hook(lambda g: g * g.new_tensor(factor).reshape(-1, *[1] * (g.dim() - 1)))
            return found

        network.evaluate_actions = weighted
        try:
            return self._learned(worlds)
        finally:
            del network.evaluate_actions

    def _learned(self, world: Any) -> Float[Array, "d"]:
        with (
            scripted_torch(world),
            scripted_numpy(world),
            read_gradients(self.parameters, self.settings.minibatches) as reading,
        ):
            self.model.learn(
                self.settings.arguments["n_steps"] * self.settings.environments,
                callback=_moving(self._move) if self.settings.moved else None,
                log_interval=None,
            )
        return -reading.mean()

    def reset(self) -> None:
        """Put back weights and environments; `learn` begins its counts and its buffer anew."""
        torch = imported_torch()
        with torch.no_grad():
            for name, value in self._acted.items():
                self._named[name].copy_(value)
        self.model._last_obs = None
        self.model.policy.optimizer.state.clear()

    def critic(self) -> Float[Array, "S"]:
        """Return the agent's V."""
        torch = imported_torch()
        states = torch.arange(self.problem.mdp.num_states)
        with torch.no_grad():
            return np.asarray(self.model.policy.predict_values(states).double().numpy().ravel())

    def _move(self) -> None:
        torch = imported_torch()
        with torch.no_grad():
            for name, value in self._updated.items():
                self._named[name].copy_(value)

    def _require_separate(self, torch: Any) -> None:
        values = self.model.policy.predict_values(torch.arange(self.problem.mdp.num_states))
        shared = torch.autograd.grad(values.sum(), self.parameters, allow_unused=True)
        if any(each is not None for each in shared):
            raise InvalidInput(
                f"policy and value share weights, through which the value loss moves the policy with vf_coef = "
                f"{self.settings.default('vf_coef')}: give vf_coef=0, or networks that share none"
            )


def _policy(actor: Any, states: Array, problem: Problem) -> Policy:
    if isinstance(problem.mdp, NodeMDP):
        return GaussianModulePolicy(actor, states, problem.mdp.nodes.shape[2])
    return ModulePolicy(actor, states)


def _copied_actor(torch: Any, network: Any) -> Any:
    """Return a copy of the part of a network that acts, as a module: states [S] -> logits [S, A].

    Of real actions it puts out their means state by state, and then log σ [S D + D].

    It is copied before its first forward pass, after which that fails.
    """

    class Actor(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = copy.deepcopy(network)

        def forward(self, states: Any) -> Any:
            count = self.network.observation_space.n
            weights = self.network.action_net.weight
            observed = torch.nn.functional.one_hot(states.long(), count).to(weights.dtype)
            features = self.network.pi_features_extractor(observed)
            found = self.network.action_net(self.network.mlp_extractor.forward_actor(features))
            spread = getattr(self.network, "log_std", None)
            return found if spread is None else torch.cat([found.reshape(-1), spread])

    actor = Actor()
    for parameter in actor.parameters():
        parameter.requires_grad_(True)
    with torch.enable_grad():
        used = list(actor.parameters())
        logits = actor(torch.arange(network.observation_space.n))
        gradients = torch.autograd.grad(logits.square().sum(), used, allow_unused=True)
    actor = Actor()
    for parameter, gradient in zip(actor.parameters(), gradients, strict=True):
        parameter.requires_grad_(gradient is not None)
    return actor


def _moving(move: Any) -> Any:
    from stable_baselines3.common.callbacks import BaseCallback

    class Moving(BaseCallback):  # type: ignore[misc]
        """Moves the weights between acting and learning, as earlier epochs would have."""

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            move()

    return Moving()
