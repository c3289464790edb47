from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgverify.errors import InvalidSampling
from pgverify.randomness import LAST_TRAJECTORY, STEPS_IN_WINDOW, Channel, Stream

WORD = 2**64 - 1
LITERALS = [
    [0.48837462266347, 0.26776219612087726, 0.704145998781675, 0.07630804305141681],
    [0.5840021188152271, 0.5401133760766877, 0.2748725706169196, 0.019253720372627847],
]
"""Seed 0, channel 1, window 2, trajectories 5 and 6."""


def philox(key: tuple[int, int], counter: tuple[int, int, int, int], rounds: int = 10) -> tuple[int, int, int, int]:
    """Philox4x64 as in Salmon et al. 2011, section 3.3, in Python's integers."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(rounds):
        a, b = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (b >> 64) ^ c1 ^ k0, b & WORD, (a >> 64) ^ c3 ^ k1, a & WORD
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & WORD, (k1 + 0xBB67AE8584CAA73B) & WORD
    return c0, c1, c2, c3


def expected(seed: int, channel: int, window: int, trajectory: int) -> list[float]:
    key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    block = philox((int(key[0]), int(key[1])), (trajectory + 1, window, channel, 0))
    return [(word >> 11) / 2**53 for word in block]


def test_the_plain_version_gives_the_published_answers() -> None:
    """Known answers of the authors' library Random123 (kat_vectors, philox4x64 10)."""
    assert philox((0, 0), (0, 0, 0, 0)) == (
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    )
    assert philox((WORD, WORD), (WORD, WORD, WORD, WORD)) == (
        0x87B092C3013FE90B,
        0x438C3C67BE8D0224,
        0x9CC7D7C69CD777B6,
        0xA09CAEBF594F0BA0,
    )


def test_the_numbers_are_these() -> None:
    """Literals, so that no change of NumPy, or of ours, goes unseen; the plain version gave them."""
    stream = Stream.of(0)
    assert stream.key.tolist() == [15793235383387715774, 12390638538380655177]
    numbers = stream.window(Channel.STEP, 2, 5, 2)
    assert numbers.tolist() == LITERALS
    assert [expected(0, 1, 2, 5), expected(0, 1, 2, 6)] == LITERALS


@given(
    seed=st.integers(0, 2**80),
    channel=st.sampled_from(Channel),
    window=st.one_of(st.integers(0, 100), st.integers(0, WORD)),
    first=st.one_of(st.integers(0, 100), st.integers(0, LAST_TRAJECTORY - 2)),
)
def test_equals_the_plain_version_bit_for_bit(seed: int, channel: Channel, window: int, first: int) -> None:
    numbers = Stream.of(seed).window(channel, window, first, 3)
    assert numbers.tolist() == [expected(seed, int(channel), window, first + i) for i in range(3)]


def test_the_plain_version_with_another_count_of_rounds_differs() -> None:
    """Negative control of the comparison above."""
    assert philox((1, 2), (3, 4, 5, 6), rounds=9) != philox((1, 2), (3, 4, 5, 6))


def test_equals_the_plain_version_beyond_the_words_converted_at_once() -> None:
    numbers = Stream.of(9).window(Channel.NOISE, 1, 0, 5000)
    assert [numbers[i].tolist() for i in (2047, 2048, 4999)] == [expected(9, 3, 1, i) for i in (2047, 2048, 4999)]


