"""A pytest plugin: the last lines of every run name what was skipped and why, so that no skip goes unseen.

With NMIGRATE_TEST_NO_SKIPS=1 (as .ci/run sets it) a skip fails the run.
"""

import os
from collections import defaultdict

import pytest

EXIT_SKIPPED = 1


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it was skipped: the third part of (file, line, "Skipped: why")."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def skipped(reporter: pytest.TerminalReporter) -> dict[str, list[str]]:
    """Reason -> names of the skipped tests. A module skipped as a whole counts by its name."""
    found: dict[str, list[str]] = defaultdict(list)
    for report in reporter.stats.get("skipped", []):
        found[reason(report)].append(report.nodeid)
    return found


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> object:
    result = yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    is_strict = bool(os.environ.get("NMIGRATE_TEST_NO_SKIPS")) and session.exitstatus == pytest.ExitCode.OK
    if is_strict and isinstance(reporter, pytest.TerminalReporter) and skipped(reporter):
        session.exitstatus = EXIT_SKIPPED
    return result


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say it after pytest's own closing line: nothing may come below that a reader could stop at."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not isinstance(reporter, pytest.TerminalReporter):
        return
    for why, names in sorted(skipped(reporter).items()):
        reporter.write_line(f"not run: {why}", yellow=True)
        for name in names:
            reporter.write_line(f"  {name}", yellow=True)
    if skipped(reporter) and os.environ.get("NMIGRATE_TEST_NO_SKIPS"):
        reporter.write_line("NMIGRATE_TEST_NO_SKIPS is set: a skipped test is a failure here.", red=True)
