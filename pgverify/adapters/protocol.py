"""The messages between pgverify and a program in any language; docs/protocol.md is the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.program import MalformedAnswer, ReportedError
from pgverify.errors import InvalidInput, InvalidObjective, TooLarge
from pgverify.exact.solution import solve
from pgverify.policies import Policy
from pgverify.policies.protocol import dense_score
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, shortened

VERSION = 1

LARGEST_TABLE = 1_000_000
"""Entries of the dense score [S, A, d] that are sent with every request: some megabytes of text."""

LARGEST_SEED = 2**53
"""Seeds stay below it: every JSON reader can hold them, also one that knows no numbers but doubles."""


PRINTF = re.compile(r"-?nan(\([^)]*\))?|inf(inity)?", re.IGNORECASE)
"""How C and its relatives print what is not a number, or infinite."""


class Requests:
    """Writes requests; the policy's part, the longest, is written once for as long as the policy stays the same."""

    def __init__(self) -> None:
        self._count = 0
        self._policy: Policy | None = None
        self._theta = b""
        self._text = ""

    def write(self, kind: str, policy: Policy, fields: Mapping[str, Any]) -> tuple[int, bytes]:
        """Return a new identifier and the request's line, compact, with every digit of every number.

        Parameters
        ----------
        kind : "gradient", "weights" or "sampler"
        policy : Policy
        fields : arrays and numbers by name, as `batch_fields` or `problem_fields` give them

        Raises
        ------
        InvalidInput
            When a number is NaN or infinite, which JSON cannot say.
        TooLarge
            When the score of the policy has too many entries.
        """
        theta = np.asarray(policy.parameters).tobytes()
        if policy is not self._policy or theta != self._theta:
            self._text = _members(_policy_fields(policy))
            self._policy, self._theta = policy, theta
        self._count += 1
        header = _members({"version": VERSION, "id": self._count, "kind": kind})
        return self._count, f"{{{header},{_members(fields)},{self._text}}}\n".encode()


def batch_fields(batch: Trajectories) -> dict[str, Any]:
    """Return what a request says about a batch of trajectories."""
    return {
        "num_trajectories": len(batch),
        "num_steps": batch.num_steps,
        "discount": batch.discount,
        "states": batch.states,
        "actions": batch.actions,
        "rewards": batch.rewards,
        "mask": batch.mask.astype(int),
        "lengths": batch.lengths,
        "terminated": batch.terminated.astype(int),
        "truncated": batch.truncated.astype(int),
        "values": batch.values,
        "log_probs": batch.log_probs,
        "step_scale": batch.step_scale,
        "gain": batch.gain,
    }


def problem_fields(problem: Problem, num_trajectories: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return what a request says about a problem from which the program draws its own trajectories.

    Raises
    ------
    InvalidObjective
        When the objective has no horizon, or a bonus.
    """
    if not isinstance(problem.objective, FiniteHorizon):
        raise InvalidObjective(f"objective is {problem.objective!r}, must be a FiniteHorizon for a sampling program")
    lists = problem.mdp.successors
    return {
        "num_trajectories": num_trajectories,
        "seed": int(rng.integers(LARGEST_SEED)),
        "horizon": problem.objective.horizon,
        "discount": problem.objective.discount,
        "start": problem.mdp.start,
        "transition": lists.dense,
        "reward": lists.spread(solve(problem).chain.reward),  # with a bonus of the objective
        "reward_noise": lists.spread(problem.mdp.noise),
        "terminal": problem.mdp.terminal.astype(int),
    }


def read_answer(line: bytes, number: int) -> Float[Array, "..."]:
    """Return the value of the answer to request `number`, as float64; its shape is for the caller to judge.

    NaN and infinity come through as they are, in the spelling of JSON writers (NaN, Infinity, null) and of printf
    (nan, -inf).

    Raises
    ------
    MalformedAnswer
        When the line is no answer to that request.
    ReportedError
        When the program answered with an error.
    """
    shown = shortened(line.decode(errors="replace").strip())
    answer = _parse(line)
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"it answered {shown!r}, must be one line with a JSON object and nothing else")
    reported = "error" in answer and "value" not in answer
    # A program that could not read the request cannot name it.
    for name, expected in (("version", VERSION), ("id", number)):
        found = answer.get(name, expected if reported else None)
        if type(found) is not int or found != expected:
            raise MalformedAnswer(f"it answered {shown!r}, where {name} must be {expected}")
    if reported:
        raise ReportedError(f"it answered with the error {shortened(str(answer['error']), 120)!r}")
    if "value" not in answer or "error" in answer:
        raise MalformedAnswer(f'it answered {shown!r}, must hold either "value" or "error"')
    try:
        numbers = np.array(answer["value"], dtype=object)
        if all(entry is None or type(entry) in (int, float) for entry in numbers.flat):
            return numbers.astype(np.float64)  # None, the null of a NaN, becomes NaN
    except (ValueError, OverflowError):  # ragged lists, or an integer beyond the largest double
        pass
    raise MalformedAnswer(f"it answered {shown!r}, where value must be a list of numbers, or of such lists as long")


def _policy_fields(policy: Policy) -> dict[str, Any]:
    probabilities = policy.probabilities()
    states, actions = probabilities.shape
    size = policy.parameters.size
    if states * actions * size > LARGEST_TABLE:
        raise TooLarge(
            f"the score has {states} x {actions} x {size} entries, at most {LARGEST_TABLE} are sent to a program; "
            "give smaller problems"
        )
    fields = {
        "num_states": states,
        "num_actions": actions,
        "num_parameters": size,
        "parameters": policy.parameters,
        "probabilities": probabilities,
        "score": dense_score(policy),
    }
    features = getattr(policy, "features", None)  # of a linear softmax; the tabular one has one for every logit
    if features is not None:
        fields["features"] = features
    return fields


def _members(fields: Mapping[str, Any]) -> str:
    """Return the inside of a JSON object; Python writes the shortest text that reads back to the same double."""
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in fields.items()}
    try:
        return json.dumps(plain, separators=(",", ":"), allow_nan=False)[1:-1]
    except ValueError:
        for name, value in fields.items():
            if not isinstance(value, str) and not np.isfinite(value).all():
                raise InvalidInput(f"{name} holds NaN or infinity, must be finite to be sent to a program") from None
        raise


def _parse(line: bytes) -> Any:
    """Return what the line says, or None where it is not JSON."""
    text = line.decode(errors="replace")
    with suppress(ValueError, RecursionError):  # integers of thousands of digits included
        return json.loads(text)
    with suppress(ValueError, RecursionError):
        return json.loads(PRINTF.sub(lambda found: "Infinity" if found[0][0] in "iI" else "NaN", text))
    return None
