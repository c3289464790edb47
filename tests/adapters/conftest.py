"""Programs are started by a fixture that ends them, whatever becomes of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from program_commands import FAULTY, LONG, PROBLEMS

import pgverify as pgv
from pgverify.adapters.process import ExternalProgram, from_command
from pgverify.exact import enumerate_trajectories


@pytest.fixture
def run() -> Iterator[Callable[..., ExternalProgram]]:
    """Return from_command; what it starts is ended afterwards."""
    started: list[ExternalProgram] = []

    def start(argv: str | list[str], *rest: object, **settings: object) -> ExternalProgram:
        started.append(from_command(argv, *rest, **{"time_limit": LONG, **settings}))
        return started[-1]

    yield start
    for program in started:
        program.close()


@pytest.fixture
def faulty(run: Callable[..., ExternalProgram]) -> Callable[..., ExternalProgram]:
    return lambda fault, detail="", **settings: run([*FAULTY, fault, detail], **settings)


@pytest.fixture(scope="module")
def batch() -> pgv.Trajectories:
    return enumerate_trajectories(PROBLEMS["early-stop"])[0]
