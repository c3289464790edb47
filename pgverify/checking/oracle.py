"""The oracle: hand over a function, get a verdict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pgverify import suites
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.surroundings import Surroundings
from pgverify.checking.calling.time_spent import Deadline
from pgverify.checking.collected_as_asked import collected_as_asked
from pgverify.checking.design import Design, require_design
from pgverify.checking.exhaustive.asked_again import asked_again
from pgverify.checking.exhaustive.design_check import check_by_design
from pgverify.checking.exhaustive.exhaustive_check import ClaimedTarget, check_by_listing
from pgverify.checking.exhaustive.judged_finely import judged_finely
from pgverify.checking.exhaustive.judged_inside import judged_inside
from pgverify.checking.exhaustive.sampled_instead import sampled_where_too_many
from pgverify.checking.given_problems import chosen_suite, suite_of
from pgverify.checking.isolation.limits import MEMORY_LIMIT, Limits
from pgverify.checking.sampled.draws import guarded_sampler
from pgverify.checking.sampled.sampler_check import check_sampler
from pgverify.checking.scope_of_suite import with_scope
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.surroundings_changed import spoiled_by, with_surroundings
from pgverify.checking.verdict.targets import claim_of, target_terms
from pgverify.checking.witness.find_witness import with_witness
from pgverify.errors import InvalidInput, unknown_name
from pgverify.estimators import Estimator
from pgverify.kinds import FUNCTION, accepts
from pgverify.policies import Policy
from pgverify.problem import Problem
from pgverify.stats import SequentialTest
from pgverify.suites import SuiteProblem
from pgverify.targets import Target
from pgverify.validation import require_flag, require_integer, require_number, require_text

if TYPE_CHECKING:
    from pgverify.agents import AgentWorld, Window
    from pgverify.checking.agents.agent_check import AgentProgress

KINDS = ("gradient", "weights", "sampler", "agent")


IMPLEMENTATION = replace(
    FUNCTION, expected="a function of a batch", advice="of a class give an instance", error=InvalidInput
)


@accepts()
def check(
    implementation: Callable[..., Any],
    kind: Literal["gradient", "weights", "sampler", "agent"] = "gradient",
    target: str | Estimator | Target = "policy_gradient",
    problems: Problem | SuiteProblem | Iterable[Problem | SuiteProblem] | None = None,
    alpha: float = 1e-6,
    tolerance: float = 0.01,
    seed: int = 0,
    time_limit: float = 10.0,
    budget: int = 1_000_000,
    total_time_limit: float = 600.0,
    rarest: float | None = None,
    design: Design | None = None,
    explore: int = 24,
    isolate: bool = False,
    memory_limit: float = MEMORY_LIMIT,
    suite: str = "standard",
    acting: Policy | Callable[[Problem], Policy] | None = None,
    max_steps: int | None = None,
    policy: Callable[[AgentWorld], Policy] | None = None,
    window: Window | None = None,
    reset: Callable[[AgentWorld], Any] | None = None,
    progress: AgentProgress | None = None,
    processes: int = 1,
    resume: str | Path | None = None,
) -> Report:
    """Tell whether an implementation estimates the gradient it claims to estimate.

    The implementation is called on every trajectory of a suite of small problems, and its exact expectation
    E[ĝ] = Σ_τ P(τ) ĝ(τ) is compared with the exact target: no sampling, hence no false alarm. A function that couples
    the trajectories of a batch is called on all batches instead, of as many sizes as can be listed; the report states
    them. Longer batches that differ in their order alone are listed once, unless two orders were seen to differ. One
    that answers differently to the same batch is judged by sampling, and the report says so.

    The verdict is about functions of data. One that computes the gradient from `batch.problem`, the model itself, has
    the right expectation and is CORRECT, with a warning.

    Parameters
    ----------
    implementation : batch -> [n, d] or [d] ("gradient"), batch -> [n, T] ("weights"), or
        (problem, num_trajectories, rng) -> [k, d] independent estimates ("sampler"), or world -> [d], the direction
        of one update of a training loop ("agent")
    kind : "gradient", "weights", "sampler" or "agent"
    target : str, estimator or Target
        policy_gradient, discount_dropped, undiscounted_policy_gradient, or a name in `pgverify.bugs.TARGETS`; what an
        estimator of `pgv.estimators` estimates, as GPOMDP(0.9) or by name, gpomdp(0.9), v_trace(1, 1);
        entropy_bonus and kl_bonus, loss terms with the states held, also with a coefficient as in entropy_bonus(0.01);
        surrogate(0.2), PPO's with A = G_t − V(s_t) and the ratio to the policy that acted, surrogate(0.2, 0.28) with a
        higher upper clip, surrogate(0.2, 0.2, 3) with a dual one; a sum such as "surrogate(0.2) + entropy_bonus(0.01)";
        or an object such as `pgv.targets.Surrogate(clip=0.2)`.
    problems : Problem or SuiteProblem, or several (a list, an array, a generator), optional
        Problems to use instead of a suite; a `SuiteProblem` has a name for the report. Without an end they are cut
        after at most three steps, or as a `CollectedProblem` says. Where one has too many trajectories to be listed the
        verdict is INCONCLUSIVE, unless another shows a fault.
    alpha, tolerance, seed, budget
        For what is judged statistically: total false-alarm probability, relative bias that is tolerated, seed, and
        most estimates on one problem. A random implementation has a tolerance and a budget of its own, in the report.
        Of an agent nothing is sampled: its budget is the most runs on one problem, and the others are refused.
    time_limit : float
        Seconds of processor time for each call, or on the wall where it only waits; 60 times that for a sampler's. Kept
        on Unix and in the main thread, between two steps of the interpreter: one NumPy operation that never ends is not
        interrupted. Large batches that would take longer than half of it, by the time of smaller ones, are not tried,
        which a warning says.
    total_time_limit : float
        Seconds, counted likewise, after which no further call begins. What was seen until then is judged; a fault
        counts, but the absence of one is INCONCLUSIVE.
    rarest : float, optional
        For a sampler: vouches that nothing that matters in its own draws has a smaller probability, as an importance
        sampler's arms may. A bias is then believed as soon as it shows; else when all of the budget shows it again.
    design : Independent or Grouped, optional
        Which batches the implementation is made for: it is then called on these alone. Not for kind "sampler".
    explore : int
        Random problems, the first of a sequence that is the same everywhere, on which the verdict of the standard suite
        is looked for once more: longer, wider, cut, without a step, γ = 0. They can only lower it; 0 for none. It has
        no effect where `problems` or another suite are given, and none on a "sampler".
    isolate : bool
        Whether the implementation is called in a process of its own, as the command line does: what ends it, hangs in
        compiled code, or eats memory is then INVALID, with the input, and what it started ends with it. It must be
        found there: at the top of a module or a file, or by pickling.
    memory_limit : float
        GiB for that process and all that it starts. It has no effect without `isolate`.
    suite : str
        A name in `pgverify.suites.names()`, where no `problems` are given. Where data are cut, "policy_gradient" means
        the terms of the steps that are seen, each with the whole future: what bootstrapping at the cut estimates.
    acting : Policy, or problem -> Policy, optional
        μ, which chooses the actions on all problems in place of their own policies.
    max_steps : int, optional
        Steps after which episodes are cut; shorter problems stay whole.
    policy : world -> Policy, optional
        For an agent: whose parameters it updates. Agents that are ready bring theirs.
    window : pgv.agents.Window, optional
        For an agent that collects a fixed number of steps, across the ends of episodes: what it should follow then is
        the window's own gradient, with the agent's critic.
    reset : world -> anything, optional
        For an agent: called before every run, to reset what would be left over.
    progress : (problem, number, of, TreeProgress) -> anything, optional
        For an agent: told how far its runs have come, with the time that is left.
    processes : int
        For an agent: among which its runs are shared out, where there are many. It must be found by them, at the top of
        a module or a file. An agent that runs as rows of many environments needs none.
    resume : str or Path, optional
        For an agent: a folder that takes what is found, a file for every problem, so that a check which was ended goes
        on where it stood.

    Raises
    ------
    InvalidInput
        When the call itself is wrong. What the implementation does never raises, KeyboardInterrupt excepted.
    """
    if not isinstance(suite, str) or suite not in suites.names():
        raise unknown_name("suite", suite, suites.names())
    if not isinstance(kind, str) or kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    meant = "the name of a target, such as 'policy_gradient'"
    target = require_text("target", claim_of(target), InvalidInput, meant)
    target_terms(target)
    batches = require_design(design, kind)
    IMPLEMENTATION.require("implementation", implementation)
    # From here on every value is the plain Python number that was checked, whatever NumPy scalar it came as.
    time_limit = require_number("time_limit", time_limit, 1e-3, 1e6, InvalidInput)
    total_time_limit = require_number("total_time_limit", total_time_limit, 1e-3, 1e9, InvalidInput)
    memory_limit = require_number("memory_limit", memory_limit, 1e-3, 1e6, InvalidInput)
    seed = require_integer("seed", seed, 0, InvalidInput, largest=None)
    explore = require_integer("explore", explore, 0, InvalidInput, ", the number of further problems")
    test = SequentialTest(alpha=alpha, tolerance=tolerance, budget=budget)
    if rarest is not None:
        if kind != "sampler":
            raise InvalidInput(f'rarest is {rarest!r}, must be left out unless kind is "sampler": nothing is sampled')
        rarest = require_number("rarest", rarest, 1e-9, 0.5, InvalidInput)
        test = replace(test, rarest=rarest)
    isolate = require_flag("isolate", isolate, InvalidInput)
    if kind == "agent":  # what they need is an eighth of all that is imported here
        from pgverify.checking.agents.agent_check import check_agent
        from pgverify.checking.agents.agent_options import asked_parts, refuse_useless
        from pgverify.checking.agents.agent_run import RunLimits

        parts = asked_parts(processes, resume)
        refuse_useless(
            {
                "isolate": isolate,
                "design": design,
                "alpha": test.alpha,
                "tolerance": test.tolerance,
                "seed": seed,
                "explore": explore,
                "acting": acting,
                "max_steps": max_steps,
            }
        )
        own = getattr(implementation, "problems", None) if suite == "standard" else None
        chosen = chosen_suite(suite, own if problems is None else problems, "gradient")
        with warnings.catch_warnings(), np.errstate(all="ignore"), Alarm(time_limit) as alarm:
            warnings.simplefilter("ignore")
            limits = RunLimits(alarm, Deadline.after(total_time_limit))
            return check_agent(
                implementation, chosen, target, policy, window, reset, test.budget, limits, progress, parts
            )
    if any(each is not None for each in (policy, window, reset, progress, resume)) or processes != 1:
        raise InvalidInput(
            'policy, window, reset, progress, processes and resume belong to kind="agent", must be left out of '
            f"kind={kind!r}"
        )
    if acting is not None or max_steps is not None:
        entries = collected_as_asked(chosen_suite(suite, problems, "gradient"), max_steps, acting)
        problems, suite = entries, "standard"
    if isolate:  # what watches over processes is a tenth of all that is imported here
        from pgverify.checking.isolation.isolated_check import check_isolated

        options = {
            "kind": kind,
            "target": target,
            "problems": None if problems is None else suite_of(problems),
            "suite": suite,
            "alpha": test.alpha,
            "tolerance": test.tolerance,
            "seed": seed,
            "time_limit": time_limit,
            "budget": test.budget,
            "total_time_limit": total_time_limit,
            "rarest": rarest,
            "design": batches,
            "explore": explore,
        }
        return check_isolated(implementation, options, Limits(time_limit, total_time_limit, memory_limit))
    deadline = Deadline.after(total_time_limit)
    entries = chosen_suite(suite, problems, kind)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the verdict does not depend on what the caller makes of warnings
        surroundings = Surroundings()
        try:
            if kind == "sampler":
                sampler = guarded_sampler(implementation, time_limit, deadline)
                report = check_sampler(sampler, entries, target, test, seed, vouched=rarest is not None)
                report = with_scope(report, entries)
            else:
                with Alarm(time_limit) as alarm:
                    limited = LimitedFunction(implementation, kind == "weights", alarm, deadline)
                    given = problems is not None or suite != "standard"

                    def judged(function: LimitedFunction, again: bool) -> Report:
                        def by_calling(claim: ClaimedTarget) -> Report:
                            def once(one: ClaimedTarget) -> Report:
                                if batches is not None:
                                    return check_by_design(one, batches, test.alpha, seed)
                                listed = check_by_listing(one, test.alpha, seed)
                                return sampled_where_too_many(one, listed, test.alpha, seed)

                            return judged_finely(claim, once, batches)

                        claim = ClaimedTarget(function, target, entries, given, 0 if given else explore, again)
                        return judged_inside(claim, by_calling, batches)

                    report = asked_again(limited, judged)
                    report = with_witness(report, limited, entries)
        except Exception:  # a function of NumPy that was replaced may have broken the check: then that is the verdict
            broken = spoiled_by(surroundings.restored(), target)
            if broken is None:
                raise
            return broken
        except BaseException:
            surroundings.restored()
            raise
        return with_surroundings(report, surroundings.restored())
