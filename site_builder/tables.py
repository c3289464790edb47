"""Tables that the build makes from the package itself: the catalogue, the zoo, the suites, the verdicts."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pgverify as pgv
from pgverify.bugs import Bug, LossBug
from pgverify.reporting.bug_pages import EFFECTS
from site_builder.docstrings import in_markdown
from site_builder.signatures import HOME, ROOT


def table_pages() -> dict[str, str]:
    """Return every generated table as a page, by its path on the site."""
    return {
        "tables/catalogue.md": catalogue(),
        "tables/problems.md": problems(),
        "tables/suites.md": suites(),
        "tables/verdicts.md": verdicts(),
        "tables/survey.md": survey(),
    }


WIDE = "---\nhide:\n  - toc\n---\n\n"
"""Before a page whose table needs the whole width."""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table that can be sorted and filtered on the site."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(_cell(str(cell)) for cell in row)} |" for row in rows]
    return '<div class="browsable" markdown>\n\n' + "\n".join(lines) + "\n\n</div>\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "&#124;")


def _where(source: str) -> str:
    """Return where a fault was seen, as a link where it is an issue of a public repository."""
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)#(\d+)", source)
    return f"[{source}](https://github.com/{found[1]}/issues/{found[2]})" if found else in_markdown(source)


def catalogue() -> str:
    """Return the catalogue of faults, with what the oracle says about each."""
    with (ROOT / "reports" / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        said = {row["slug"]: row for row in csv.DictReader(file)}
    effects = "\n".join(
        f"- **{effect.value}**: {in_markdown(words.removeprefix(f'{effect.value}: '))}"
        for effect, words in EFFECTS.items()
    )
    heads = ("no.", "slug", "effect", "what goes wrong", "what is right", "verdict", "seen in")
    functions, losses = ([*_faults(entries, said)] for entries in (pgv.bugs.ENTRIES, pgv.bugs.LOSS_ENTRIES))
    return (
        f"{WIDE}# The catalogue of faults and false alarms\n\n{len(functions) + len(losses)} implementations that are "
        "wrong, or only look wrong: each is runnable (`pgv.bugs.get(slug).implementation`, and `.correct` beside it), "
        "and `pgverify bugs SLUG` prints its code. The threads are where a fault was seen, or where something right "
        "was taken for one; whether it was mended since is not said here. How many are told apart, and named: "
        "[the catalogue before the oracle](../answers/catalogue.md).\n\n"
        f"{effects}\n\n## Functions of a batch\n\n{table(heads, functions)}\n\n"
        f"## Losses for language models\n\n{table(heads, losses)}"
    )


def _faults(entries: Iterable[Bug | LossBug], said: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[object, ...]]:
    """Yield a row an entry."""
    for bug in entries:
        row = said.get(bug.slug, {})
        diagnosis = f", `{row['diagnosis']}`" if row.get("diagnosis") else ""
        outcome = f"{row['outcome']}{diagnosis}" if row else "see below"
        yield (
            bug.number,
            f'<span id="{bug.slug}">`{bug.slug}`</span>',
            bug.effect.value,
            in_markdown(bug.cause),
            in_markdown(bug.cure),
            outcome,
            "; ".join(map(_where, bug.source)),
        )


def survey() -> str:
    """Return what the oracle says about other people's functions, in one table; controls are on the page itself."""
    with (ROOT / "reports" / "survey.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (
                in_markdown(f"{row['library']} {row['version']}"),
                _breaking(in_markdown(row["function"])),
                row["outcome"],
                in_markdown(row["remark"] or row["explanation"]),
                _breaking(in_markdown(row["target"])),
            )
            for row in csv.DictReader(file)
            if row["role"] == "function"
        ]
    return (
        f"{WIDE}# Other people's code, in one table\n\nEvery function of the survey with its verdict, why, and the "
        "claim that it was judged on. "
        "What each claims in its own words, and the control that passed in the same run, library by library: "
        "[other people's code before the oracle](../answers/survey.md). A function that does not estimate what it "
        "claims need not be wrong.\n\n"
        f"{table(('library', 'function', 'verdict', 'why', 'judged on'), rows)}"
    )


def _breaking(text: str) -> str:
    """Return a dotted name with places at which a line may end."""
    return re.sub(r"(?<=[A-Za-z])(\.|\\_)(?=[A-Za-z])", r"\1<wbr>", text)


def problems() -> str:
    """Return the zoo: every named problem, and what is known about it by hand."""
    rows = []
    known = []
    for name in pgv.mdps.names():
        entry = pgv.mdps.entry(name)
        mdp = entry.build()
        noisy = "yes" if mdp.noise.any() else ""
        rows.append(
            (
                f"[`{name}`](#{name})",
                mdp.num_states,
                mdp.num_actions,
                int(mdp.terminal.sum()),
                noisy,
                in_markdown(entry.description),
                in_markdown(entry.source),
            )
        )
        facts = "\n".join(
            f"- {in_markdown(answer.statement)}<br>{in_markdown(' '.join(answer.derivation.split()))}"
            for answer in entry.answers
        )
        known.append(
            f"## `{name}` {{ #{name} }}\n\n{in_markdown(entry.description)}\n\n{facts or 'No closed form is known.'}"
        )
    heads = ("name", "states", "actions", "terminal", "noisy", "what it is", "source")
    return (
        "# Named problems\n\n`pgv.mdps.get(name)` builds one, `pgverify mdps NAME` shows it, `pgverify exact NAME "
        "--horizon T` computes its J and ∇J. Problems with real actions: "
        f"{', '.join(f'`{name}`' for name in pgv.mdps.continuous_names())}.\n\n{table(heads, rows)}\n"
        "The answers below were derived by hand, never computed by pgverify: the tests compare the two.\n\n"
        + "\n\n".join(known)
        + "\n"
    )


def suites() -> str:
    """Return the suites: every problem, and the reason for which it is there."""
    parts = [
        "# Suites",
        "The problems on which the oracle judges: `pgv.check(f, suite=NAME)`. Each is there for a reason. "
        "Which suite is for what: [suites and networks](../suites-and-networks.md).",
    ]
    for name in pgv.suites.names():
        rows = []
        for each in pgv.suites.get(name):
            problem = each.problem
            rows.append(
                (
                    f"`{each.name}`",
                    problem.mdp.num_states,
                    problem.mdp.num_actions,
                    in_markdown(_objective(problem.objective)),
                    in_markdown(each.reason),
                )
            )
        heads = ("problem", "states", "actions", "objective", "why it is there")
        parts.append(f"## `{name}` {{ #{name} }}\n\n{table(heads, rows)}")
    return "\n\n".join(parts) + "\n"


def _objective(objective: object) -> str:
    kind = type(objective).__name__
    horizon = f"T = {objective.horizon}" if hasattr(objective, "horizon") else ""
    discount = f"γ = {objective.discount:g}" if hasattr(objective, "discount") else ""
    bonus = getattr(objective, "bonus", None)
    return f"{kind} {', '.join(filter(None, (horizon, discount, type(bonus).__name__ if bonus else '')))}".strip()


def verdicts() -> str:
    """Return what each verdict means, with its exit code."""
    rows = [
        (f"`{outcome.value}`", in_markdown(outcome.meaning), outcome.exit_code) for outcome in reversed(pgv.Outcome)
    ]
    return (
        "# Verdicts\n\nWhat each rests on, and what it cannot see: [the oracle explained](../oracle.md). The code is "
        f"that of [`Outcome`]({HOME}/blob/main/pgverify/checking/verdict/outcome.py).\n\n"
        f"{table(('verdict', 'may be concluded', 'exit code'), rows)}"
    )
