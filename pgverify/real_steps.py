"""Steps with real actions, drawn from the density itself: no quadrature is in the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.bonus import Bonus
from pgverify.continuous import ContinuousMDP, NodeMDP, drawn_bonus
from pgverify.policies.real_actions import RealPolicy, is_real
from pgverify.randomness import Channel, Stream, choose_by_inversion
from pgverify.rollout import Rollout
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class RealSteps:
    """How one step of a continuous MDP is drawn: action, reward, next state.

    Attributes
    ----------
    mdp : ContinuousMDP
    policy, acting : RealPolicy
        π_θ, whose bonus is among the rewards, and μ, which acts.
    bonus : Bonus, optional
    """

    mdp: ContinuousMDP
    policy: RealPolicy
    acting: RealPolicy
    bonus: Bonus | None

    @classmethod
    def of(cls, law: Rollout) -> RealSteps | None:
        """Return the steps of a rollout's law; None where its actions are numbered, or known on their nodes alone."""
        mdp, policy = law.problem.mdp, law.problem.policy
        if not isinstance(mdp, NodeMDP) or mdp.continuous is None or not is_real(policy) or not is_real(law.acting):
            return None
        return cls(mdp.continuous, policy, law.acting, law.problem.objective.bonus)

    def numbers(self, stream: Stream, window: int, first: int, rows: int) -> Float[Array, "rows 4 D"]:
        """Return the uniform numbers for the actions of one window of steps."""
        dimensions = self.mdp.action_dim
        blocks = [stream.window(Channel.ACTION, window * dimensions + j, first, rows) for j in range(dimensions)]
        return np.stack(blocks, axis=-1)

    def act(self, source: Integer[Array, "m"], uniform: Float[Array, "m D"]) -> Float[Array, "m D"]:
        """Return the actions that uniform numbers stand for."""
        # Imported late: scipy.special is needed only here. A uniform number may be 0, never 1.
        from scipy.special import ndtri

        return self.acting.act(source, np.asarray(ndtri(np.maximum(uniform, 2.0**-54))))

    def follow(
        self, source: Integer[Array, "m"], actions: Float[Array, "m D"], uniform: Float[Array, "m"]
    ) -> tuple[Integer[Array, "m"], Float[Array, "m"]]:
        """Return the next states and the rewards, a bonus included."""
        following, paid = np.zeros(len(source), dtype=np.int64), np.zeros(len(source))
        for state in np.unique(source):
            here = np.flatnonzero(source == state)
            transition, reward = self.mdp.at(int(state), actions[here])
            following[here] = choose_by_inversion(transition, uniform[here])
            paid[here] = reward[np.arange(len(here)), following[here]]
        if self.bonus is not None:
            paid += drawn_bonus(self.bonus, self.policy, source, actions)
        return following, paid
