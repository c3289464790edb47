"""`pgverify variance`: what the library reports, printed and on a page; a sentence where the call was wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_calls import call

import pgverify as pgv


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes longest and is looked at elsewhere."""
    monkeypatch.setattr("pgverify.variance.page.write_page", lambda _, path: path)


def test_the_page_and_the_table_are_those_of_the_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], unchecked_shapes: None
) -> None:
    page = tmp_path / "report.html"
    code, out, err = call(
        capsys, "variance", "two-state-chain", "--horizon", "4", "--discount", "0.5", "--out", str(page)
    )
    assert code == 0
    assert err.startswith("pgverify: reading the problem")
    problem = pgv.Problem(
        pgv.mdps.get("two-state-chain"), pgv.SoftmaxPolicy(np.zeros((2, 2))), pgv.FiniteHorizon(4, 0.5)
    )
    report = pgv.variance_report(problem)
    assert report.recommendation in out
    assert out.startswith("two-state-chain, T = 4, γ = 0.5, uniform policy (exact)")
    assert f"Page: {page}" in out
    heading, _, rest = report.recommendation.partition(" than reward-to-go, ")
    written = page.read_text(encoding="utf-8")
    assert f"{heading[1:]} than reward-to-go</h1>" in written
    assert rest in written
    assert (tmp_path / "report-tables" / "estimators.csv").is_file()


def test_json_has_every_digit_and_options_arrive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_page: None
) -> None:
    logits = np.array([[0.3, -0.2], [1.0, 0.5]])
    np.savez(tmp_path / "policy.npz", logits=logits)
    options = ("--horizon", "3", "--policy", str(tmp_path / "policy.npz"), "--error", "0.1", "--batch-size", "7")
    code, out, _ = call(capsys, "variance", "two-state-chain", *options, "--json", "--out", str(tmp_path / "a.html"))
    assert code == 0
    problem = pgv.Problem(pgv.mdps.get("two-state-chain"), pgv.SoftmaxPolicy(logits), pgv.FiniteHorizon(3))
    table = pgv.variance_report(problem, relative_error=0.1, batch_size=7).table
    rows = json.loads(out)["tables"]["estimators"]
    assert [row["trace"] for row in rows] == list(table["trace"])
    assert [row["cosine"] for row in rows] == list(table["cosine"])
    assert [row["trajectories"] for row in rows] == list(table["trajectories"])


@pytest.mark.parametrize("kind", ["logits.json", "logits.npy", "linear.json", "linear.npz"])
def test_policy_files(kind: str, tmp_path: Path) -> None:
    from pgverify.cli.policy_file import read_policy

    mdp = pgv.mdps.get("two-state-chain")
    rng = np.random.default_rng(1)
    logits, features, weights = rng.normal(size=(2, 2)), rng.normal(size=(2, 2, 3)), rng.normal(size=3)
    path = tmp_path / kind
    match kind:
        case "logits.json":
            path.write_text(json.dumps({"logits": logits.tolist()}))
        case "logits.npy":
            np.save(path, logits)
        case "linear.json":
            path.write_text(json.dumps({"features": features.tolist(), "weights": weights.tolist()}))
        case _:
            np.savez(path, features=features, weights=weights)
    expected = pgv.SoftmaxPolicy(logits) if "logits" in kind else pgv.LinearSoftmaxPolicy(features, weights)
    assert (read_policy(path, mdp).probabilities() == expected.probabilities()).all()


def test_a_gymnasium_table(tmp_path: Path, capsys: pytest.CaptureFixture[str], no_page: None) -> None:
    pytest.importorskip("gymnasium")
    page = str(tmp_path / "lake.html")
    code, out, _ = call(capsys, "variance", "--env", "FrozenLake-v1", "--horizon", "5", "--out", page)
    assert code == 0
    assert out.startswith("FrozenLake-v1, T = 5")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--horizon", "3"), "either MDP"),
        (("river-swim", "--env", "FrozenLake-v1", "--horizon", "3"), "either MDP"),
        (("river-swim",), "no objective is given"),
        (("river-swin", "--horizon", "3"), "river-swim"),
        (("river-swim", "--horizon", "3", "--out", "nowhere/page.html"), "a folder that exists"),
        (("river-swim", "--horizon", "3", "--policy", "none.npz"), "none.npz cannot be read"),
        (("river-swim", "--horizon", "3", "--batch-size", "1"), "batch_size is 1"),
        (("river-swim", "--horizon", "3", "--error", "2"), "relative_error is 2"),
        (("river-swim", "--average"), "max_steps is None"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "variance", *arguments)
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert not list(tmp_path.glob("*.html"))
