"""The document against its JSON Schema, and the shapes of its arrays, which JSON Schema cannot say."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from pgverify.errors import InvalidFile
from pgverify.validation import shortened

SCHEMA = "pgverify-cases"
VERSION = 1

LONGEST_COMPLAINT = 160
"""Characters of what the schema says of an entry, which may quote all of a table."""

SIZES = {"S": "num_states", "A": "num_actions", "d": "num_parameters", "T": "num_steps"}

_TRAJECTORIES = {
    "states": "n U",
    "actions": "n T",
    "rewards": "n T",
    "mask": "n T",
    "lengths": "n",
    "terminated": "n",
    "truncated": "n",
    "values": "n U",
    "log_probs": "n T",
}

PROBLEM = {
    "dynamics.start": "S",
    "dynamics.transition": "S A S",
    "dynamics.reward": "S A S",
    "dynamics.terminal": "S",
    "policy.probabilities": "S A",
    "policy.score": "S A d",
    "objective.discount": "",
    "exact.expected_return": "",
    "exact.gradient": "d",
    "exact.hessian": "d d",
    "exact.fisher": "d d",
    "exact.state_values": "U S",
    "exact.action_values": "T S A",
    "exact.occupancy": "T S",
    "baselines.none": "U S",
    "baselines.constant": "U S",
    "baselines.state": "U S",
    "baselines.value": "U S",
    **{f"batch.{name}": shape for name, shape in _TRAJECTORIES.items()},
}
POLICIES = {
    "softmax": {"policy.logits": "S A"},
    "linear_softmax": {"policy.features": "S A d", "policy.weights": "d"},
}
LISTING = {**{f"listing.{name}": shape for name, shape in _TRAJECTORIES.items()}, "listing.probabilities": "n"}
ESTIMATOR = {"weights": "n T", "gradients": "n d"}
MOMENTS = {"mean": "d", "covariance": "d d"}
"""By field, the axes: S states, A actions, d parameters, T steps, U = T + 1, n trajectories of the block."""


def require_document(document: Any) -> None:
    """Refuse what is no such document: a missing field, an array of the wrong shape, a number that is not finite."""
    require_kind(document)
    problems = _list("problems", document)
    for index, problem in enumerate(problems):
        where = f"problems[{index}]"
        sizes = {axis: _count(where, name, problem) for axis, name in SIZES.items()}
        sizes["U"] = sizes["T"] + 1
        sizes["n"] = _count(where, "batch.count", problem)
        kind = _find(where, "policy.kind", problem)
        if not isinstance(kind, str) or kind not in POLICIES:
            raise InvalidFile(f"{where}.policy.kind is {kind!r}, must be {' or '.join(POLICIES)}")
        _require(where, problem, {**PROBLEM, **POLICIES[kind]}, sizes)
        if _find(where, "listing", problem) is not None:
            _require(where, problem, LISTING, {**sizes, "n": _count(where, "listing.count", problem)})
        for number, estimator in enumerate(_list("estimators", problem, f"{where}.")):
            here = f"{where}.estimators[{number}]"
            _require(here, estimator, ESTIMATOR, sizes)
            if _find(here, "mean", estimator) is not None:
                _require(here, estimator, MOMENTS, sizes)
    require_schema(document)


def require_schema(document: Any) -> None:
    """Refuse whatever the JSON Schema refuses that readers in other languages are given, by its own words."""
    from jsonschema import Draft202012Validator  # imported late: only who reads golden cases needs it

    schema = json.loads((files("pgverify.cases") / "schema.json").read_text(encoding="utf-8"))
    for error in Draft202012Validator(schema).iter_errors(document):
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        said = shortened(" ".join(error.message.split()), LONGEST_COMPLAINT)
        raise InvalidFile(f"{where.lstrip('.') or 'the document'} is damaged: {said}, as schema.json says")


def require_kind(document: Any) -> None:
    """Refuse another schema or version first: its fields may rightly differ."""
    if not isinstance(document, dict):
        raise InvalidFile(f"holds a {type(document).__name__}, must be a JSON object")
    for name, allowed in (("schema", SCHEMA), ("version", VERSION)):
        value = document.get(name)
        # True == 1 in Python, not in a file format
        if type(value) is not type(allowed) or value != allowed:
            raise InvalidFile(
                f"{name} is {value!r:.60}, must be {allowed!r}; write the file again: pgverify cases export"
            )


def _find(where: str, path: str, owner: Any) -> Any:
    value = owner
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise InvalidFile(f"{where}.{path} is missing, must be there in version {VERSION}")
        value = value[name]
    return value


def _count(where: str, path: str, owner: Any) -> int:
    value = _find(where, path, owner)
    if type(value) is not int or value < 1:
        raise InvalidFile(f"{where}.{path} is {value!r:.60}, must be an integer of at least 1")
    return value


def _list(name: str, owner: dict[str, Any], where: str = "") -> list[Any]:
    value = owner.get(name)
    if not isinstance(value, list) or not value:
        raise InvalidFile(f"{where}{name} is {value!r:.60}, must be a list with at least one entry")
    return value


def _require(where: str, owner: Any, fields: Mapping[str, str], sizes: Mapping[str, int]) -> None:
    for path, axes in fields.items():
        shape = tuple(sizes[axis] for axis in axes.split())
        if not _fits(_find(where, path, owner), shape):
            wanted = f"[{', '.join(axes.split())}] = {list(shape)} finite numbers" if shape else "a finite number"
            raise InvalidFile(f"{where}.{path} is damaged, must be {wanted.replace('U', 'T+1')}")


def _fits(value: Any, shape: tuple[int, ...]) -> bool:
    if not shape:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, list) and len(value) == shape[0] and all(_fits(row, shape[1:]) for row in value)
