"""Shapes and types are checked at run time in every test, and every property test is deterministic."""

from __future__ import annotations

import gc
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from import_hook import install
from jaxtyping import config as jaxtyping_config

# The hook rewrites modules as they are imported, so none may have been imported before it. Spawned workers do not
# load this file: they run the code as users do, unchecked.
install("pgverify")

settings.register_profile(
    "pgverify",
    derandomize=True,  # the same examples on every run: a test that passes today passes tomorrow
    database=None,
    deadline=None,  # a slow machine is not a failure
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("pgverify")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in what a shell starts in the background: tests of Ctrl-C, and what they start, must be able to hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Let the run-time checks look at a random item of a sequence, which Hypothesis takes for a strategy's doing."""
    config.addinivalue_line("filterwarnings", "ignore:Do not use the `random` module inside strategies")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow_tests.txt, a list of measured times, as slow."""
    listed = set((Path(__file__).parent / "slow_tests.txt").read_text(encoding="utf-8").splitlines())
    for item in items:
        if item.nodeid in listed:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are collected, and none of them afterwards: that is a tenth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        # Generators of random numbers are looked for among all that the collector knows, which need not be every test.
        gc.freeze()
        gc.enable()


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """Turn the run-time checks off: for the code's own refusal of a wrong shape, and for long loops."""
    before = jaxtyping_config.jaxtyping_disable
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", before)
