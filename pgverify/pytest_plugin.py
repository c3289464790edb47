"""The pytest plugin: fixtures that hand an implementation to the oracle. No statistics, nothing imported at start.

    def test_my_gradient(pg_check):
        pg_check(my_gradient)

    def test_my_gradient_is_finite(pg_problem):
        assert np.isfinite(my_gradient(pgv.sample(pg_problem, 10))).all()

Registered through an entry point, so every pytest run pays for the import of this module: it imports pytest alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgverify.checking import Report
    from pgverify.problem import Problem


@pytest.fixture
def pg_check(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """Judge a policy-gradient implementation: pg_check(implementation, kind="gradient", target="policy_gradient", ...).

    Takes what `pgverify.check` takes and returns its report. Unless the outcome is CORRECT or CONSISTENT the test
    fails, with the report as its message; otherwise the report is kept with the test, and `pytest -rP` shows it.
    INCONCLUSIVE fails too, for nothing was shown; with allow_inconclusive=True it passes.
    """

    def judge(
        implementation: Callable[..., Any],
        kind: Any = "gradient",
        target: str = "policy_gradient",
        *,
        allow_inconclusive: bool = False,
        **options: Any,
    ) -> Report:
        __tracebackhide__ = True
        from pgverify.checking import Outcome, check
        from pgverify.errors import InvalidInput

        try:
            report = check(implementation, kind, target, **options)
        except InvalidInput as error:  # a wrong call: the author of the test wants to see that line, not ours
            raise error.with_traceback(None) from None
        accepted = report.outcome.good or (allow_inconclusive and report.outcome is Outcome.INCONCLUSIVE)
        if not accepted:
            pytest.fail(str(report), pytrace=False)
        request.node.add_report_section("call", "pgverify", str(report))
        return report

    return judge


@pytest.fixture(scope="session")
def pg_problem(request: pytest.FixtureRequest) -> Problem:
    """Each problem of the standard suite of pgverify in turn: the test runs once for each, and is named after it."""
    problem: Problem | None = getattr(request, "param", None)
    if problem is None:
        pytest.fail("pg_problem is asked for by getfixturevalue, must be an argument of the test", pytrace=False)
    return problem


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise the tests that ask for `pg_problem`; the problems are built for them alone."""
    if "pg_problem" not in metafunc.fixturenames:
        return
    from pgverify.checking import standard_suite

    suite = standard_suite()
    names = [entry.name for entry in suite]
    metafunc.parametrize("pg_problem", [entry.problem for entry in suite], ids=names, indirect=True)
