"""The exact answers about one problem, as plain data and as tables for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from pgverify import exact, mdps
from pgverify.baselines import StateValue
from pgverify.errors import InvalidFile, InvalidObjective, InvalidPolicy
from pgverify.estimators import Estimator, GeneralizedAdvantage, RewardToGo, TotalReturn
from pgverify.mdp import TabularMDP
from pgverify.planning import plan
from pgverify.policies import SoftmaxPolicy
from pgverify.problem import AverageReward, FiniteHorizon, Objective, Problem
from pgverify.validation import require_shape

USUAL: Mapping[str, Estimator] = MappingProxyType(
    {
        "total return": TotalReturn(),
        "reward-to-go": RewardToGo(),
        "reward-to-go − V": RewardToGo(StateValue()),
        "GAE(0.95), critic V": GeneralizedAdvantage(0.95),
    }
)
"""The estimators whose variance is printed."""

MOST_STATES = 40
"""States in a printed table; JSON has all of them."""


def load_mdp(name_or_file: str) -> TabularMDP:
    """Return the problem of a file when it is one, or ends in .json; else of the zoo."""
    if name_or_file.endswith(".json") or Path(name_or_file).is_file():
        return mdps.load(name_or_file)
    return mdps.get(name_or_file)


def load_policy(path: Path | None, mdp: TabularMDP) -> SoftmaxPolicy:
    """Return the softmax policy whose logits [S, A] a JSON file holds; without a file, the uniform one.

    Raises
    ------
    InvalidFile
        When the file is missing, not JSON, or without "logits".
    InvalidPolicy
        When the logits are not [S, A] of the MDP.
    """
    shape = (mdp.num_states, mdp.num_actions)
    if path is None:
        return SoftmaxPolicy(np.zeros(shape))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as reason:
        raise InvalidFile(f'{path} cannot be read ({reason}), must be JSON with "logits" [S, A]') from None
    if not isinstance(content, dict) or "logits" not in content:
        raise InvalidFile(f'{path} has no "logits", must be JSON like {{"logits": [[0.0, 0.0], ...]}}')
    policy = SoftmaxPolicy(content["logits"])
    require_shape("logits", policy.logits, shape, "[S, A]", InvalidPolicy)
    return policy


def exact_answers(
    mdp: TabularMDP,
    policy: SoftmaxPolicy,
    objective: Objective,
    with_hessian: bool = False,
    with_moments: bool = False,
) -> dict[str, Any]:
    """Return J, its gradient [S, A], the gradient's norm, V [S] (at t = 0 for a horizon) as plain data.

    With moments, also the exact trace variance of the usual estimators and the trajectories each needs for a relative
    error of 5 % with 95 % confidence; a discounted problem is sampled with a random horizon.
    """
    problem = Problem(mdp, policy, objective)
    gradient = exact.gradient(problem)
    values = exact.values(problem).state
    answers: dict[str, Any] = {
        "objective": repr(objective),
        "expected_return": exact.expected_return(problem),
        "gradient": gradient.reshape(mdp.num_states, mdp.num_actions).tolist(),
        "gradient_norm": float(np.linalg.norm(gradient)),
        "state_values": (values[0] if isinstance(objective, FiniteHorizon) else values).tolist(),
    }
    if with_hessian:
        answers["hessian"] = exact.hessian(problem).tolist()
    if with_moments:
        answers["moments"] = [_moments(name, estimator, problem) for name, estimator in USUAL.items()]
    return answers


def _moments(name: str, estimator: Estimator, problem: Problem) -> dict[str, Any]:
    if isinstance(problem.objective, AverageReward):
        raise InvalidObjective(
            "--moments is given with --average, must go with --horizon or --discount: the length of a run of a "
            "continuing problem is the caller's choice; use pgverify.exact.moments(estimator, problem, max_steps=...)"
        )
    made = plan(estimator, problem)
    return {"estimator": name, "trace_variance": made.trace, "trajectories_for_5_percent": made.trajectories}


def print_answers(name: str, answers: dict[str, Any], as_json: bool) -> None:
    """Print to standard output, as JSON with every digit or as a table with eight."""
    if as_json:
        print(json.dumps({"mdp": name, **answers}))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    gradient = np.array(answers["gradient"])
    print(f"{name}, {answers['objective']}")
    print(f"J(θ)    {answers['expected_return']:.15g}")
    print(f"|∇J|    {answers['gradient_norm']:.15g}")
    if "hessian" in answers:
        eigenvalues = np.linalg.eigvalsh(np.array(answers["hessian"]))
        print(f"∇²J     eigenvalues from {eigenvalues[0]:.8g} to {eigenvalues[-1]:.8g}")
    if "moments" in answers:
        variances = Table(box=box.SIMPLE_HEAD)
        for heading in ("estimator", "tr Cov of one trajectory", "trajectories for 5 %"):
            variances.add_column(heading, justify="left" if heading == "estimator" else "right")
        for row in answers["moments"]:
            needed = row["trajectories_for_5_percent"]
            shown = "none suffices" if needed is None else f"{needed:,}"
            variances.add_row(row["estimator"], f"{row['trace_variance']:.8g}", shown)
        Console().print(variances)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("state", justify="right")
    table.add_column("V", justify="right")
    for action in range(gradient.shape[1]):
        table.add_column(f"∂J/∂θ(·,{action})", justify="right")
    for state, row in enumerate(gradient[:MOST_STATES]):
        table.add_row(str(state), f"{answers['state_values'][state]:.8g}", *(f"{g:.8g}" for g in row))
    Console().print(table)
    if len(gradient) > MOST_STATES:
        print(f"The first {MOST_STATES} of {len(gradient)} states; --json prints all.")
