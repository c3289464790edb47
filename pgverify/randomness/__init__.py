"""Random numbers that belong to a trajectory, and choices made with them. Knows arrays, no MDP."""

from pgverify.randomness.alias import AliasTable
from pgverify.randomness.inversion import choose_by_inversion
from pgverify.randomness.stream import LAST_TRAJECTORY, STEPS_IN_WINDOW, Channel, Stream

__all__ = ["LAST_TRAJECTORY", "STEPS_IN_WINDOW", "AliasTable", "Channel", "Stream", "choose_by_inversion"]
