"""stable-baselines3: A2C and PPO as they run, for `pgv.check(kind="agent")`.

from stable_baselines3 import A2C, PPO

pgv.check(pgv.adapters.stable_baselines3.update(A2C, n_steps=3), kind="agent")
pgv.check(pgv.adapters.stable_baselines3.update(PPO, n_steps=4, batch_size=2, normalize_advantage=False), kind="agent")
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float

from pgverify.adapters.own_randomness import own_randomness
from pgverify.adapters.stable_baselines3_agent import GAIN, BuiltAgent, Settings
from pgverify.agents import AgentWorld, Window
from pgverify.choices.by_rows import Rows
from pgverify.continuous.node_mdp import NodeMDP
from pgverify.errors import InvalidInput
from pgverify.kinds import described
from pgverify.policies import Policy
from pgverify.problem import Problem
from pgverify.validation import Array, require_flag, require_integer, require_number

__all__ = ["StableBaselinesUpdate", "update"]

OWN = {
    "env": "the problem's environment is put in its place",
    "gamma": "it is the discount of the problem",
    "device": "the agent runs on the processor",
    "_init_setup_model": "the agent is made whole",
}
"""Arguments of an algorithm that are not the caller's here, and why."""

ALGORITHMS = ("A2C", "PPO")

ROWS = 512
"""Environments side by side, where there are many runs: more make a run no cheaper a row."""

STEPS = 3
"""Steps of a window where none are said; the defaults of the algorithms have too many windows to be listed."""


class StableBaselinesUpdate:
    """One update of an agent of stable-baselines3, as `pgv.check(kind="agent")` takes it.

    Called with a world it runs `learn` for one rollout, through the library's own environments, buffers, losses and
    backward pass, and returns minus the gradient of the loss, as the optimiser would get it before clipping.

    Attributes
    ----------
    window : Window
        What it collects, with the agent's critic.
    notes : tuple of str
        What was changed about the agent as the library makes it, for the report.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._built: dict[tuple[int, str], BuiltAgent] = {}
        arguments = settings.arguments
        self.window = Window(
            steps=arguments["n_steps"],
            trace_decay=settings.default("gae_lambda"),
            critic=self._critic,
            environments=settings.environments,
            entropy=settings.default("ent_coef"),
            truncates=settings.truncates,
            acting=self._acting if settings.moved else None,
            clip=settings.clip(),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed about the agent as the library makes it."""
        gain = self.settings.gain
        if gain == 1.0:
            return ()
        return (
            f"the last layer of the policy was made {gain:g} times larger than the library makes it, for which all "
            "actions are nearly alike; policy_gain=1 leaves it",
        )

    def __call__(self, world: AgentWorld) -> Float[Array, "d"]:
        """Return the direction [d] of one update."""
        return self.agent_of(world.problem).update(world)

    def prepare(self, problem: Problem) -> None:
        """Make the agent for a problem, which draws its weights at random, before anything is scripted."""
        self.agent_of(problem)

    def policy(self, world: AgentWorld) -> Policy:
        """Return the policy whose parameters are updated: the agent's own network."""
        return self.agent_of(world.problem).policy

    def reset(self, world: AgentWorld) -> None:
        """Put the agent back to where it was: its weights, its environments, its buffers."""
        self.agent_of(world.problem).reset()

    def rows(self, problem: Problem) -> Rows | None:
        """Return the same agent on many environments, each of which is a run of its own; None where it has no such."""
        one_by_one = self.settings.environments > 1 or isinstance(problem.mdp, NodeMDP)
        if one_by_one or not self.settings.whole_batches():
            return None
        many = self.settings.on(ROWS)
        with own_randomness(0):
            agent = BuiltAgent(many, problem)
        return Rows(agent.update_rows, ROWS)

    def agent_of(self, problem: Problem) -> BuiltAgent:
        """Return the agent for a problem, the same one every time."""
        key = id(problem.mdp), repr(problem.objective)
        if key not in self._built:
            self._built[key] = BuiltAgent(self.settings, problem)
        return self._built[key]

    def _critic(self, problem: Problem) -> Float[Array, "S"]:
        return self.agent_of(problem).critic()

    def _acting(self, problem: Problem) -> Policy:
        return self.agent_of(problem).acting

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["settings"])  # type: ignore[misc]


def update(
    algorithm: Any,
    *,
    environments: int = 1,
    minibatches: int = 1,
    moved: float = 0.0,
    truncates: bool = False,
    policy_gain: float = GAIN,
    **kwargs: Any,
) -> StableBaselinesUpdate:
    """Return one update of an agent of stable-baselines3, for `pgv.check(kind="agent")`.

    Parameters
    ----------
    algorithm : A2C or PPO
        The class, or its name.
    environments : int
        That are stepped at once.
    minibatches : int
        Steps of the optimiser whose gradients are averaged, with frozen weights. The first minibatch of a shuffled
        epoch has the expectation of all.
    moved : float
        How far the weights have moved between acting and this update, in standard deviations of a normal number each:
        0 in the first epoch, where the ratio is 1. With another number the update is one of a later epoch.
    truncates : bool
        Whether the horizon of a problem is a time limit, at which the agent bootstraps.
    policy_gain : float
        How many times larger the last layer of the policy is made than the library makes it: it begins with actions
        that are nearly alike, where the entropy has hardly a gradient. The report says so; 1 leaves it.
    **kwargs
        Of the algorithm: `n_steps` (3 where left out), `gae_lambda`, `ent_coef`, `policy_kwargs`, `policy` and so on.
        PPO gets one epoch of one full batch where nothing else is said.

    Raises
    ------
    InvalidInput
        When stable-baselines3 is not installed, and on arguments that are not the caller's or not the algorithm's.
    """
    found = _algorithm(algorithm)
    for name, why in OWN.items():
        if name in kwargs:
            raise InvalidInput(f"{name} is {kwargs[name]!r}, must be left out: {why}")
    steps = require_integer("n_steps", kwargs.get("n_steps", STEPS), 1, InvalidInput, ", the steps of a window")
    environments = require_integer("environments", environments, 1, InvalidInput)
    arguments = {"policy": "MlpPolicy", "seed": 0, "verbose": 0, **kwargs, "n_steps": steps}
    if found.__name__ == "PPO":
        arguments = {"batch_size": steps * environments, "n_epochs": 1, **arguments}
    return StableBaselinesUpdate(
        Settings(
            found,
            arguments,
            environments,
            require_integer("minibatches", minibatches, 1, InvalidInput),
            require_number("moved", moved, 0.0, 10.0, InvalidInput),
            require_flag("truncates", truncates, InvalidInput),
            require_number("policy_gain", policy_gain, 0.0, 1e6, InvalidInput),
        ).checked()
    )


def _algorithm(given: Any) -> Any:
    try:
        import stable_baselines3
    except ImportError:
        raise InvalidInput(
            "adapters.stable_baselines3 needs stable-baselines3, which is not installed: pip install stable-baselines3"
        ) from None
    if isinstance(given, str) and given in ALGORITHMS:
        return getattr(stable_baselines3, given)
    known = tuple(getattr(stable_baselines3, name) for name in ALGORITHMS)
    if isinstance(given, type) and issubclass(given, known):
        return given
    raise InvalidInput(f"algorithm is {described(given)}, must be stable_baselines3.A2C or stable_baselines3.PPO")
