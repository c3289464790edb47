"""The command line. It reads arguments, calls the library, prints, and chooses an exit code; no statistics.

Exit codes: 0 all well, 1 anything worse, 2 the call itself was wrong, 3 inconclusive, 130 interrupted.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pgverify import __version__
from pgverify.cli import bugs, cases, check, exact, study, variance
from pgverify.cli.exit_codes import FINE, INTERRUPTED, WRONG_CALL
from pgverify.errors import InvalidInput

app = typer.Typer(
    help="gradcheck for policy gradients: exact ground truth, verdicts and variance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check.check)
app.command("bugs")(bugs.bugs)
app.add_typer(study.app, name="study")
app.add_typer(cases.app, name="cases")
app.command("report")(study.report)
app.command("exact")(exact.exact)
app.command("variance")(variance.variance)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code; errors are one sentence on standard error."""
    # The base class of every complaint about a call; typer takes click from different places over time.
    usage_error: Any = typer.BadParameter.__base__
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a γ is no reason to fail where the terminal knows none
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(given, prog_name="pgverify", standalone_mode=False)
    except InvalidInput as error:
        code = _complain(error)
    except usage_error as error:
        # Help that was asked for by giving no sub-command has been printed already.
        code = FINE if type(error).__name__ == "NoArgsIsHelpError" else _complain(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        print("pgverify: interrupted", file=sys.stderr)
        code = INTERRUPTED
    except MemoryError:
        code = _complain("out of memory: the problem or the horizon is too large for an exact computation")
    except OSError as error:  # a disk that is full, an answer that nobody can take
        code = _complain(f"reading or writing failed: {error.strerror or error}")
    sys.exit(code if isinstance(code, int) else FINE)


def _complain(what: object) -> int:
    print(f"pgverify: {' '.join(str(what).split())}", file=sys.stderr)
    return WRONG_CALL


def _version(wanted: bool) -> bool:
    if wanted:
        print(f"pgverify {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Gradcheck for policy gradients: exact ground truth, verdicts and variance."""
