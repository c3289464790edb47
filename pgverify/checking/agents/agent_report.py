"""The report on an agent: the word, its names, and where nothing has a name how far the update is from the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.agents import Window
from pgverify.bugs import Bug, Effect
from pgverify.bugs import get as get_bug
from pgverify.checking.agents.expected_update import ExpectedUpdate
from pgverify.checking.agents.told_terms import told_term
from pgverify.checking.agents.told_windows import told_window
from pgverify.checking.agents.window_faults import WindowFault
from pgverify.checking.agents.window_names import DOWNHILL, fault_of, window_matches
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.first_terms import policy_gradient
from pgverify.checking.verdict.judgement import Judgement, judge
from pgverify.checking.verdict.matching_bugs import REVERSED, matching_bugs
from pgverify.checking.verdict.next_steps import next_step
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import Precision, deviation
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scaled_names import reversed_target
from pgverify.checking.verdict.scope import ProblemScope, Scope
from pgverify.checking.verdict.targets import CLOSED_FORMS, target_vector
from pgverify.problem import FiniteHorizon
from pgverify.validation import Array

NO_WINDOW = (
    "; if it collects a fixed number of steps, bootstraps by its critic, or adds entropy, say so: "
    "window=pgv.agents.Window(steps=…, trace_decay=…, critic=…, entropy=…)"
)
"""For a bias without a name that nobody called a window: it may be none."""

OF_LOOPS = (
    "; no part of the gradient of a window are the loss of V, in layers that are shared with the policy, and steps of "
    "later epochs or minibatches: return the gradient of the policy's loss, read before the first step"
)
"""For a bias without a name of a window."""

NEVER_MOVES = (
    "not one run moves a parameter: look for what is detached, masked out, or multiplied by zero, such as the only "
    "token of a completion, or advantages of one sample less its own mean"
)
"""For an update that is nothing on every run, not on average alone."""


def agent_report(
    updates: Sequence[ExpectedUpdate],
    evidence: Sequence[TargetComparison],
    precision: Precision,
    target: str,
    window: Window | None,
    resets: bool,
) -> Report:
    """Return the report on an agent whose expected updates were compared with one target."""
    judgement = judge(evidence, precision, {})
    if judgement.outcome is Outcome.BIASED and judgement.factor is None and window is None:
        others = {name: _vectors(name, evidence) for name in CLOSED_FORMS if name != target}
        judgement = judge(evidence, precision, others)
    if window is not None:
        wrong = judgement.outcome is Outcome.BIASED  # neither a multiple of what is right nor nothing
        matches = window_matches(evidence, precision, window) if wrong else ()
        if wrong and not matches and judgement.factor is not None and judgement.factor < 0.0:
            matches = (Match(DOWNHILL, len(evidence), judgement.deviation, -judgement.factor),)
        return _reported(updates, evidence, precision, target, window, resets, judgement, matches)
    matches = _matches(judgement, evidence, precision, target)
    return _reported(updates, evidence, precision, target, window, resets, judgement, matches)


def _reported(
    updates: Sequence[ExpectedUpdate],
    evidence: Sequence[TargetComparison],
    precision: Precision,
    target: str,
    window: Window | None,
    resets: bool,
    judgement: Judgement,
    matches: tuple[Match, ...],
) -> Report:
    named = [match for match in matches if match.problems == max(other.problems for other in matches)]
    one = named[0].slug if len(named) == 1 else None
    bug: Bug | WindowFault | None = None
    if one is not None:
        bug = get_bug(one) if window is None else fault_of(one)
    if any(match.slug == REVERSED for match in matches):
        bug = get_bug(REVERSED)
    return Report(
        judgement.outcome,
        judgement.explanation,
        "exhaustive",
        target,
        f"no sampling: every sequence of random choices of {len(evidence)} problems, "
        f"{sum(one.found.runs for one in updates):,} runs; equal within {precision.relative:g} of a gradient estimate",
        bug.slug if bug else None,
        matches,
        tuple(_finding(item, one, judgement, precision) for item, one in zip(evidence, updates, strict=True)),
        () if judgement.outcome.good else _beside_the_gradient(updates),
        bug.cause if bug else "",
        bug.cure if bug else "",
        bug.source if isinstance(bug, Bug) else (),
        next_step=_next_step(judgement, window, bool(matches), updates),
        notes=_notes(updates, resets),
        scope=_scope(updates, window),
    )


def described_beside(
    report: Report, evidence: Sequence[TargetComparison], precision: Precision, window: Window | None
) -> Report:
    """Return the report on a bias without a name, with what describes the update where that is known after all.

    Parameters
    ----------
    report : Report
    evidence : sequence of TargetComparison
    precision : Precision
    window : Window or None
    """
    other = "" if window is None else told_window(evidence, precision, window)
    if other:
        said = f"the expected update is that of Window({other}), the rest as it was said"
        return replace(report, warnings=(said, *report.warnings), next_step=f"say Window({other}), if it is meant")
    term = told_term(evidence, precision, report.target, window)
    if term is None:
        return report
    return replace(report, warnings=(term.warning, *report.warnings), next_step=term.next_step)


def _next_step(judgement: Judgement, window: Window | None, named: bool, updates: Sequence[ExpectedUpdate]) -> str:
    if judgement.outcome is Outcome.NO_SIGNAL and all(one.found.scale == 0.0 for one in updates):
        return NEVER_MOVES
    step = next_step(judgement.outcome, "exhaustive", "one update", named=named)
    if judgement.outcome is not Outcome.BIASED or named:
        return step
    return step + (NO_WINDOW if window is None else OF_LOOPS)


def _vectors(name: str, evidence: Sequence[TargetComparison]) -> list[Float[Array, "_"] | None]:
    return [target_vector(name, item.entry.problem) for item in evidence]


def _matches(
    judgement: Judgement, evidence: Sequence[TargetComparison], precision: Precision, target: str
) -> tuple[Match, ...]:
    if judgement.outcome not in (Outcome.BIASED, Outcome.SCALED, Outcome.OTHER_TARGET):
        return ()  # nothing equals whatever is nothing, on the few problems of an agent: no cause is told by it
    if judgement.factor is not None and judgement.factor < 0.0:
        return reversed_target(evidence)
    if judgement.outcome is Outcome.SCALED:
        return ()
    found = [(item.entry, item.found) for item in evidence]
    matches = matching_bugs(found, precision, target, False, False)
    return tuple(match for match in matches if get_bug(match.slug.split(" + ")[0]).effect is not Effect.INNOCENT)


def _finding(item: TargetComparison, update: ExpectedUpdate, judgement: Judgement, precision: Precision) -> Finding:
    gap = deviation(item.found, item.target, precision)
    fine = judgement.outcome in (Outcome.CORRECT, Outcome.INCONCLUSIVE) or gap <= precision.relative
    expected, found = tuple(map(float, item.target)), tuple(map(float, item.found.mean))
    return Finding("expectation", item.entry.name, 1, expected, found, gap, fine, trajectories=update.found.runs)


def _beside_the_gradient(updates: Sequence[ExpectedUpdate]) -> tuple[str, ...]:
    """Return, for each problem, the cosine with ∇J and the largest entry of the component that ∇J does not explain."""
    said = []
    for update in updates:
        goal, mean = policy_gradient(update.entry.problem), update.found.mean
        sizes = float(np.linalg.norm(goal)), float(np.linalg.norm(mean))
        if min(sizes) == 0.0:
            continue
        cosine = float(goal @ mean) / sizes[0] / sizes[1]
        if 1.0 - cosine > 1e-12:
            rest = mean - goal * (float(goal @ mean) / sizes[0] ** 2)
            index = int(np.abs(rest).argmax())
            said.append(
                f"on {update.entry.name} the cosine with ∇J is {cosine:.4f}; what ∇J does not explain has "
                f"{float(np.linalg.norm(rest)) / sizes[1]:.2g} of the length, most in entry {index}: {rest[index]:.3g}"
            )
    return tuple(said)


def _notes(updates: Sequence[ExpectedUpdate], resets: bool) -> tuple[str, ...]:
    left_out = tuple(dict.fromkeys(line for one in updates for line in one.found.left_out))
    said = [f"draws left out, as they were seen to change nothing: {', '.join(left_out)}"] if left_out else []
    how = "reset was called before every run" if resets else "nothing was reset between runs"
    said.append(f"{how}, and the first run came out the same at the end: no state was left over")
    return tuple(said)


def _scope(updates: Sequence[ExpectedUpdate], window: Window | None) -> Scope:
    problems = [one.entry.problem for one in updates]
    objectives = [p.objective for p in problems if isinstance(p.objective, FiniteHorizon)]
    terminal = any(p.mdp.terminal.any() for p in problems)
    return Scope(
        problems=tuple(ProblemScope(one.entry.name, (1,)) for one in updates),
        steps=window.steps if window is not None else max((o.horizon for o in objectives), default=0),
        states=max(p.mdp.num_states for p in problems),
        actions=max(p.mdp.num_actions for p in problems),
        starts=max(int(np.count_nonzero(p.mdp.start)) for p in problems),
        ends=("horizon", "terminal state") if terminal else ("horizon",),
        discounts=tuple(sorted({float(o.discount) for o in objectives})),
        ratios=window is not None and window.acting is not None,
        critic="other" if window is not None and window.critic is not None else "exact",
    )
