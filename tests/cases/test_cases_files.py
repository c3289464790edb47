"""The golden cases as a file: the schema, what `load` refuses, the same bytes every time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from pgverify import cases
from pgverify.cases.document import _problem
from pgverify.cases.reference import cases as all_cases
from pgverify.cases.shapes import ESTIMATOR, LISTING, MOMENTS, POLICIES, PROBLEM
from pgverify.checking import standard_suite
from pgverify.errors import InvalidFile, InvalidSampling

GUIDE = Path(__file__).parents[2] / "docs" / "golden-cases.md"
LARGEST = 3_000_000
"""Bytes: a file that a repository in another language can keep."""


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads((files("pgverify.cases") / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_whole_suite_is_in_it_and_the_file_is_small(exported: Path, unchecked_shapes: None) -> None:
    document = cases.load(exported)
    names = [problem["name"] for problem in document["problems"]]
    assert names == [*[entry.name for entry in standard_suite()], "coin-door-cut"]
    assert not any(np.any(entry.problem.mdp.reward_noise) for entry in standard_suite())  # there is no field for it
    assert exported.stat().st_size < LARGEST
    for problem in document["problems"]:
        described = [e["name"] for e in problem["estimators"]]
        assert len(set(described)) == len(described)


@pytest.mark.slow
def test_the_schema_takes_the_whole_document(document: dict[str, Any], validator: Any) -> None:
    validator.validate(document)


@pytest.mark.slow  # below, one problem is computed again in the default suite
def test_two_exports_are_equal_byte_for_byte(exported: Path, tmp_path: Path) -> None:
    """In another process, over a file that is there already; nothing else is left in the folder."""
    path = tmp_path / "again.json"
    path.write_text("before")
    code = "import sys; from pgverify.cases import export; export(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=120)
    assert path.read_bytes() == exported.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_written_is_what_was_computed_and_the_seed_moves_the_batch_alone(document: dict[str, Any]) -> None:
    """Every float64 comes back, bit for bit; computed here with shapes and types checked at run time."""
    case = next(case for case in all_cases() if case.name == "coin-door-cut")
    computed = _problem(case, seed=2)
    read = document["problems"][-1]
    batches = [computed.pop("batch"), read.pop("batch")]
    assert batches[0] != batches[1]
    for e in (*computed["estimators"], *read["estimators"]):
        del e["weights"], e["gradients"]
    assert repr(read) == repr(computed)  # −0.0 is not 0.0


def at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a function that sets one entry; None removes it."""

    def damage(document: dict[str, Any]) -> None:
        owner: Any = document
        *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        for key in way:
            owner = owner[key]
        if value is None:
            del owner[last]
        else:
            owner[last] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "schema_sees", "sentence"),
    [
        (at("schema", "pgverify-mdp"), True, "schema is 'pgverify-mdp', must be 'pgverify-cases'"),
        (at("version", 2), True, "version is 2, must be 1; write the file again"),
        (at("version", True), True, "version is True, must be 1"),
        (at("problems", []), True, "problems is [], must be a list with at least one entry"),
        (at("problems/0", 3), True, "problems[0].num_states is missing"),
        (at("problems/0/num_states", 0), True, "problems[0].num_states is 0, must be an integer of at least 1"),
        (at("problems/1/exact/gradient", None), True, "problems[1].exact.gradient is missing, must be there"),
        (at("problems/1/exact/gradient", "0.5"), True, "problems[1].exact.gradient is damaged, must be [d] = [2]"),
        (at("problems/1/policy/kind", "gaussian"), True, "policy.kind is 'gaussian', must be softmax or linear"),
        (at("problems/1/batch/rewards/2/1", "much"), True, "batch.rewards is damaged, must be [n, T] = [8, 3]"),
        (at("problems/1/batch/states/2", None), False, "batch.states is damaged, must be [n, T+1] = [8, 4]"),
        (at("problems/1/dynamics/transition/0/0/0", None), False, "damaged, must be [S, A, S] = [3, 2, 3]"),
        (at("problems/0/listing/probabilities", [1.0]), False, "listing.probabilities is damaged, must be [n] = [2]"),
        (at("problems/1/estimators/0/weights", None), True, "problems[1].estimators[0].weights is missing"),
        (at("problems/1/estimators/0/covariance/1/0", None), False, "covariance is damaged, must be [d, d] = [2, 2]"),
        (at("problems/0/exact/expected_return", float("inf")), False, "holds Infinity, every number must be finite"),
        (at("problems/0/exact/expected_return", float("nan")), False, "holds NaN, every number must be finite"),
    ],
)  # fmt: skip
def test_damage_is_seen(
    small: dict[str, Any],
    validator: Any,
    tmp_path: Path,
    damage: Callable[[dict[str, Any]], None],
    schema_sees: bool,
    sentence: str,
) -> None:
    """What JSON Schema cannot say, shapes that fit each other and numbers that are finite, `load` sees."""
    document = small
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(document))
    assert cases.load(path) == document  # it was whole before
    assert validator.is_valid(document)
    damage(document)
    path.write_text(json.dumps(document))
    assert validator.is_valid(document) != schema_sees
    with pytest.raises(InvalidFile) as raised:
        cases.load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [("1e999", "exact.expected_return is damaged, must be a finite number"), ("1" + "0" * 400, "cannot be read")],
)
def test_a_number_beyond_float64_is_refused(small: dict[str, Any], tmp_path: Path, number: str, sentence: str) -> None:
    path = tmp_path / "cases.json"
    small["problems"][0]["exact"]["expected_return"] = "here"
    path.write_text(json.dumps(small).replace('"here"', number))
    with pytest.raises(InvalidFile, match=sentence):
        cases.load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "reinforce"),
        ("baseline", "zero"),
        ("batch_size", 0),
        ("mean", "none"),
        ("discount_weighting", 1),
        ("trace_decay", 1.5),
        ("trace_decay", None),
    ],
)
def test_the_schema_knows_the_settings_of_estimators(
    small: dict[str, Any], validator: Any, field: str, value: Any
) -> None:
    e = next(e for e in small["problems"][0]["estimators"] if e["kind"] == "generalized_advantage")
    assert validator.is_valid(small)
    at(field, value)(e)
    assert not validator.is_valid(small)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1 is not JSON"),
        ('{\n "schema": "pgverify-cases",', "line 2 is not JSON"),
        ("[]", "holds a list, must be a JSON object"),
        ("{}", "schema is None, must be 'pgverify-cases'"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"schema": ' + "9" * 5_000 + "}", "holds a number that cannot be read"),
        ("\xff", "cannot be read"),
    ],
)
def test_what_is_no_golden_cases_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "cases.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidFile, match=re.escape(sentence)):
        cases.load(path)


