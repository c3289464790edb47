"""trl: `GRPOTrainer` and `RLOOTrainer` as they run, on token trees with a tiny transformer, for kind="agent".

pgv.check(pgv.adapters.trl.update("RLOO"), kind="agent")
pgv.check(pgv.adapters.trl.update("GRPO", loss_type="dr_grpo", scale_rewards="none"), kind="agent")
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float

from pgverify.adapters.trl_trainer import BuiltTrainer
from pgverify.agents import AgentWorld
from pgverify.errors import InvalidInput, unknown_name
from pgverify.kinds import described
from pgverify.mdps import tokens
from pgverify.policies import Policy
from pgverify.policies.tabular_softmax import SoftmaxPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.validation import Array, require_integer

__all__ = ["TrainerUpdate", "update"]

TRAINERS = ("GRPO", "RLOO")

OWN = ("output_dir", "per_device_train_batch_size", "num_generations", "max_completion_length", "use_vllm")
"""Settings that follow from the problem and the size of a group."""

OBJECTIVE = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "beta": 0.0}
"""Where nothing else is said: what is sampled from is the policy itself."""


def _reward(prompt: int, completion: tuple[int, ...]) -> float:
    """Return rewards without ties, for which normalised advantages would be no zeros in single precision."""
    return sum((0.37 + 0.61 * prompt) * (i + 1) * token for i, token in enumerate(completion)) - 0.53 * len(completion)


class TrainerUpdate:
    """One step of a trainer of trl, as `pgv.check(kind="agent")` takes it.

    Called with a world it runs `training_step`: generation, rewards, advantages, loss and backward pass are the
    library's. It returns minus the gradient.

    Attributes
    ----------
    problems : tuple of Problem
        Small token trees, on which it is judged where no others are given.
    """

    def __init__(self, name: str, group_size: int, arguments: dict[str, Any], kind: type | None = None) -> None:
        self.name = name
        self.kind = kind
        self.group_size = group_size
        self.arguments = arguments
        self.problems = tuple(
            Problem(mdp, SoftmaxPolicy([[0.0] * 3] * mdp.num_states), FiniteHorizon(length))
            for length in (1, 2)
            for mdp in [tokens(1, 3, length, _reward)]
        )
        self._built: dict[tuple[int, str], BuiltTrainer] = {}

    def __call__(self, world: AgentWorld) -> Float[Array, "d"]:
        """Return the direction [d] of one step."""
        return self.trainer_of(world.problem).update(world)

    def prepare(self, problem: Problem) -> None:
        """Make the trainer for a problem."""
        self.trainer_of(problem)

    def policy(self, world: AgentWorld) -> Policy:
        """Return the policy whose parameters are updated: the transformer."""
        return self.trainer_of(world.problem).policy

    def reset(self, world: AgentWorld) -> None:
        """Put the trainer back."""
        self.trainer_of(world.problem).reset()

    def trainer_of(self, problem: Problem) -> BuiltTrainer:
        """Return the trainer for a problem, the same one every time."""
        key = id(problem.mdp), repr(problem.objective)
        if key not in self._built:
            self._built[key] = BuiltTrainer(self.name, problem, self.group_size, self.arguments, self.kind)
        return self._built[key]

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "group_size": self.group_size, "arguments": self.arguments, "kind": self.kind}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def update(trainer: Any, *, group_size: int = 2, **kwargs: Any) -> TrainerUpdate:
    """Return one step of a trainer of trl, for `pgv.check(kind="agent")`.

    Parameters
    ----------
    trainer : "GRPO" or "RLOO", or a class
        One that extends `trl.GRPOTrainer` or `trl.RLOOTrainer`, or these.
    group_size : int
        Completions of each prompt, at least 2.
    **kwargs
        Of `GRPOConfig` or `RLOOConfig`: `loss_type`, `scale_rewards`, `beta`, `top_k` and so on.

    Raises
    ------
    InvalidInput
        When trl is not installed, and on arguments that follow from the problem.
    """
    try:
        import datasets
        import transformers
        import trl
    except ImportError:
        raise InvalidInput("adapters.trl needs trl, which is not installed: pip install trl") from None
    del datasets, transformers
    known = {name: getattr(trl, f"{name}Trainer") for name in TRAINERS}
    if isinstance(trainer, type):
        names = [name for name, base in known.items() if issubclass(trainer, base)]
        if not names:
            raise InvalidInput(
                f"trainer is {described(trainer)}, must be one of {', '.join(TRAINERS)}, or a class of such a trainer"
            )
        named, kind = names[0], trainer
    elif isinstance(trainer, str) and trainer in TRAINERS:
        named, kind = trainer, None
    else:
        raise unknown_name("trainer", trainer, TRAINERS)
    for name in OWN:
        if name in kwargs:
            raise InvalidInput(
                f"{name} is {kwargs[name]!r}, must be left out: it follows from the problem and group_size"
            )
    size = require_integer("group_size", group_size, 2, InvalidInput, ", the completions of each prompt")
    return TrainerUpdate(named, size, {**OBJECTIVE, **kwargs}, kind)
