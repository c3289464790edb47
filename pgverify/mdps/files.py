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

from pgverify.errors import InvalidFile, InvalidMDP
from pgverify.kinds import PATH, accepts
from pgverify.mdp import MDP, TabularMDP
from pgverify.regular_files import text_of
from pgverify.validation import Array, shortened

FORMAT = "pgverify-mdp"
VERSION = 1
REQUIRED = ("format", "version", "num_states", "num_actions", "start", "terminal", "transitions")
OPTIONAL = ("noise", "sparse")
LARGEST_TABLE = 2**28
"""Entries of one dense [S, A, S] table: 2 GiB of float64, several of which are needed; larger ones are kept sparse."""


@accepts(mdp=MDP, path=PATH)
def save(mdp: TabularMDP, path: str | PathLike[str]) -> None:
    """Write a problem to a JSON file.

    `transitions` lists [state, action, next state, probability, reward] for every entry that is not plain
    zero, `noise` [state, action, next state, standard deviation], `terminal` the terminal states, `start` all
    of p(s). A problem given by sparse tables says so (`sparse`), and is loaded as one.

    Guaranteed: `load` gives back every table bit for bit, negative zeros and rewards on impossible
    transitions included (of a sparse problem, what is on possible ones); the same problem always gives the same bytes.

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
    listed, noisy = _sparse_rows(mdp) if mdp.sparse else _dense_rows(mdp)
    text = "\n".join(
        (
            "{",
            f' "format": "{FORMAT}",',
            f' "version": {VERSION},',
            f' "num_states": {mdp.num_states},',
            f' "num_actions": {mdp.num_actions},',
            *([' "sparse": true,'] if mdp.sparse else []),
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


@accepts(path=PATH)
def load(path: str | PathLike[str]) -> TabularMDP:
    """Read a problem that `save` wrote, or anybody else in the same format.

    Parameters
    ----------
    path : str or path
        A JSON object with the fields `format` ("pgverify-mdp"), `version` (1), `num_states`, `num_actions`,
        `start`, `terminal`, `transitions` and, optionally, `noise` and `sparse`; see `save`. Tables that would have
        more than 2^28 entries each are kept sparse whatever the file says.

    Raises
    ------
    InvalidFile
        The file is missing, is not JSON (with the line), or a field is missing, unknown or wrong.
    InvalidMDP
        The fields are well formed but the tables are not an MDP; the message starts with the path.
    """
    try:
        text = text_of(path)
    except (OSError, ValueError) as reason:
        raise InvalidFile(f"{path} cannot be read: {reason}") from None
    try:
        return _read(_parse(text))
    except (InvalidFile, InvalidMDP) as reason:
        raise type(reason)(f"{path}: {reason}") from None


def _dense_rows(mdp: TabularMDP) -> tuple[list[list[int | float]], list[list[int | float]]]:
    noted = _not_plain_zero(mdp.transition) | _not_plain_zero(mdp.reward)
    listed = _rows(np.nonzero(noted), mdp.transition[noted], mdp.reward[noted])
    noisy = _not_plain_zero(mdp.reward_noise)
    return listed, _rows(np.nonzero(noisy), mdp.reward_noise[noisy])


def _sparse_rows(mdp: TabularMDP) -> tuple[list[list[int | float]], list[list[int | float]]]:
    lists = mdp.successors
    found = []
    for noted, tables in ((lists.weight > 0, (lists.weight, mdp.paid)), (mdp.noise > 0, (mdp.noise,))):
        state, action, _ = np.nonzero(noted)
        found.append(_rows((state, action, lists.successor[noted]), *(table[noted] for table in tables)))
    return found[0], found[1]


def _not_plain_zero(table: Float[Array, "S A S"]) -> Bool[Array, "S A S"]:
    """Return where a table differs from +0.0 in any bit, which -0.0 does."""
    noted: Bool[Array, "S A S"] = (table != 0.0) | np.signbit(table)
    return noted


def _rows(index: tuple[Array, ...], *values: Float[Array, "m"]) -> list[list[int | float]]:
    columns = [column.tolist() for column in (*index, *values)]
    return [list(row) for row in zip(*columns, strict=True)]


def _lines(rows: list[list[int | float]]) -> str:
    """Write one row a line, so that files compare well."""
    return "[\n  " + ",\n  ".join(json.dumps(row) for row in rows) + "\n ]" if rows else "[]"


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=_refuse_duplicates)
    except InvalidFile:
        raise
    except json.JSONDecodeError as reason:
        raise InvalidFile(f"line {reason.lineno} is not JSON: {reason.msg} at column {reason.colno}") from None
    except RecursionError:
        raise InvalidFile("is nested too deeply, must be one object of lists of rows") from None
    except ValueError as reason:  # Python refuses integers of thousands of digits
        raise InvalidFile(f"holds a number that cannot be read: {reason}") from None


def refuse_constant(token: str) -> NoReturn:
    """Refuse NaN and infinity, which JSON does not know and `json` reads."""
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
        raise InvalidFile(f"holds {_shown(data)}, must be a JSON object with the fields {', '.join(REQUIRED)}")
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
    shape = (states, actions, states)
    listed = list(_entries("transitions", rows, shape, ("probability", "reward")))
    noisy = list(_entries("noise", _list("noise", data.get("noise", [])), shape, ("standard deviation",)))
    terminal = np.zeros(states, dtype=bool)
    terminal[ends] = True
    sparse = data.get("sparse", False)
    if not isinstance(sparse, bool):
        raise InvalidFile(f"sparse is {_shown(sparse)}, must be true or false")
    fill = _fill_sparse if sparse or states * actions * states > LARGEST_TABLE else _fill_dense
    transition, reward = (fill(shape, [(index, values[i]) for index, values in listed]) for i in (0, 1))
    return TabularMDP(start, transition, reward, terminal, fill(shape, [(index, value[0]) for index, value in noisy]))


def _fill_dense(shape: tuple[int, int, int], entries: list[tuple[tuple[int, int, int], float]]) -> Any:
    table = np.zeros(shape)
    for index, value in entries:
        table[index] = value
    return table


def _fill_sparse(shape: tuple[int, int, int], entries: list[tuple[tuple[int, int, int], float]]) -> Any:
    from scipy.sparse import coo_array  # imported late, as everywhere

    states, actions, _ = shape
    rows = [s * actions + a for (s, a, _), _ in entries]
    columns = [t for (_, _, t), _ in entries]
    return coo_array(([value for _, value in entries], (rows, columns)), shape=(states * actions, states))


def _check_fields(data: dict[str, Any]) -> None:
    """Refuse another format or version first: its fields may rightly differ."""
    for name, allowed in (("format", FORMAT), ("version", VERSION)):
        if name not in data:
            raise InvalidFile(f"field {name!r} is missing, must be {allowed!r}")
        # True == 1 in Python, not in a file format
        if type(data[name]) is not type(allowed) or data[name] != allowed:
            raise InvalidFile(f"{name} is {_shown(data[name])}, must be {allowed!r}")
    for name in REQUIRED:
        if name not in data:
            raise InvalidFile(f"field {name!r} is missing, required are {', '.join(REQUIRED)}")
    for name in data:
        if name not in REQUIRED + OPTIONAL:
            near = get_close_matches(name, REQUIRED + OPTIONAL, n=1) or [", ".join(REQUIRED + OPTIONAL)]
            raise InvalidFile(f"field {_shown(name)} is unknown, allowed is {near[0]}")


def _entries(
    field: str, rows: list[Any], shape: tuple[int, int, int], values: tuple[str, ...]
) -> Iterator[tuple[tuple[int, int, int], list[float]]]:
    """Yield index and values of each row, checked."""
    names = ("state", "action", "next state")
    seen: set[tuple[int, int, int]] = set()
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 3 + len(values):
            raise InvalidFile(f"{field}[{i}] is {_shown(row)}, must be [{', '.join(names + values)}]")
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
        raise InvalidFile(f"{field} is {_shown(value)}, must be a list")
    return value


def _integer(field: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidFile(f"{field} is {_shown(value)}, must be an integer in {low}..{high}")
    return value


def _number(field: str, value: Any) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:  # an integer beyond the largest float
        pass
    raise InvalidFile(f"{field} is {_shown(value)}, must be a finite number")


def _shown(value: Any) -> str:
    """Return the value as the file has it, not as Python prints it."""
    return shortened(json.dumps(value))
