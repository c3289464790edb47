"""Problems as JSON files: lossless, sparse, and refused in one sentence when damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Bool, Float

from pgverify.errors import InvalidFile, InvalidMDP, TooLarge
from pgverify.mdp import TabularMDP
from pgverify.validation import Array, shortened

FORMAT = "pgverify-mdp"
VERSION = 1
REQUIRED = ("format", "version", "num_states", "num_actions", "start", "terminal", "transitions")
OPTIONAL = ("noise",)
LARGEST_TABLE = 2**28
"""Entries of one dense [S, A, S] table: 2 GiB of float64, several of which are needed."""


def save(mdp: TabularMDP, path: str | PathLike[str]) -> None:
    """Write a problem to a JSON file.

    `transitions` lists [state, action, next state, probability, reward] for every entry that is not plain
    zero, `noise` [state, action, next state, standard deviation], `terminal` the terminal states, `start` all
    of p(s).

    Guaranteed: `load` gives back every table bit for bit, negative zeros and rewards on impossible
    transitions included; the same problem always gives the same bytes.

    Parameters
    ----------
    mdp : TabularMDP
        The problem.
    path : str or path
        Overwritten if it exists; its folder must exist.

    Raises
    ------
    InvalidFile
        When the file cannot be written.
    """
    noted = _not_plain_zero(mdp.transition) | _not_plain_zero(mdp.reward)
    listed = _rows(noted, mdp.transition, mdp.reward)
    noisy = _rows(_not_plain_zero(mdp.reward_noise), mdp.reward_noise)
    text = "\n".join(
        (
            "{",
            f' "format": "{FORMAT}",',
            f' "version": {VERSION},',
            f' "num_states": {mdp.num_states},',
            f' "num_actions": {mdp.num_actions},',
            f' "start": {json.dumps(mdp.start.tolist())},',
            f' "terminal": {json.dumps(np.flatnonzero(mdp.terminal).tolist())},',
            f' "transitions": {_lines(listed)},',
            f' "noise": {_lines(noisy)}',
            "}\n",
        )
    )
    try:
        Path(path).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as reason:
        raise InvalidFile(f"{path} cannot be written: {reason}") from None


def load(path: str | PathLike[str]) -> TabularMDP:
    """Read a problem that `save` wrote, or anybody else in the same format.

    Parameters
    ----------
    path : str or path
        A JSON object with the fields `format` ("pgverify-mdp"), `version` (1), `num_states`, `num_actions`,
        `start`, `terminal`, `transitions` and, optionally, `noise`; see `save`.

    Raises
    ------
    InvalidFile
        The file is missing, is not JSON (with the line), or a field is missing, unknown or wrong.
    InvalidMDP
        The fields are well formed but the tables are not an MDP; the message starts with the path.
    TooLarge
        The dense tables would exceed 2^28 entries each.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as reason:
        raise InvalidFile(f"{path} cannot be read: {reason}") from None
    try:
        return _read(_parse(text))
    except (InvalidFile, InvalidMDP, TooLarge) as reason:
        raise type(reason)(f"{path}: {reason}") from None


def _not_plain_zero(table: Float[Array, "S A S"]) -> Bool[Array, "S A S"]:
    """Return where a table differs from +0.0 in any bit, which -0.0 does."""
    noted: Bool[Array, "S A S"] = (table != 0.0) | np.signbit(table)
    return noted


def _rows(where: Bool[Array, "S A S"], *tables: Float[Array, "S A S"]) -> list[list[int | float]]:
    columns = [column.tolist() for column in np.nonzero(where)] + [table[where].tolist() for table in tables]
    return [list(row) for row in zip(*columns, strict=True)]


def _lines(rows: list[list[int | float]]) -> str:
    """Write one row a line, so that files compare well."""
    return "[\n  " + ",\n  ".join(json.dumps(row) for row in rows) + "\n ]" if rows else "[]"


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates)
    except InvalidFile:
        raise
    except json.JSONDecodeError as reason:
        raise InvalidFile(f"line {reason.lineno} is not JSON: {reason.msg} at column {reason.colno}") from None
    except RecursionError:
        raise InvalidFile("is nested too deeply, must be one object of lists of rows") from None
    except ValueError as reason:  # Python refuses integers of thousands of digits
        raise InvalidFile(f"holds a number that cannot be read: {reason}") from None


