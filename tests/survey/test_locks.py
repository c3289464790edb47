"""Every library has a lock, that holds its own pins, and an environment is made with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgverify.errors import InvalidRun
from pgverify.survey.entry import Survey
from pgverify.survey.environments import interpreter
from pgverify.survey.files import digest, load_survey, lock_file, survey_files
from pgverify.survey.installers import PIP
from pgverify.survey.locks import asked_of, found_by, name_of, pins, text_of_lock

ABSENT = Survey("absent", ("absent==1", "torch==2", "Other_One[x]==3"), (), ())
WHOLE = Survey("absent", ABSENT.requires, (), (), complete=True)


@pytest.mark.parametrize("name", survey_files())
def test_every_library_has_a_lock_with_its_own_pins(name: str) -> None:
    survey = load_survey(name)
    there = pins(lock_file(name).read_text(encoding="utf-8"))
    for requirement in survey.requires:
        assert there[name_of(requirement)] == requirement.partition("==")[2], f"{requirement}: make survey-locks"
    assert all(version and "+" not in version and "*" not in version for version in there.values())
    assert {"numpy", "scipy", "typer"} <= set(there)  # pgverify runs there, too
    # torch is never one that another requirement chose.
    assert ("torch" in there) == any(requirement.startswith("torch==") for requirement in survey.requires)
    assert there.get("torch", "2.13.0") == "2.13.0"


def test_no_lock_is_of_no_library() -> None:
    folder = lock_file("none").parent
    assert {path.stem for path in folder.iterdir()} == set(survey_files())


def test_a_lock_is_sorted_and_names_no_build() -> None:
    text = text_of_lock(ABSENT, "torch==2.13.0+cpu\nabsent==1\n# a remark\n\nZ.z==1.0.post2 ; python_version < '4'\n")
    assert text.splitlines()[1:] == ["absent==1", "torch==2.13.0", "Z.z==1.0.post2 ; python_version < '4'"]
    assert pins(text) == {"absent": "1", "torch": "2.13.0", "z-z": "1.0.post2"}


def test_a_library_that_comes_without_what_it_asks_for_is_pinned_all_the_same() -> None:
    assert asked_of(ABSENT)[:3] == [*ABSENT.requires]
    assert asked_of(WHOLE)[:2] == [*ABSENT.requires[1:]]
    assert pins(text_of_lock(WHOLE, "torch==2\n")) == {"absent": "1", "torch": "2"}
    assert pins(text_of_lock(ABSENT, "torch==2\n")) == {"torch": "2"}


def test_names_are_compared_as_indices_do() -> None:
    assert [name_of(one) for one in ("ray[rllib]==2", "Other_One ==3", "a.b>=1", "c")] == [
        "ray",
        "other-one",
        "a-b",
        "c",
    ]


def test_locks_are_made_by_uv() -> None:
    with pytest.raises(InvalidRun, match="uv is not there"):
        found_by(PIP, ABSENT)


@pytest.mark.parametrize("survey", [ABSENT, WHOLE])
def test_all_that_is_installed_is_installed_with_the_lock(
    survey: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr("pgverify.survey.environments._run", lambda command, *_: said.append(command))
    monkeypatch.setattr("pgverify.survey.environments.installer", lambda: PIP)
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 0)  # no environment was made that could be marked
    lock = tmp_path / "absent.txt"
    lock.write_bytes(b"absent==1\n")
    first = interpreter(survey, tmp_path, lock)
    installing = [command for command in said if "install" in command]
    assert len(installing) == (3 if survey.complete else 2)
    assert all(command[command.index("--constraint") + 1] == str(lock) for command in installing)
    said.clear()
    lock.write_bytes(b"absent==1\nnumpy==2.4.6\n")  # another lock, another environment; and none has one of its own
    others = {first, interpreter(survey, tmp_path, lock), interpreter(survey, tmp_path)}
    assert len(others) == 3
    assert not any("--constraint" in command for command in said[-2:])


def test_what_was_judged_with_another_lock_is_judged_anew(tmp_path: Path) -> None:
    file, lock = tmp_path / "lib.py", lock_file("lib", tmp_path)
    file.write_text("SURVEY = None")
    without = digest(file, lock)
    lock.parent.mkdir()
    lock.write_text("numpy==2.4.6\n")
    assert digest(file, lock) != without
    assert digest(file) == digest(file)
