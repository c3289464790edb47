"""A function whose calls are written down before they begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pgverify.checking.isolation.whereabouts import Doing, Notebook


class NotedFunction:
    """Somebody's function, with the notebook in which every call of it is written down.

    Parameters
    ----------
    function : any callable
    notebook : Notebook
    suite : sequence of SuiteProblem
        Whose names are known.
    beyond : iterator of (name, problem)
        Further problems in the order in which they will be met.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        notebook: Notebook,
        suite: Any,
        beyond: Iterator[tuple[str, Any]] | None = None,
    ) -> None:
        self._function, self._notebook, self._beyond = function, notebook, beyond or iter(())
        self.__wrapped__ = function  # what is asked of its signature is asked of the function's
        self._known = {id(entry.problem): (entry.name, number) for number, entry in enumerate(suite, 1)}
        self._kept = list(suite)  # an id is one as long as its object lives
        self._last: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function returns."""
        return self._function(*arguments)

    def begin(self, arguments: tuple[Any, ...], seconds: float) -> None:
        """Write down the call that is about to begin, and its time limit."""
        batch, count = (None, arguments[1]) if len(arguments) > 1 else (arguments[0], len(arguments[0]))
        problem = arguments[0] if batch is None else batch.problem
        if problem is not self._last:
            self._last = problem
            name, number = self._name(problem)
            self._notebook.on(name, number, len(self._kept))
        self._notebook.calling(batch, count, seconds)

    def end(self) -> None:
        """Write down that the call is over."""
        self._notebook.doing(Doing.JUDGING)

    def _name(self, problem: Any) -> tuple[str, int]:
        if id(problem) not in self._known:
            for name, further in self._beyond:
                self._known[id(further)] = (name, 0)
                if further is problem:
                    break
        return self._known.get(id(problem), (f"{problem}"[:80], 0))