def _refuse_constant(token: str) -> NoReturn:
    raise InvalidFile(f"holds {token}, every number must be finite")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise InvalidFile(f"field {key!r} is given twice, must be given once")
        seen[key] = value
    return seen


def _read(data: Any) -> TabularMDP:
    if not isinstance(data, dict):
        raise InvalidFile(f"holds {_as_json(data)}, must be a JSON object with the fields {', '.join(REQUIRED)}")
    _check_fields(data)
    states = _integer("num_states", data["num_states"], 1, LARGEST_TABLE)
    actions = _integer("num_actions", data["num_actions"], 1, LARGEST_TABLE)
    begin = _list("start", data["start"])
    if len(begin) != states:
        raise InvalidFile(f"start has {len(begin)} entries, must have num_states = {states}")
    start = [_number(f"start[{i}]", value) for i, value in enumerate(begin)]
    ends = [
        _integer(f"terminal[{i}]", value, 0, states - 1) for i, value in enumerate(_list("terminal", data["terminal"]))
    ]
    rows = _list("transitions", data["transitions"])
    if len(rows) < states * actions:
        raise InvalidFile(
            f"transitions has {len(rows)} rows, must have at least one for each of num_states * num_actions "
            f"= {states * actions} pairs"
        )
    if states * actions * states > LARGEST_TABLE:
        raise TooLarge(f"the table [S, A, S] has {states * actions * states} entries, at most {LARGEST_TABLE} allowed")
    transition, reward, noise = np.zeros((3, states, actions, states))
    for index, values in _entries("transitions", rows, (states, actions, states), ("probability", "reward")):
        transition[index], reward[index] = values
    noise_rows = _list("noise", data.get("noise", []))
    for index, values in _entries("noise", noise_rows, (states, actions, states), ("standard deviation",)):
        noise[index] = values[0]
    terminal = np.zeros(states, dtype=bool)
    terminal[ends] = True
    return TabularMDP(start, transition, reward, terminal, noise)


def _check_fields(data: dict[str, Any]) -> None:
    """Refuse another format or version first: its fields may rightly differ."""
    for name, allowed in (("format", FORMAT), ("version", VERSION)):
        if name not in data:
            raise InvalidFile(f"field {name!r} is missing, must be {allowed!r}")
        # True == 1 in Python, not in a file format
        if type(data[name]) is not type(allowed) or data[name] != allowed:
            raise InvalidFile(f"{name} is {_as_json(data[name])}, must be {allowed!r}")
    for name in REQUIRED:
        if name not in data:
            raise InvalidFile(f"field {name!r} is missing, required are {', '.join(REQUIRED)}")
    for name in data:
        if name not in REQUIRED + OPTIONAL:
            near = get_close_matches(name, REQUIRED + OPTIONAL, n=1) or [", ".join(REQUIRED + OPTIONAL)]
            raise InvalidFile(f"field {_as_json(name)} is unknown, allowed is {near[0]}")


def _entries(
    field: str, rows: list[Any], shape: tuple[int, int, int], values: tuple[str, ...]
) -> Iterator[tuple[tuple[int, int, int], list[float]]]:
    """Yield index and values of each row, checked."""
    names = ("state", "action", "next state")
    seen: set[tuple[int, int, int]] = set()
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 3 + len(values):
            raise InvalidFile(f"{field}[{i}] is {_as_json(row)}, must be [{', '.join(names + values)}]")
        s, a, t = (
            _integer(f"{field}[{i}], {name},", value, 0, size - 1)
            for name, value, size in zip(names, row[:3], shape, strict=True)
        )
        if (s, a, t) in seen:
            raise InvalidFile(f"{field}[{i}] repeats ({', '.join(names)}) = {(s, a, t)}, each may be listed once")
        seen.add((s, a, t))
        yield (
            (s, a, t),
            [_number(f"{field}[{i}], {name},", value) for name, value in zip(values, row[3:], strict=True)],
        )


def _list(field: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidFile(f"{field} is {_as_json(value)}, must be a list")
    return value


def _integer(field: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidFile(f"{field} is {_as_json(value)}, must be an integer in {low}..{high}")
    return value


def _number(field: str, value: Any) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:  # an integer beyond the largest float
        pass
    raise InvalidFile(f"{field} is {_as_json(value)}, must be a finite number")


def _as_json(value: Any) -> str:
    return shortened(json.dumps(value))