@pytest.mark.parametrize("chunk", [1, 7, 100])
@pytest.mark.parametrize("start", [0, 2**32 - 50, LAST_TRAJECTORY - 99])
def test_chunks_do_not_matter(chunk: int, start: int) -> None:
    stream = Stream.of(4)
    whole = stream.window(Channel.SURVIVAL, 3, start, 100)
    parts = [stream.window(Channel.SURVIVAL, 3, start + i, min(chunk, 100 - i)) for i in range(0, 100, chunk)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_the_order_of_calls_does_not_matter() -> None:
    stream, again = Stream.of(4), Stream.of(4)
    first = stream.window(Channel.START, 0, 0, 2)
    stream.window(Channel.STEP, 1, 7, 3)
    assert np.array_equal(stream.window(Channel.START, 0, 0, 2), first)
    assert np.array_equal(again.window(Channel.START, 0, 0, 2), first)


def test_no_block_is_shared() -> None:
    """At corners where a carry, or words exchanged, would make two counters equal."""
    trajectories = [0, 1, 2, 3, 2**32 - 1, 2**32, LAST_TRAJECTORY - 1, LAST_TRAJECTORY]
    windows = [0, 1, 2, 3, 4, 2**32, WORD]
    stream = Stream.of(11)
    blocks = [
        tuple(stream.window(channel, window, trajectory, 1)[0])
        for channel, window, trajectory in itertools.product(Channel, windows, trajectories)
    ]
    assert len(set(blocks)) == len(blocks) == 6 * 7 * 8
    assert len({number for block in blocks for number in block}) == 4 * len(blocks)


def test_seeds_differ() -> None:
    """Seeds beyond one and two words of 32 bits included: 2^32 is not 0 nor 1."""
    seeds = [0, 1, 2, 2**32 - 1, 2**32, 2**32 + 1, 2**64, 2**128, 10**60]
    assert len({tuple(Stream.of(seed).window(Channel.STEP, 0, 0, 1)[0]) for seed in seeds}) == len(seeds)


def test_one_never_occurs_and_zero_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extreme words, which no search would find: the generator is replaced by one that yields them."""
    words = np.array([0, 2**11 - 1, 2**11, WORD], dtype=np.uint64)

    class Extreme:
        def __init__(self, *arguments: object, **options: object) -> None: ...

        def random_raw(self, size: int) -> np.ndarray:
            return words[:size].copy()

    stream = Stream.of(0)
    monkeypatch.setattr(np.random, "Philox", Extreme)
    numbers = stream.window(Channel.STEP, 0, 0, 1)
    assert numbers.tolist() == [[0.0, 0.0, 2.0**-53, 1 - 2.0**-53]]


@pytest.mark.statistical
def test_the_numbers_are_uniform() -> None:
    """Means of 4 columns of 10^5 numbers, each within 5 of its standard deviations: false alarm below 3e-6."""
    numbers = Stream.of(2).window(Channel.STEP, 0, 0, 100_000)
    assert (np.abs(numbers.mean(axis=0) - 0.5) < 5 * np.sqrt(1 / 12 / 100_000)).all()


def test_no_trajectories_is_no_rows() -> None:
    assert Stream.of(0).window(Channel.STEP, 0, 5, 0).shape == (0, STEPS_IN_WINDOW)


def test_the_last_trajectory_has_numbers() -> None:
    numbers = Stream.of(0).window(Channel.STEP, 0, LAST_TRAJECTORY, 1)
    assert numbers.tolist() == [expected(0, 1, 0, 2**64 - 2)]


@pytest.mark.parametrize(
    ("window", "first", "rows", "message"),
    [
        (0, LAST_TRAJECTORY, 2, r"first \+ rows - 1 is 18446744073709551615, .* at most 2\^64 - 2"),
        (0, 2**70, 1, r"at most 2\^64 - 2"),
        (2**64, 0, 1, r"window is 18446744073709551616, must be an integer below 2\^64"),
        (-1, 0, 1, "window is -1"),
        (0, -1, 1, "first is -1"),
        (0, 0, -1, "rows is -1"),
    ],
)
def test_refuses_what_has_no_counter(window: int, first: int, rows: int, message: str) -> None:
    with pytest.raises(InvalidSampling, match=message):
        Stream.of(0).window(Channel.STEP, window, first, rows)


def test_refuses_a_negative_seed() -> None:
    with pytest.raises(InvalidSampling, match="seed is -1, must be an integer of at least 0"):
        Stream.of(-1)
