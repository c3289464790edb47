"""The command line: exit codes, one sentence for every wrong call, never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_studies import computed, write_study

import pgverify as pgv
from pgverify.cli import main
from pgverify.running import open_store
from pgverify.running.fingerprint import package_digest


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


WRONG = {
    "unknown command": ("frobnicate", "No such command"),
    "unknown option": ("exact river-swim --horizon 3 --frob", "--frob"),
    "horizon no number": ("exact river-swim --horizon many", "--horizon"),
    "no argument": ("exact", "Missing argument"),
    "unknown study": ("study run no-such-study", "unknown study 'no-such-study': the nearest known are"),
    "no study": ("study run", "takes either names or files of studies, or --all"),
    "names and all": ("study run x --all", "takes either names or files of studies, or --all"),
    "workers": (
        "study run {study} --workers 0 --out {out}",
        "workers is 0, must be an integer",
    ),
    "seed": ("study run {study} --seed -1 --out {out}", "seed is -1, must be an integer of at least 0"),
    "output is a file": ("study run {study} --out {file}", "must be a folder for output"),
    "no store": ("report {out}", "holds no results.sqlite"),
    "no store for status": ("study status {out}", "holds no results.sqlite"),
    "unknown MDP": (
        "exact rivr-swim --horizon 3",
        "'rivr-swim': the nearest known are river-swim",
    ),
    "missing MDP file": ("exact {out}/none.json --horizon 3", "none.json"),
    "damaged MDP file": ("exact {file} --horizon 3", "damaged.json"),
    "horizon 0": ("exact river-swim --horizon 0", "horizon is 0, must be an integer of at least 1"),
    "horizon -1": ("exact river-swim --horizon -1", "horizon is -1, must be an integer of at least 1"),
    "discount 1.5": ("exact river-swim --discount 1.5", "discount is 1.5, must be a number in [0, 1]"),
    "discount nan": (
        "exact river-swim --horizon 2 --discount nan",
        "discount is nan, must be a number",
    ),
    "discount 1": ("exact river-swim --discount 1", "discount is 1.0, must be below 1 without a horizon"),
    "no objective": ("exact river-swim", "give --horizon T, --discount G, both, or --average"),
    "two objectives": ("exact river-swim --average --horizon 2", "--average takes neither"),
    "periodic chain": ("exact {periodic} --average", "periodic"),
    "episodic average": ("exact frozen-lake-4x4 --average", "no state may be terminal"),
    "missing policy": ("exact river-swim --horizon 2 --policy {out}/p.json", "cannot be read"),
    "damaged policy": ("exact river-swim --horizon 2 --policy {file}", 'must be JSON with "logits" [S, A]'),
    "policy without logits": ("exact river-swim --horizon 2 --policy {empty}", 'has no "logits"'),
    "shape of logits": (
        "exact river-swim --horizon 2 --policy {shape}",
        "has shape (1, 2), must be [S, A]",
    ),
    "ragged logits": ("exact river-swim --horizon 2 --policy {ragged}", "logits must be an array of numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = {
        "file": ("damaged.json", '{"logits": [[1.0, '),
        "empty": ("empty.json", "{}"),
        "shape": ("shape.json", '{"logits": [[1.0, 2.0]]}'),
        "ragged": ("ragged.json", '{"logits": [[1.0], [2.0, 3.0]]}'),
    }
    places = {"out": str(tmp_path / "out"), "study": str(write_study(tmp_path))}
    for key, (file, text) in contents.items():
        (tmp_path / file).write_text(text)
        places[key] = str(tmp_path / file)
    periodic = pgv.TabularMDP([1.0, 0.0], [[[0.0, 1.0]], [[1.0, 0.0]]], [[1.0], [0.0]])
    pgv.mdps.save(periodic, tmp_path / "periodic.json")
    places["periodic"] = str(tmp_path / "periodic.json")

    line, message = WRONG[name]
    code, out, err = call(capsys, *line.format(**places).split())
    assert code == 2
    assert out == ""
    assert err.startswith("pgverify: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [(), ("study",), ("--help",), ("study", "run", "--help")])
def test_help_is_shown(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *arguments)
    assert code == 0
    assert "Usage" in out
    assert err == ""


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "--version") == (0, f"pgverify {pgv.__version__}\n", "")


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


def test_a_study_whose_claims_hold_exits_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    run = ("study", "run", str(write_study(tmp_path)), "--quick", "--workers", "1", "--out", str(out))
    code, printed, err = call(capsys, *run)
    assert (code, err) == (0, "")
    assert printed == f"tiny: 2 of 2 claims hold\nPage: {out / 'index.html'}\n"
    page = (out / "index.html").read_bytes()
    (out / "index.html").unlink()
    assert call(capsys, "report", str(out))[0] == 0
    assert (out / "index.html").read_bytes() == page
    assert call(capsys, "study", "status", str(out)) == (
        0,
        "tiny: 2 of 2 cells, finished (seed 0, quick)\n",
        "",
    )


def test_a_claim_that_fails_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, holds=False)
    code, out, _ = call(capsys, "study", "run", str(path), "--quick", "--workers", "1", "--out", str(tmp_path / "o"))
    assert code == 1
    assert "1 of 2 claims hold\n  FAILS mean: The mean is <small>. Expected 0, found 0.1.\n" in out


def test_a_cell_that_fails_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, body="    if n == 1:\n        raise ValueError('no')")
    out = str(tmp_path / "o")
    code, _, err = call(capsys, "study", "run", str(path), "--quick", "--workers", "1", "--out", out)
    assert code == 1
    assert err == "pgverify: study 'tiny', cell 1 (n=1, kind='odd'): ValueError: no\n"
    assert call(capsys, "study", "status", out)[0] == 1


def test_a_study_that_decides_nothing_exits_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path)
    path.write_text(
        path.read_text().replace("    return [\n        Claim", "    return []\n    return [\n        Claim")
    )
    run = ("study", "run", str(path), "--quick", "--workers", "1", "--out", str(tmp_path / "o"))
    assert call(capsys, *run)[0] == 3


def test_studies_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "study", "list") == (0, "tiny\n    Does it run & finish?\n", "")
    assert call(capsys, "study", "run", "--all", "--quick", "--workers", "1", "--out", "o")[0] == 0


def test_an_interrupted_run_says_how_to_resume_and_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "    while n == 2 and not (FOLDER / 'go').exists():\n        time.sleep(0.02)"
    path = write_study(tmp_path, body=body, count=3)
    out = tmp_path / "out"
    run = ["study", "run", str(path), "--workers", "2", "--out", str(out)]
    # Started as a background job (by a shell without job control) this test inherits an ignored SIGINT and would pass
    # it on: the child must start as one in a terminal does.
    process = subprocess.Popen(
        [sys.executable, "-m", "pgverify", *run],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # One worker hangs in cell 2, the other has nothing to do: neither may complain when it is interrupted.
    with process:
        try:
            deadline = time.monotonic() + 30
            while (sorted(computed(path)) != [0, 1, 2] or cells_done(out) < 2) and time.monotonic() < deadline:
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)  # the whole group, as a terminal does
            _, err = process.communicate(timeout=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # nothing outlives a failed test
    assert process.returncode == 130
    assert err == "pgverify: interrupted; the same command resumes where it stood\n"
    code, printed, _ = call(capsys, "study", "status", str(out))
    assert (code, printed) == (3, "tiny: 2 of 3 cells, unfinished (seed 0)\n")
    (path.parent / "go").touch()
    package_digest.cache_clear()  # the other process read the package's files just now, this one long ago
    assert call(capsys, *run)[0] == 0
    assert sorted(computed(path)) == [0, 1, 2, 2]


def cells_done(out: Path) -> int:
    with open_store(out, create=False) as store:
        return store.runs()[0].done


def test_nothing_heavy_is_imported_for_help() -> None:
    script = (
        "import sys, pgverify.cli\n"
        "print([m for m in ('pandas', 'matplotlib', 'seaborn', 'scipy.stats', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


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
