"""A workload: one study, its cells with their seeds, and the fingerprint of everything they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgverify.beside import Dependencies, dependencies
from pgverify.errors import InvalidFile, InvalidInput, one_sentence
from pgverify.kinds import accepts, known_arguments
from pgverify.running.fingerprint import digest, fingerprint
from pgverify.running.rows import to_json
from pgverify.studies import Cell, Study, study_cells
from pgverify.validation import require_integer

LARGEST_SEED = 2**63 - 1
"""The largest integer SQLite holds."""


@known_arguments
@dataclass(frozen=True)
class Workload:
    """What is to be computed.

    Attributes
    ----------
    study : Study
    path : Path
        The study's file, absolute: a worker loads it from there.
    seed : int
    quick : bool
    cells : sequence of Cell
    source : str
        Hash of the study's file and the files beside it that it names.
    fingerprint : str
        Hash of everything the rows depend on.
    needs : Dependencies
        The study's file, and the files beside it that it names.
    """

    study: Study
    path: Path
    seed: int
    quick: bool
    cells: Sequence[Cell]
    source: str
    fingerprint: str
    needs: Dependencies


@accepts()
def make_workload(study: Study, path: Path, seed: int = 0, quick: bool = False) -> Workload:
    """Return the workload of a study.

    Raises
    ------
    InvalidInput
        When the seed is not an integer in [0, 2^63), or the study's grid is empty or malformed.
    """
    seed = require_integer("seed", seed, 0, InvalidInput)
    if seed > LARGEST_SEED:
        raise InvalidInput(f"seed is {seed}, must be at most {LARGEST_SEED}")
    needs = dependencies(path)
    cells = _cells(study, path, seed, quick)
    known = fingerprint(needs, seed, quick, [dict(cell.parameters) for cell in cells])
    return Workload(study, path.resolve(), seed, quick, cells, digest(to_json(needs.files)), known, needs)


def _cells(study: Study, path: Path, seed: int, quick: bool) -> list[Cell]:
    try:
        cells = study_cells(study, seed, quick)
    except Exception as reason:
        raise InvalidFile(f"{path}: the grid cannot be made: {one_sentence(reason)}") from reason
    if not cells:
        raise InvalidFile(f"{path}: cells(quick={quick}) is empty, a study needs at least one cell")
    for cell in cells:
        for name, value in cell.parameters.items():
            if not isinstance(value, str | int | float | bool):
                raise InvalidFile(
                    f"{path}: parameter {name!r} of cell {cell.index} is {type(value).__name__}, must be a "
                    "string, number or boolean"
                )
        try:
            to_json(dict(cell.parameters)).encode()
        except ValueError as reason:
            raise InvalidFile(
                f"{path}: the parameters of cell {cell.index} cannot be written down ({reason})"
            ) from None
    return cells


def spell(parameters: Mapping[str, object]) -> str:
    """Spell the parameters of a cell as they would be typed."""
    return ", ".join(f"{name}={value!r}" for name, value in parameters.items())
