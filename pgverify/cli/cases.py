"""`pgverify cases`: golden cases for tests written in other languages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgverify.cli.terminal import sign_of_life

app = typer.Typer(help="Golden cases for tests in other languages.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Golden cases for other languages: problems, batches, exact answers."""


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the JSON document.")],
    seed: Annotated[int, typer.Option(help="Seed of the batches.")] = 1,
) -> None:
    """Write problems, batches and exact answers to a JSON file."""
    from pgverify.cases import export as write

    with sign_of_life("computing the exact answers"):
        write(file, seed=seed)
    print(f"Golden cases: {file}")
