"""The random stream: uniform numbers that depend on the seed, the trajectory, the step and the channel alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, UInt64
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike

from pgverify.errors import InvalidSampling
from pgverify.validation import Array, require_integer

STEPS_IN_WINDOW = 4
"""Steps t = 4·window, …, 4·window + 3: as many as a block of Philox4x64 has words, so that a step takes one."""

LAST_TRAJECTORY = 2**64 - 2
"""Trajectory i stands at i + 1 in a word of 64 bits; one further would carry into the word of the window."""

_LAST_WORD = 2**64 - 1
_SPARE_BITS = np.uint64(11)  # of the 64 bits of a word, a double has room for 53
_UNIT = 2.0**-53
_WORDS_AT_ONCE = 2**13  # three passes over 64 kB, which a processor keeps at hand, are faster than over the whole


class Channel(IntEnum):
    """What a number is drawn for; a channel that is not read costs nothing and moves no other."""

    START = 0
    """The first state: the first number of window 0, and no other."""
    STEP = 1
    """The action and the next state, drawn together."""
    SURVIVAL = 2
    """Whether the episode goes on after the step."""
    NOISE = 3
    """What is added to the reward."""
    FOLLOWING = 4
    """The next state, where it is drawn after the action; the action then takes `STEP`."""
    ACTION = 5
    """A real action: the numbers of dimension j of D in window w are those of window w·D + j."""


@dataclass(frozen=True, eq=False)
class _Key(ISeedSequence):
    """The two words of the key: handed over so, NumPy neither asks the machine for entropy nor hashes again."""

    words: UInt64[Array, "2"]

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> UInt64[Array, "2"]:  # noqa: ARG002
        return self.words


@dataclass(frozen=True, eq=False)
class Stream:
    """Uniform numbers in [0, 1), keyed by (seed, trajectory): chunks, workers and other channels cannot matter.

    Philox4x64-10 maps a key (k_0, k_1) and a counter (c_0, c_1, c_2, c_3), 64 bits a word, to a block of four words.
    One round, with hi and lo the upper and lower 64 bits of a product of 128, and all sums modulo 2^64:

        (c_0, c_1, c_2, c_3) ← (hi(B c_2) ⊕ c_1 ⊕ k_0, lo(B c_2), hi(A c_0) ⊕ c_3 ⊕ k_1, lo(A c_0))
        A = 0xD2E7470EE14C6C93,  B = 0xCA5A826395121157

    There are ten rounds, and between one and the next  k_0 ← k_0 + 0x9E3779B97F4A7C15,  k_1 ← k_1 + 0xBB67AE8584CAA73B.
    The number for step t = 4·window + j of trajectory i on a channel is

        ⌊word_j / 2^11⌋ · 2^−53,  word = Philox4x64-10(key, (i + 1, window, channel, 0))

    a multiple of 2^−53: 0 is possible, 1 is not. The key is what `numpy.random.SeedSequence(seed)` gives with
    `generate_state(2, numpy.uint64)`. The 1 is there because NumPy counts before its first block:
    `Philox(key=key, counter=[i, window, channel, 0])` begins with trajectory i, and i + 1, i + 2, … follow.
    Different counters never share a block, for the map is a bijection of counters for every key.

    Source: Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".

    Parameters
    ----------
    key : [2]
        Use `Stream.of(seed)`.
    """

    key: UInt64[Array, "2"]

    @classmethod
    def of(cls, seed: int) -> Stream:
        """Return the stream of a seed, which may be any integer ≥ 0.

        Raises
        ------
        InvalidSampling
            On a seed that is negative or no integer.
        """
        seed = require_integer("seed", seed, 0, InvalidSampling, largest=None)
        key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        key.setflags(write=False)
        return cls(key)

    def window(self, channel: Channel, window: int, first: int, rows: int) -> Float[Array, "rows 4"]:
        """Return the numbers of trajectories first, …, first + rows − 1 in one window: [rows, 4], a column a step.

        Parameters
        ----------
        channel : Channel
        window : int
            Steps 4·window, …, 4·window + 3.
        first, rows : int
            At least 0, with first + rows − 1 ≤ `LAST_TRAJECTORY`.

        Raises
        ------
        InvalidSampling
            On a window or on trajectories for which there is no counter.
        """
        window = require_integer("window", window, 0, InvalidSampling, largest=None)
        first = require_integer("first", first, 0, InvalidSampling, largest=None)
        rows = require_integer("rows", rows, 0, InvalidSampling)
        if window > _LAST_WORD:
            raise InvalidSampling(f"window is {window}, must be an integer below 2^64")
        if first + rows - 1 > LAST_TRAJECTORY:
            raise InvalidSampling(
                f"first + rows - 1 is {first + rows - 1}, the number of a trajectory must be at most 2^64 - 2"
            )
        counter = np.array([first, window, channel, 0], dtype=np.uint64)
        # NumPy's documentation promises that any ISeedSequence will do; its annotation has forgotten it.
        generator = np.random.Philox(_Key(self.key), counter=counter)  # type: ignore[arg-type]
        words = generator.random_raw(STEPS_IN_WINDOW * rows)
        return _uniform(words).reshape(rows, STEPS_IN_WINDOW)


def _uniform(words: UInt64[Array, "k"]) -> Float[Array, "k"]:
    """Return ⌊word / 2^11⌋ · 2^−53 in the place of the words, which are gone."""
    uniform = words.view(np.float64)
    # Below 2^53 signed and unsigned agree, and processors turn the signed ones into doubles.
    whole = words.view(np.int64)
    for first in range(0, words.size, _WORDS_AT_ONCE):
        part = slice(first, first + _WORDS_AT_ONCE)
        words[part] >>= _SPARE_BITS
        uniform[part] = whole[part]
        uniform[part] *= _UNIT
    return uniform
