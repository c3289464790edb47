"""The verdict on a whole agent: its exact expected update beside what it should follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pgverify.agents import AgentWorld, Window
from pgverify.checking.agents.agent_evidence import compared_update, precision_of, settled
from pgverify.checking.agents.agent_report import agent_report, described_beside
from pgverify.checking.agents.agent_run import UNLIMITED, WHOLE, AgentRun, Parts, RunLimits, Update
from pgverify.checking.agents.blind_spots import blind_spots, unmet_limits
from pgverify.checking.agents.clip_reach import clip_alike, unmet_clip
from pgverify.checking.agents.cut_updates import UNCUT, told_cuts
from pgverify.checking.agents.expected_update import ExpectedUpdate, expected_update
from pgverify.checking.agents.rounded_weights import told_rounding, tried_values, unrounded, weight_rounding
from pgverify.checking.agents.window_estimates import natural_update, window_gradient
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import deviation
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.targets import target_vector
from pgverify.choices import TreeProgress
from pgverify.errors import InvalidFile, InvalidInput, NotRepeatable, TooLarge
from pgverify.kinds import described
from pgverify.policies import Policy
from pgverify.suites import SuiteProblem

ANEW = (
    "make anew in the update what is left to the next (state of an optimiser, running means, counters, a memory), "
    "or put it back in reset=, a function of the world that is called before every run"
)
"""What to do about state that is left over."""

AgentProgress = Callable[[str, int, int, TreeProgress], None]
"""(name of the problem, its number from 1, of how many, how far its runs have come)"""


def check_agent(
    update: Update,
    suite: Sequence[SuiteProblem],
    target: str,
    policy: Callable[[AgentWorld], Policy] | None,
    window: Window | None,
    reset: Callable[[AgentWorld], Any] | None,
    limit: int,
    limits: RunLimits = UNLIMITED,
    progress: AgentProgress | None = None,
    parts: Parts = WHOLE,
) -> Report:
    """Return the verdict on the exact expected update of an agent.

    Parameters
    ----------
    update : world -> [d]
        The direction of one update, before norm clipping and before the optimiser.
    suite : problems
    target : str
        What an agent that acts for whole episodes claims to follow.
    policy : world -> Policy, or None
        Whose parameters are updated; an agent that is ready has one, as `update.policy`.
    window : Window or None
        How it collects steps, where these are not whole episodes; `update.window` of a ready one.
    reset : world -> anything, or None
        Called before every run, for state that is left over.
    limit : int
        Most runs on one problem.
    limits : RunLimits
        How long they may take.
    progress : (problem, number, of, TreeProgress) -> anything, optional
    parts : Parts
        How runs are shared out, and where what is found of them stays.

    Raises
    ------
    InvalidInput
        When no policy is given, or window is none.
    InvalidFile
        When a file to resume from is that of another agent, or none.
    """
    policy = getattr(update, "policy", None) if policy is None else policy
    window = getattr(update, "window", None) if window is None else window
    reset = getattr(update, "reset", None) if reset is None else reset
    if not callable(policy):
        raise InvalidInput(
            f"policy is {described(policy)}, must be a function world -> Policy, whose parameters the update moves: "
            "lambda world: world.problem.policy, if it is the problem's own"
        )
    if window is not None and not isinstance(window, Window):
        raise InvalidInput(f"window is {described(window)}, must be pgv.agents.Window(steps=…)")
    if reset is not None and not callable(reset):
        raise InvalidInput(f"reset is {described(reset)}, must be a function world -> anything, or None")
    updates: list[ExpectedUpdate] = []
    untried: list[str] = []
    for number, entry in enumerate(suite, 1):
        tell = None if progress is None else partial(progress, entry.name, number, len(suite))
        try:
            file = parts.file(number, entry.name)
            updates.append(
                expected_update(update, entry, policy, window, reset, limit, limits, tell, parts.processes, file)
            )
        except TooLarge as reason:
            untried.append(f"problem {entry.name} was not tried: {reason}")
        except InvalidFile:
            raise
        except InvalidInput as reason:
            return _invalid(entry, reason, target)
    if not updates:
        return _nothing(target, untried)
    remarks = [remark for one in updates for remark in one.found.remarks]
    updates, rough = settled(updates)
    untried += [*rough, *dict.fromkeys(remarks)]
    if not updates:
        return _nothing(target, untried, "on every problem nodes are too few, or rewards not smooth")
    if window is None:
        evidence = [_episodic(one, target) for one in updates]
    else:
        target, (updates, evidence, unlisted) = "window_gradient", _windowed(updates, window)
        untried += unlisted
        if not updates:
            return _nothing(target, untried)
    precision, rounding, tried = precision_of(updates), 0.0, []
    if any(deviation(item.found, item.target, precision) > precision.relative for item in evidence):
        truncates = window is not None and window.truncates
        few = RunLimits(limits.alarm)  # a dozen runs more are made, however long all have taken
        runs = [AgentRun(update, one.entry.problem, truncates, reset, few) for one in updates]
        tried = tried_values(updates, runs)
        rounding = weight_rounding(updates, tried)
        precision = precision_of(updates, rounding)
        untried += told_rounding(rounding)
    report = agent_report(updates, evidence, precision, target, window, reset is not None)
    if rounding:
        report = unrounded(report, rounding)
    if report.outcome is Outcome.BIASED and not report.matches:
        cut = told_cuts(tried)
        report = replace(report, warnings=(*cut, *report.warnings), next_step=UNCUT if cut else report.next_step)
        report = report if cut else described_beside(report, evidence, precision, window)
    if window is not None:
        untried += unmet_clip([one.entry.problem for one in updates], window)
    own = tuple(map(str, getattr(update, "notes", ())))
    if window is not None and report.outcome.good:
        untried += blind_spots(evidence, precision, window)
        own = (*clip_alike([one.entry.problem for one in updates], window), *unmet_limits(evidence, window), *own)
    return replace(
        report, warnings=(*report.warnings, *untried), notes=(*report.notes, *_in_rows(updates, parts), *own)
    )


def _in_rows(updates: Sequence[ExpectedUpdate], parts: Parts) -> tuple[str, ...]:
    """Return, as a note, where runs could not be shared out or kept, though that was asked for."""
    names = [one.entry.name for one in updates if one.by_rows]
    if not names or parts == WHOLE:
        return ()
    return (
        f"on {', '.join(names)} runs were rows of a vectorised environment, many at once, in this process: they were "
        "neither shared out among processes nor kept to resume from",
    )


def _episodic(update: ExpectedUpdate, target: str) -> TargetComparison:
    vector = target_vector(target, update.entry.problem)
    if vector is None:
        raise InvalidInput(f"target {target!r} is not defined for an agent on problem {update.entry.name}")
    return compared_update(update, vector, None)


def _windowed(
    updates: Sequence[ExpectedUpdate], window: Window
) -> tuple[list[ExpectedUpdate], list[TargetComparison], list[str]]:
    kept, evidence, untried = [], [], []
    for one in updates:
        problem = one.entry.problem
        try:
            vector, natural = window_gradient(problem, window), natural_update(problem, window)
        except TooLarge as reason:
            untried.append(f"problem {one.entry.name} was not tried: {reason}")
            continue
        kept.append(one)
        evidence.append(compared_update(one, vector, window, natural))
    return kept, evidence, untried


def _invalid(entry: SuiteProblem, reason: InvalidInput, target: str) -> Report:
    return Report(
        Outcome.INVALID,
        f"on problem {entry.name} it cannot be judged: {reason}",
        "exhaustive",
        target,
        "one failing run is enough",
        next_step=ANEW if isinstance(reason, NotRepeatable) else "mend what it names, and check again",
    )


def _nothing(target: str, untried: Sequence[str], why: str = "on no problem could all runs be made") -> Report:
    return Report(
        Outcome.INCONCLUSIVE,
        why,
        "exhaustive",
        target,
        "nothing was compared",
        warnings=tuple(untried),
        next_step="do what the warnings say, or give other problems",
    )
