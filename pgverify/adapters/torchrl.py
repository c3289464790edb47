"""torchrl: its PPO, A2C and REINFORCE trainers as they run, for `pgv.check(kind="agent")`.

from torchrl.trainers.algorithms import PPOTrainer

pgv.check(pgv.adapters.torchrl.update("A2C", average_gae=False), kind="agent")
pgv.check(pgv.adapters.torchrl.update(PPOTrainer, n_steps=4, average_gae=False, batch_size=2), kind="agent")
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jaxtyping import Float

from pgverify.adapters.torchrl_agent import BuiltLearner, TrainerSettings
from pgverify.agents import AgentWorld, Window
from pgverify.errors import InvalidInput, unknown_name
from pgverify.kinds import described
from pgverify.policies import Policy
from pgverify.problem import Problem
from pgverify.validation import Array, require_flag, require_integer, require_number

__all__ = ["TorchrlUpdate", "update"]

ALGORITHMS = {"PPO": "ClipPPOLoss", "A2C": "A2CLoss", "REINFORCE": "ReinforceLoss"}
"""A trainer, and the loss that it steps along."""

STEPS = 3
"""Steps of a window where none are said."""

OWN = {
    "gamma": "it is the discount of the problem",
    "actor_network": "it is made for the problem",
    "critic_network": "it is made for the problem",
    "actor": "it is made for the problem",
    "critic": "it is made for the problem",
    "functional": "the gradients are read from the networks themselves",
    "device": "the agent runs on the processor",
}
"""Arguments of a loss that are not the caller's here, and why."""

UNREAD: Mapping[str, Callable[[Any], bool]] = {
    "reduction": lambda given: given in (None, "mean"),
    "advantage_norm": lambda given: given is None,
    "delay_actor": lambda given: not given,
    "advantage_key": lambda given: given is None,
    "value_target_key": lambda given: given is None,
    "entropy_coeff": lambda given: not isinstance(given, Mapping),
    "clip_epsilon": lambda given: isinstance(given, int | float),
}
"""Arguments of a loss that change what should be followed, and the values under which a window says it right."""


class TorchrlUpdate:
    """One update of a trainer of torchrl, as `pgv.check(kind="agent")` takes it.

    Called with a world it runs `train` for one batch, through the library's own environments, collector, advantages,
    replay buffer, loss and backward pass, and returns minus the gradient, as the optimiser gets it before clipping.

    Attributes
    ----------
    window : Window
        What it collects, with the agent's critic.
    """

    def __init__(self, settings: TrainerSettings) -> None:
        self.settings = settings
        self._built: dict[tuple[int, str], BuiltLearner] = {}
        self.window = Window(
            steps=settings.steps,
            trace_decay=settings.trace_decay,
            critic=self._critic,
            environments=settings.environments,
            entropy=settings.entropy(),
            truncates=settings.truncates,
            acting=self._acting if settings.moved else None,
            clip=settings.clip(),
        )

    def __call__(self, world: AgentWorld) -> Float[Array, "d"]:
        """Return the direction [d] of one update."""
        return self.learner_of(world.problem).update(world)

    def prepare(self, problem: Problem) -> None:
        """Make the agent for a problem, which draws its weights at random, before anything is scripted."""
        self.learner_of(problem)

    def policy(self, world: AgentWorld) -> Policy:
        """Return the policy whose parameters are updated: the actor."""
        return self.learner_of(world.problem).policy

    def reset(self, world: AgentWorld) -> None:
        """Put the weights back; a trainer, and its replay buffer, are made anew in every run."""
        self.learner_of(world.problem).reset()

    def learner_of(self, problem: Problem) -> BuiltLearner:
        """Return what stands for a problem, the same every time."""
        key = id(problem.mdp), repr(problem.objective)
        if key not in self._built:
            self._built[key] = BuiltLearner(self.settings, problem)
        return self._built[key]

    def _critic(self, problem: Problem) -> Float[Array, "S"]:
        return self.learner_of(problem).values()

    def _acting(self, problem: Problem) -> Policy:
        return self.learner_of(problem).acting

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["settings"])  # type: ignore[misc]


