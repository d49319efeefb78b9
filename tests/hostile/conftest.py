# SPDX-License-Identifier: Apache-2.0
"""Fixtures, and the report of `make hostile`: build/report/hostile.json."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import proven                                                        # noqa: E402
from hostile import Forge, Keys, Target                              # noqa: E402


@pytest.fixture
def cases(record_property):
    """cases(n): this test has tried so many."""
    return lambda n: record_property("cases", n)


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def image():
    """Two chunks of text and noise, and a shorter one."""
    return bytes(range(256)) * 80 + bytes(range(255, -1, -1)) * 48 + b"keel" * 1024


@pytest.fixture
def target(tmp_path, keys):
    return Target(tmp_path, keys)


@pytest.fixture
def genuine(tmp_path, keys, image):
    return Forge(keys, image).write(tmp_path / "genuine.keel")


# ---------------------------------------------------------------- the report


class Reporter:
    """Collects results where the session is run from, also with several workers. Only a session of the whole folder
    writes the report."""

    def __init__(self, config):
        self.config, self.run, self.facts = config, proven.Run(), None

    def pytest_runtest_logreport(self, report):
        self.run.add(report)

    def pytest_sessionfinish(self, session, exitstatus):
        options = self.config.option
        picked = options.keyword or options.markexpr or options.deselect or any("::" in arg for arg in self.config.args)
        if picked or exitstatus not in (0, 1) or not self.run.is_whole():
            return
        self.facts = self.run.facts()
        proven.write(self.facts)
        if self.facts["skipped"] and self.config.getoption("no_skips"):
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter):
        for line in proven.told(self.facts) if self.facts else ():
            terminalreporter.write_line(line)


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="a whole run of tests/hostile fails if a test is skipped")


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Reporter(session.config), "keelboot-hostile-report")