def test_files_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgverify.cases.files.golden", lambda _: {"schema": "pgverify-cases"})
    with pytest.raises(InvalidFile, match=r"missing\.json cannot be read"):
        cases.load(tmp_path / "missing.json")
    with pytest.raises(InvalidFile, match=r"cases\.json cannot be written: No such file or directory"):
        cases.export(tmp_path / "missing" / "cases.json")
    with pytest.raises(InvalidFile, match=r"cannot be written: Is a directory"):
        cases.export(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cases.json"
    path.write_text("before")
    monkeypatch.setattr("pgverify.cases.files.golden", lambda _: {"number": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        cases.export(path)
    monkeypatch.setattr("pgverify.cases.files.golden", lambda _: {})

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InvalidFile, match="No space left on device"):
        cases.export(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("seed", [-1, 0.5, True])
def test_a_bad_seed_is_refused(seed: Any, unchecked_shapes: None) -> None:
    with pytest.raises(InvalidSampling, match="seed is"):
        cases.golden(seed)


def test_the_guide_names_every_field(document: dict[str, Any]) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    fields = {*PROBLEM, *LISTING, *ESTIMATOR, *MOMENTS, *POLICIES["softmax"], *POLICIES["linear_softmax"]}
    words = {word for field in fields for word in field.split(".")}
    words |= {
        *document,
        *document["problems"][0],
        *(key for p in document["problems"] for e in p["estimators"] for key in e),
    }
    words |= {e["kind"] for e in document["problems"][0]["estimators"]} | {"finite_horizon", "discounted", "max_steps"}
    assert [word for word in sorted(words) if f"`{word}`" not in guide] == []


@pytest.mark.skipif(shutil.which("node") is None, reason="the guide's example is JavaScript")
@pytest.mark.parametrize("broken", [False, True])
def test_the_example_of_the_guide_runs(exported: Path, tmp_path: Path, broken: bool) -> None:
    """Negative control: with the discount left out of the returns, the example finds its function wrong."""
    (code,) = re.findall(
        r"^```javascript\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    assert "discount * toGo" in code
    (tmp_path / "example.mjs").write_text(code.replace("discount * toGo", "toGo") if broken else code)
    shutil.copy(exported, tmp_path / "cases.json")
    node = str(shutil.which("node"))
    ran = subprocess.run([node, "example.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode != 0) == broken, ran.stderr