def update(
    trainer: Any,
    *,
    loss: Any = None,
    n_steps: int = STEPS,
    environments: int = 1,
    batch_size: int | None = None,
    minibatches: int = 1,
    lmbda: float = 0.95,
    average_gae: bool = True,
    moved: float = 0.0,
    truncates: bool = False,
    **kwargs: Any,
) -> TorchrlUpdate:
    """Return one update of a trainer of torchrl, for `pgv.check(kind="agent")`.

    Parameters
    ----------
    trainer : "PPO", "A2C" or "REINFORCE", or a class that is one
        Of `torchrl.trainers.algorithms`.
    loss : class, optional
        A subclass of the loss that the trainer steps along; `ClipPPOLoss`, `A2CLoss` or `ReinforceLoss` by default.
    n_steps : int
        That every environment takes before an update.
    environments : int
        That are stepped at once, in torchrl's `SerialEnv`.
    batch_size : int, optional
        Of the replay buffer: all that was collected, in one batch, where it is left out.
    minibatches : int
        Steps of the optimiser whose gradients are averaged, with frozen weights. The first minibatch of a shuffled
        epoch has the expectation of all.
    lmbda : float
        λ of the advantages.
    average_gae : bool
        Whether advantages are normalised over what was collected, as the trainers do: their expectation is then no
        gradient, and is named.
    moved : float
        How far the weights have moved between acting and this update, in standard deviations of a normal number each:
        0 in the first epoch, where the ratio is 1. Of PPO alone, which updates more than once on what it collected.
    truncates : bool
        Whether the horizon of a problem is a time limit, at which the agent bootstraps.
    **kwargs
        Of the loss: `clip_epsilon`, `entropy_coeff`, `critic_coeff` and so on.

    Raises
    ------
    InvalidInput
        When torchrl is not installed, and on arguments that are not the caller's or not the loss's.
    """
    made, losses = _classes(trainer, loss)
    for name, why in OWN.items():
        if name in kwargs:
            raise InvalidInput(f"{name} is {kwargs[name]!r}, must be left out: {why}")
    known = [name for name in inspect.signature(losses).parameters if name not in OWN and name != "kwargs"]
    for name, value in kwargs.items():
        if name not in known:
            raise InvalidInput(
                f"{name} is {value!r}, which is no argument of {losses.__name__}; it has {', '.join(known)}"
            )
        if name in UNREAD and not UNREAD[name](value):
            raise InvalidInput(f"{name} is {value!r}, must be left out: a window does not say what is followed then")
    steps = require_integer("n_steps", n_steps, 1, InvalidInput, ", the steps of a window")
    environments = require_integer("environments", environments, 1, InvalidInput)
    every = steps * environments
    size = every if batch_size is None else require_integer("batch_size", batch_size, 1, InvalidInput, largest=every)
    moved = require_number("moved", moved, 0.0, 10.0, InvalidInput)
    if moved and not issubclass(made, _trainer("PPO")):
        raise InvalidInput(f"moved is {moved:g}, must be 0 of {made.__name__}, which updates once on what it collected")
    return TorchrlUpdate(
        TrainerSettings(
            made,
            losses,
            dict(kwargs),
            steps,
            environments,
            size,
            require_integer("minibatches", minibatches, 1, InvalidInput),
            require_number("lmbda", lmbda, 0.0, 1.0, InvalidInput),
            require_flag("average_gae", average_gae, InvalidInput),
            moved,
            require_flag("truncates", truncates, InvalidInput),
        )
    )


def _classes(trainer: Any, loss: Any) -> tuple[Any, Any]:
    """Return the class of a trainer, and that of its loss."""
    try:
        import torchrl.objectives
        import torchrl.trainers.algorithms
    except ImportError:
        raise InvalidInput("adapters.torchrl needs torchrl, which is not installed: pip install torchrl") from None
    if isinstance(trainer, str):
        if trainer not in ALGORITHMS:
            raise unknown_name("trainer", trainer, ALGORITHMS)
        name, made = trainer, _trainer(trainer)
    else:
        names = [name for name in ALGORITHMS if isinstance(trainer, type) and issubclass(trainer, _trainer(name))]
        if not names:
            raise InvalidInput(
                f"trainer is {described(trainer)}, must be one of {', '.join(ALGORITHMS)}, or a class of such a trainer"
            )
        name, made = names[0], trainer
    own = getattr(torchrl.objectives, ALGORITHMS[name])
    if loss is not None and not (isinstance(loss, type) and issubclass(loss, own)):
        raise InvalidInput(f"loss is {described(loss)}, must be a class of {own.__name__}, along which {name} steps")
    return made, own if loss is None else loss


def _trainer(name: str) -> Any:
    from torchrl.trainers import algorithms

    return getattr(algorithms, f"{'Reinforce' if name == 'REINFORCE' else name}Trainer")
