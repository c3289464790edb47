"""Moments of contributions by sampling, with nothing kept: compiled where there was a compiler, in NumPy elsewhere."""

from pgverify.kinds import suggesting
from pgverify.streaming.sampled_moments import sample_moments

__all__ = ["sample_moments"]


__getattr__ = suggesting(__name__, __all__)
