"""`pgverify survey`: other people's code before the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgverify.cli.exit_codes import FINE, WORSE
from pgverify.cli.progress import told
from pgverify.counts import counted


def survey(
    libraries: Annotated[list[str] | None, typer.Argument(metavar="[LIBRARY]...", help="By default all.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for its three files.")] = Path("reports"),
    since: Annotated[Path | None, typer.Option("--since", help="An earlier survey.csv: say what changed.")] = None,
    light: Annotated[bool, typer.Option("--light", help="Only libraries that this Python has.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Judge anew what was judged before.")] = False,
    known: Annotated[bool, typer.Option("--list", help="List the libraries, and run nothing.")] = False,
) -> None:
    """Put other libraries' functions before the oracle, each library in an environment of its own.

    Where some libraries are named, the files keep what they have of the others.

    Exit codes: 0 every verdict is the one on record; 1 one is not, or a library could not be judged.
    """
    from pgverify.survey.collected import collected
    from pgverify.survey.files import left_out, load_survey, survey_files
    from pgverify.survey.published import headline, make_folder, publish
    from pgverify.survey.since import changes, read_table, said, with_the_others

    if known:
        for name in survey_files():
            survey = load_survey(name)
            print(f"{name}: {' '.join(survey.requires)}, {counted(len(survey.rows), 'row')}")
        return
    earlier = None if since is None else read_table(since)
    make_folder(out)
    some = bool(libraries) or light
    before = with_the_others([], out / "survey.csv") if some else []  # before hours are spent on what goes into it
    with told() as tell:
        verdicts = collected(libraries or (), light=light, again=again, tell=tell)
    for verdict in verdicts:
        other = "" if verdict.outcome == verdict.recorded else f"  (on record: {verdict.recorded or 'nothing'})"
        control = "" if verdict.role == "function" else f"  [control, {verdict.role}]"
        print(f"{verdict.library} {verdict.version}  {verdict.function}: {said(verdict)}{control}{other}")
        if other:
            print(f"    {verdict.explanation}")
    print(headline(verdicts))
    whole = with_the_others(verdicts, out / "survey.csv") if before else verdicts
    print("written: " + ", ".join(map(str, publish(whole, out, {} if libraries and not before else left_out()))))
    for line in [] if earlier is None else changes(earlier, verdicts) or ["nothing changed"]:
        print(line)
    agreed = all(verdict.outcome == verdict.recorded for verdict in verdicts)
    raise typer.Exit(FINE if agreed else WORSE)
