"""How environments come about: uv set up as pip is, pip without it, and the reasons that both give."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgverify.survey.entry import Survey
from pgverify.survey.environments import interpreter, reason_of
from pgverify.survey.installers import PIP, Installer, as_for_uv, installer, text_of

SETTINGS = {
    "index-url": "https://index.example/simple",
    "extra-index-url": "https://one.example/simple\nhttps://two.example/simple",
    "find-links": "/wheels",
    "constraint": "/constraints.txt",
    "cert": "/certificates.crt",
    "timeout": "180",
}


def test_uv_looks_where_pip_looks() -> None:
    words, variables = as_for_uv(SETTINGS, {})
    assert words == (
        *("--default-index", "https://index.example/simple"),
        *("--index", "https://one.example/simple", "--index", "https://two.example/simple"),
        *("--find-links", "/wheels"),
        *("--constraint", "/constraints.txt"),
    )
    assert variables == {"SSL_CERT_FILE": "/certificates.crt", "UV_HTTP_TIMEOUT": "180"}
    assert as_for_uv({"no-index": "1"}, {})[0] == ("--no-index",)
    assert as_for_uv({"no-index": "false"}, {}) == ((), {})


def test_what_uv_was_told_itself_goes_before_what_pip_was_told() -> None:
    told = {"UV_INDEX_URL": "https://mine.example/simple", "SSL_CERT_FILE": "/mine.crt", "UV_FIND_LINKS": "/mine"}
    words, variables = as_for_uv(SETTINGS, told)
    assert "--default-index" not in words
    assert "--find-links" not in words
    assert "--index" in words
    assert variables == {"UV_HTTP_TIMEOUT": "180"}


def test_settings_are_literals_that_pip_shows() -> None:
    assert text_of("'file:///a file:///b'") == "file:///a file:///b"
    assert text_of("bare") == "bare"


def test_without_uv_it_is_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgverify.survey.installers.found_uv", lambda: None)
    assert installer() is PIP
    command = PIP.install(Path("here/python"), "--no-deps", "one==1")
    assert command[:4] == ["here/python", "-m", "pip", "install"]
    assert command[-2:] == ["--no-deps", "one==1"]
    assert "--without-pip" not in PIP.make(Path("here"))


def test_with_uv_no_pip_is_put_into_the_environment() -> None:
    uv = Installer("uv", True, ("uv", "pip", "install"), ("--find-links", "/wheels"))
    assert uv.install(Path("here/python"), "one==1") == [
        *("uv", "pip", "install", "--python", "here/python", "--find-links", "/wheels", "one==1")
    ]
    assert "--without-pip" in uv.make(Path("here"))


UV_SAID = """  × No solution found when resolving dependencies:
  ╰─▶ Because there is no version of pfrl==99 and you require pfrl==99, we can
      conclude that your requirements are unsatisfiable.
"""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            UV_SAID,
            "No solution found when resolving dependencies: Because there is no version of pfrl==99 and you require "
            "pfrl==99, we can conclude that your requirements are unsatisfiable.",
        ),
        (
            "WARNING: x\nERROR: No matching distribution found for pfrl==99\n",
            "No matching distribution found for pfrl==99",
        ),
        ("error: no network\n", "error: no network"),
        ("", "no reason was given"),
    ],
)
def test_the_reason_is_a_line(said: str, reason: str) -> None:
    assert reason_of(said) == reason


@pytest.mark.parametrize("complete", [True, False])
def test_what_a_library_asks_for_is_left_out_where_requirements_are_complete(
    complete: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr("pgverify.survey.environments._run", lambda command, *_: said.append(command))
    monkeypatch.setattr("pgverify.survey.environments.installer", lambda: PIP)
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 0)  # no environment was made that could be marked
    interpreter(Survey("absent", ("absent==1", "torch==2", "other==3"), (), (), complete=complete), tmp_path)
    alone = [command for command in said if "--no-deps" in command]
    assert [command[-2:] for command in alone] == ([["--no-deps", "absent==1"]] if complete else [])
    assert ("absent==1" in said[-1]) is not complete
    assert "other==3" in said[-1]  # what is listed in place of it brings its own requirements
    assert any(word.startswith("numpy") for word in said[-1])  # what pgverify itself needs comes with what it asks for
