"""A trainer of torchrl on one problem: its environments and networks made once, the trainer anew in every run."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.first_option import FirstOption
from pgverify.adapters.gymnasium import ScriptedEnv
from pgverify.adapters.module_parameters import imported_torch
from pgverify.adapters.module_policy import ModulePolicy
from pgverify.adapters.numpy import scripted as scripted_numpy
from pgverify.adapters.own_randomness import own_randomness
from pgverify.adapters.read_gradients import read_gradients
from pgverify.adapters.scripted_torch import scripted as scripted_torch
from pgverify.continuous.node_mdp import NodeMDP
from pgverify.errors import InvalidInput, one_sentence, shortened
from pgverify.policies import Policy
from pgverify.problem import Problem
from pgverify.validation import Array

HIDDEN = 8
"""Units of the one layer of each network."""

ENTROPY = 0.01
"""What torchrl's losses have as the coefficient of the entropy where none is given."""


@dataclass(frozen=True)
class TrainerSettings:
    """What a trainer is made of.

    Attributes
    ----------
    trainer, loss : type
    arguments : dict
        Of the loss.
    steps, environments, batch_size, minibatches : int
    trace_decay : float
        λ.
    normalised : bool
        Whether advantages are.
    moved : float
        How far the weights have moved since the agent acted.
    truncates : bool
    """

    trainer: Any
    loss: Any
    arguments: dict[str, Any]
    steps: int
    environments: int
    batch_size: int
    minibatches: int
    trace_decay: float
    normalised: bool
    moved: float
    truncates: bool

    def clip(self) -> float | None:
        """Return ε of the clipped ratio; None without one."""
        found = self._of_the_loss("clip_epsilon")
        return None if found is None else float(found)

    def entropy(self) -> float:
        """Return the coefficient of the entropy."""
        if not self._of_the_loss("entropy_bonus"):
            return 0.0
        found = self._of_the_loss("entropy_coeff")
        return ENTROPY if found is None else float(found)

    def _of_the_loss(self, name: str) -> Any:
        known = inspect.signature(self.loss).parameters
        if name in self.arguments:
            return self.arguments[name]
        return known[name].default if name in known else None


class BuiltLearner:
    """What stands for one problem.

    Parameters
    ----------
    settings : TrainerSettings
    problem : Problem

    Raises
    ------
    InvalidInput
        When the problem has real actions, and when the trainer, or its loss, refuses its arguments.
    """

    def __init__(self, settings: TrainerSettings, problem: Problem) -> None:
        torch = imported_torch()
        if isinstance(problem.mdp, NodeMDP):
            raise InvalidInput("problem has real actions, must have a list of them: the actor made here is categorical")
        from tensordict.nn import TensorDictModule
        from torchrl.collectors import Collector
        from torchrl.envs import GymWrapper, SerialEnv
        from torchrl.modules import ProbabilisticActor, ValueOperator
        from torchrl.objectives.value import GAE

        self.settings = settings
        states, actions = problem.mdp.num_states, problem.mdp.num_actions
        self._envs = [ScriptedEnv(problem, FirstOption(), settings.truncates) for _ in range(settings.environments)]
        wrapped = [GymWrapper(env, categorical_action_encoding=True) for env in self._envs]
        self._states = np.arange(states)
        with own_randomness(0), _quiet():
            self.actor, self.critic = _network(torch, states, actions), _network(torch, states, 1)
            updated = copy.deepcopy(self.actor)
            with torch.no_grad():
                for parameter in updated.parameters():
                    parameter.add_(settings.moved * torch.randn_like(parameter))
            try:
                env = wrapped[0]
                if len(wrapped) > 1:
                    env = SerialEnv(len(wrapped), [lambda each=each: each for each in wrapped])
                acting = ProbabilisticActor(
                    TensorDictModule(self.actor, ["observation"], ["logits"]),
                    in_keys=["logits"],
                    distribution_class=torch.distributions.Categorical,
                    return_log_prob=True,
                    spec=env.action_spec,
                )
                valued = ValueOperator(self.critic, in_keys=["observation"])
                self._collector = Collector(
                    env, acting, frames_per_batch=self._frames, total_frames=-1, reset_at_each_iter=True
                )
                self._loss = settings.loss(acting, valued, **settings.arguments)
                self._advantages = GAE(
                    gamma=float(getattr(problem.objective, "discount", 1.0)),
                    lmbda=settings.trace_decay,
                    value_network=valued,
                    average_gae=settings.normalised,
                )
                self._trainer()
            except Exception as reason:
                raise InvalidInput(
                    f"{settings.trainer.__name__} refuses its arguments: {shortened(one_sentence(reason), 200)}"
                ) from None
        # A trainer that is thrown away shuts its collector down, which the next one needs.
        self._collector.shutdown = lambda *_, **__: None
        self.acting: Policy = ModulePolicy(copy.deepcopy(self.actor), self._states)
        self.policy: Policy = ModulePolicy(updated, self._states) if settings.moved else self.acting
        self._acted, self._updated = _weights(self.actor), _weights(updated)

    def update(self, world: Any) -> Float[Array, "d"]:
        """Return minus the gradient of the loss with respect to the weights of the actor [d], as it runs."""
        for env in self._envs:
            env.world = world
        parameters = list(self.actor.parameters())
        with (
            _quiet(),
            scripted_torch(world),
            scripted_numpy(world),
            read_gradients(parameters, self.settings.minibatches) as reading,
        ):
            self._trainer().train()
        return -reading.mean()

    def reset(self) -> None:
        """Put back the weights."""
        _put(self.actor, self._acted)

    def values(self) -> Float[Array, "S"]:
        """Return the agent's V."""
        torch = imported_torch()
        with torch.no_grad():
            return np.asarray(self.critic(torch.from_numpy(self._states)).double().numpy().ravel())

    @property
    def _frames(self) -> int:
        return self.settings.steps * self.settings.environments

    def _trainer(self) -> Any:
        """Return a trainer that has done nothing yet."""
        torch = imported_torch()
        from torchrl.data import LazyTensorStorage, ReplayBuffer, SamplerWithoutReplacement

        trainer = self.settings.trainer(
            collector=self._collector,
            total_frames=self._frames,
            frame_skip=1,
            optim_steps_per_batch=None,
            loss_module=self._loss,
            optimizer=torch.optim.Adam(self._loss.parameters()),
            progress_bar=False,
            num_epochs=1,
            replay_buffer=ReplayBuffer(
                storage=LazyTensorStorage(self._frames),
                sampler=SamplerWithoutReplacement(),
                batch_size=self.settings.batch_size,
            ),
            gae=self._advantages,
            enable_logging=False,
        )
        if self.settings.moved:
            trainer.register_op("pre_optim_steps", lambda: _put(self.actor, self._updated))
        return trainer


def _network(torch: Any, states: int, outputs: int) -> Any:
    """Return a network of one hidden layer on states, one-hot."""

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(states, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, outputs)
            )

        def forward(self, observed: Any) -> Any:
            encoded = torch.nn.functional.one_hot(observed.long(), states)
            return self.layers(encoded.to(self.layers[0].weight.dtype))

    return Network()


def _weights(module: Any) -> list[Any]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def _put(module: Any, weights: list[Any]) -> None:
    torch = imported_torch()
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), weights, strict=True):
            parameter.copy_(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from telling of every buffer that it makes."""
    logger = logging.getLogger("torchrl")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
