"""The command line. It reads arguments, calls the library, prints, and chooses an exit code; no statistics.

Exit codes: 0 all well, 1 anything worse, 2 the call itself was wrong, 3 inconclusive, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pgverify import __version__
from pgverify.cli import bugs, cases, check, estimators, exact, mdps, study, survey, variance
from pgverify.cli.exit_codes import FINE, INTERRUPTED, WORSE, WRONG_CALL
from pgverify.errors import InvalidInput, one_sentence, without_commands

COMPLETION = "_PGVERIFY_COMPLETE"
"""Set by the lines that `pgverify --install-completion` gives a shell."""

ABOUT_COMPLETION = ("--install-completion", "--show-completion")

app = typer.Typer(
    help="gradcheck for policy gradients: exact ground truth, verdicts and variance.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's boxes would take as long as all the rest of --help, and more
)
app.command("check", short_help="Does an implementation estimate the gradient it claims to?")(check.check)
app.command("bugs", short_help="The catalogued faults: all, or one with its cure.")(bugs.bugs)
app.add_typer(study.app, name="study")
app.add_typer(cases.app, name="cases")
app.command("report", short_help="Tables, figures and pages from stored results.")(study.report)
app.command("exact", short_help="J, its gradient, values and variance, with no sampling.")(exact.exact)
app.command("mdps", short_help="The named problems: all, or one.")(mdps.mdps)
app.command("estimators", short_help="All estimators: target, assumptions, moments, source.")(estimators.estimators)
app.command("variance", short_help="How noisy estimators are, why, and what would help.")(variance.variance)
app.command("survey", short_help="Other libraries' functions before the oracle.")(survey.survey)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code; errors are one sentence on standard error."""
    # The base class of every complaint about a call; typer takes click from different places over time.
    usage_error: Any = typer.BadParameter.__base__
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a γ is no reason to fail where the terminal knows none
    given = sys.argv[1:] if arguments is None else list(arguments)
    command = typer.main.get_command(app)
    if COMPLETION in os.environ:  # a shell asks what may follow, and reads nothing else
        command.main(args=given, prog_name="pgverify")
    try:
        # Not by its `main`, which turns Ctrl-C into an exit code without a word.
        with command.make_context("pgverify", list(given)) as context:  # which takes words out of what it is given
            code = command.invoke(context)
    except typer.Exit as left:
        code = left.exit_code
    except InvalidInput as error:
        code = _complain(error)
    except usage_error as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # help that was asked for by giving no sub-command
            code = _helped(error.format_message())
        else:
            code = _complain(_with_value(_with_help(error.format_message(), given), given))
    except (KeyboardInterrupt, typer.Abort) as reason:
        print(f"pgverify: interrupted {reason}".rstrip(), file=sys.stderr)
        code = INTERRUPTED
    except SystemExit as reason:  # none of our commands does that: it comes from code that they called
        if given[:1] and given[0] in ABOUT_COMPLETION:  # typer's own answer
            raise
        if isinstance(reason.__context__, BrokenPipeError):  # Rich's way to stop
            code = _unread()
        else:
            code = _complain(f"code that is not ours tried to end the program: {one_sentence(reason)}")
    except MemoryError:
        code = _complain("out of memory: the problem or the horizon is too large for an exact computation")
    except BrokenPipeError:
        code = _unread()
    except OSError as error:  # a disk that is full, an answer that nobody can take
        code = _complain(f"reading or writing failed: {error.strerror or error}")
    sys.exit(code if isinstance(code, int) else FINE)


def _with_help(message: str, given: Sequence[str]) -> str:
    """Return a complaint about a command that does not exist with the way to the list of those that do."""
    if not message.startswith("No such command"):
        return message
    group = next((word for word in given if word in ("study", "cases")), "")
    return f"{message.rstrip('.')}; {' '.join(['pgverify', group]).strip()} --help lists the commands"


def _with_value(message: str, given: Sequence[str]) -> str:
    """Return a complaint about an option's value with that value, where it has been left out."""
    option = re.search(r"'(--[a-z-]+)'", message)
    if option is None or option[1] not in given[:-1]:
        return message
    value = given[given.index(option[1]) + 1]
    return message if value in message else f"{message}, found {value[:60]!r}"


def _helped(text: str) -> int:
    try:
        print(text, flush=True)
    except OSError:  # nobody reads on
        sys.stdout = None  # nor is anything left to be written at the end
    return FINE


def _unread() -> int:
    """Nobody reads on, as behind `| head`: nothing is said about it, and nothing left to be written at the end."""
    sys.stdout = None
    return WORSE


def _complain(what: object) -> int:
    print(f"pgverify: {without_commands(' '.join(str(what).split()))}", file=sys.stderr)
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
