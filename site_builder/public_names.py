"""Every public name, by the page that documents it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any


@dataclass(frozen=True)
class Chapter:
    """A page of the reference.

    Attributes
    ----------
    title, about : str
        As on top of the page.
    names : tuple of str
        Dotted, below `pgverify`; a module stands for everything in its `__all__`.
    """

    title: str
    about: str
    names: tuple[str, ...]


CHAPTERS: Mapping[str, Chapter] = MappingProxyType(
    {
        "problems": Chapter(
            "Problems",
            "An MDP, a policy and an objective: together they define J(θ).",
            (
                "TabularMDP",
                "ContinuousMDP",
                "Problem",
                "FiniteHorizon",
                "Discounted",
                "AverageReward",
                "Entropy",
                "KL",
                "collected_problem.CollectedProblem",
            ),
        ),
        "policies": Chapter("Policies", "Probabilities, and the product of their score with weights.", ("policies",)),
        "mdps": Chapter("Named problems and how to make others", "The zoo, importers, and JSON files.", ("mdps",)),
        "suites": Chapter("Suites", "The problems on which the oracle judges.", ("suites",)),
        "exact": Chapter("Exact answers", "Everything here is computed, nothing is sampled.", ("exact",)),
        "sampling": Chapter(
            "Sampling",
            "The same seed gives the same bits, whatever the chunk size.",
            ("sample", "sample_chunks", "sample_moments", "Trajectories"),
        ),
        "estimators": Chapter("Estimators", "Functions of a batch: one contribution a trajectory.", ("estimators",)),
        "baselines": Chapter("Baselines", "What is subtracted from the returns.", ("baselines",)),
        "oracle": Chapter(
            "The oracle",
            "Hand over an implementation, get a verdict.",
            ("check", "check_policy", "Outcome", "Independent", "Grouped", "checking"),
        ),
        "language": Chapter("Losses for language models", "GRPO, RLOO and their kin.", ("check_lm", "language")),
        "targets": Chapter("Targets", "What a loss for a language model may claim.", ("targets",)),
        "agents": Chapter("Whole training loops", "An update judged over all of its random choices.", ("agents",)),
        "choices": Chapter(
            "Exact expectations of programs", "A program, run once for every sequence of its choices.", ("choices",)
        ),
        "variance": Chapter(
            "Variance and planning",
            "Which estimator, how many episodes.",
            ("variance_report", "VarianceReport", "plan", "Plan", "variance"),
        ),
        "stats": Chapter("Statistics", "Arrays only: it has never heard of an MDP.", ("stats",)),
        "adapters": Chapter(
            "Adapters",
            "Ways in for what others wrote.",
            tuple(
                f"adapters.{room}"
                for room in (
                    "torch",
                    "jax",
                    "numpy",
                    "gymnasium",
                    "process",
                    "token_losses",
                    "stable_baselines3",
                    "torchrl",
                    "trl",
                )
            ),
        ),
        "bugs": Chapter("The catalogue of faults", "Runnable faults, each with its cause and its cure.", ("bugs",)),
        "cases": Chapter("Golden cases", "Exact answers as JSON, for tests in other languages.", ("cases",)),
        "strategies": Chapter(
            "Hypothesis strategies", "MDPs, policies and problems for property tests.", ("strategies",)
        ),
        "running": Chapter("Running studies", "Cells, stores and executors.", ("studies", "running")),
        "errors": Chapter("Errors", "One sentence each: the argument, the value found, what is allowed.", ("errors",)),
    }
)

NEEDS: Mapping[str, str] = MappingProxyType(
    {"adapters.torch": "torch", "adapters.jax": "jax", "adapters.gymnasium": "gymnasium", "strategies": "hypothesis"}
)
"""Modules that load a library of an extra; without it they are documented from their source."""


@dataclass(frozen=True)
class PublicName:
    """A name that people outside may use.

    Attributes
    ----------
    dotted : str
        Below `pgverify`, as it is typed after `pgv.`.
    chapter : str
        The page that documents it.
    value : object
    """

    dotted: str
    chapter: str
    value: Any

    @property
    def anchor(self) -> str:
        """Where on its page it stands."""
        return self.dotted


def offered(module: ModuleType) -> list[str]:
    """Return the public names of a module: its `__all__`, or else what is defined in it without an underscore."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [name for name in listed if not name.startswith("__")]
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    )


def names_of(chapter: str) -> Iterator[PublicName]:
    """Yield the names that a chapter documents, each once, without those whose extra is not installed."""
    seen: dict[str, Any] = {}
    for dotted in CHAPTERS[chapter].names:
        for found in _expanded(dotted, chapter):
            short = found.dotted.rpartition(".")[2]
            if short not in seen or seen[short] is not found.value:  # a room may offer what the package does
                seen[short] = found.value
                yield found


def _expanded(dotted: str, chapter: str) -> Iterator[PublicName]:
    room, _, name = dotted.rpartition(".")
    home = import_module(f"pgverify.{room}" if room else "pgverify")
    value = getattr(home, name, None) or import_module(f"pgverify.{dotted}")
    if not isinstance(value, ModuleType):
        yield PublicName(dotted, chapter, value)
        return
    for each in offered(value):
        inner = getattr(value, each)
        if not isinstance(inner, ModuleType):
            yield PublicName(f"{dotted}.{each}", chapter, inner)


def all_names() -> list[PublicName]:
    """Return every public name with its page."""
    return [name for chapter in CHAPTERS for name in names_of(chapter)]
