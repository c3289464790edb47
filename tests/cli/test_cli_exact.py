"""`pgverify exact`: what the library computes, printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_calls import call

import pgverify as pgv


def test_exact_prints_what_the_library_computes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mdp = pgv.mdps.get("two-state-chain")
    logits = np.array([[0.3, -0.2], [1.0, 0.5]])
    (tmp_path / "policy.json").write_text(json.dumps({"logits": logits.tolist()}))
    policy = ("--policy", str(tmp_path / "policy.json"))
    for flags, objective in (
        (("--horizon", "4"), pgv.FiniteHorizon(4, 1.0)),
        (("--horizon", "4", "--discount", "0.5"), pgv.FiniteHorizon(4, 0.5)),
        (("--discount", "0.9"), pgv.Discounted(0.9)),
        (("--average",), pgv.AverageReward()),
    ):
        problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(logits), objective)
        code, out, err = call(capsys, "exact", "two-state-chain", *flags, *policy, "--hessian", "--json")
        assert (code, err) == (0, "")
        answers = json.loads(out)
        assert answers["expected_return"] == pgv.exact.expected_return(problem)
        assert answers["gradient"] == pgv.exact.gradient(problem).reshape(2, 2).tolist()
        assert answers["hessian"] == pgv.exact.hessian(problem).tolist()
        values = pgv.exact.values(problem).state
        assert answers["state_values"] == (values[0] if values.ndim == 2 else values).tolist()
        code, out, err = call(capsys, "exact", "two-state-chain", *flags, *policy, "--hessian")
        assert f"{answers['expected_return']:.15g}" in out
        assert f"{answers['gradient'][1][0]:.8g}" in out


def test_exact_reads_a_saved_problem_and_is_uniform_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mdp = pgv.mdps.get("river-swim")
    pgv.mdps.save(mdp, tmp_path / "river.json")
    code, out, _ = call(capsys, "exact", str(tmp_path / "river.json"), "--horizon", "5", "--json")
    uniform = pgv.SoftmaxPolicy(np.zeros((mdp.num_states, mdp.num_actions)))
    expected = pgv.exact.expected_return(pgv.Problem(mdp, uniform, pgv.FiniteHorizon(5)))
    assert (code, json.loads(out)["expected_return"]) == (0, expected)


def test_exact_says_when_a_table_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "exact", "frozen-lake-8x8", "--horizon", "3")
    assert "The first 40 of 64 states; --json prints all." in out


def test_exact_prints_the_variance_of_the_usual_estimators(capsys: pytest.CaptureFixture[str]) -> None:
    """One step of a uniform three-armed bandit, r = (1, .7, 0), by hand.

    |ψ|² = 2/3 whatever is drawn, so E|g|² = (2/3) E r² = (2/3)(1.49/3); ∇J_a = (r_a − J)/3 with J = 1.7/3. With b = J:
    E|g|² = (2/3) Var r.
    """
    code, printed, _ = call(capsys, "exact", "three-armed-bandit", "--horizon", "1", "--moments", "--json")
    rows = {row["estimator"]: row for row in json.loads(printed)["moments"]}
    mean, square = 1.7 / 3, 1.49 / 3
    variance = square - mean**2
    norm = variance / 3  # |∇J|² = Σ (r_a − J)²/9 = 3 Var r/9
    assert code == 0
    assert rows["total return"]["trace_variance"] == pytest.approx(2 / 3 * square - norm, rel=1e-12)
    assert rows["reward-to-go − V"]["trace_variance"] == pytest.approx(2 / 3 * variance - norm, rel=1e-12)
    needed = rows["reward-to-go − V"]["trajectories_for_5_percent"]
    # χ²_ν/ν lies between its values for ν = 2 and ν = 1: the noise has two directions.
    assert 2.99 * 0.0585185 / (0.0025 * norm) < needed < 3.85 * 0.0585185 / (0.0025 * norm)
    code, _, error = call(capsys, "exact", "river-swim", "--average", "--moments")
    assert code == 2
    assert "--moments" in error
    assert call(capsys, "exact", "three-armed-bandit", "--horizon", "1", "--moments")[1].count("return") >= 1
