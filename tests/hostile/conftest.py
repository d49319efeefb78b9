# SPDX-License-Identifier: Apache-2.0
"""Fixtures, and the report of `make hostile`: build/report/hostile.json."""
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import threats                                                       # noqa: E402
from hostile import Forge, Keys, Target                         # noqa: E402

REPORT = Path(__file__).resolve().parents[2] / "build/report/hostile.json"


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


class Report:
    """Collects results where the session is run from, also with several workers."""

    def __init__(self):
        self.tests = {}

    def pytest_runtest_logreport(self, report):
        if "tests/hostile/" not in report.nodeid:
            return
        test = self.tests.setdefault(report.nodeid, {"cases": 1, "passed": True})
        test["passed"] &= not report.failed
        for name, value in report.user_properties:
            if name == "cases" and report.when == "call":
                test["cases"] = value

    def pytest_sessionfinish(self):
        if not self.tests:
            return
        rows = []
        for number, names in sorted(threats.collect().items()):
            ours = {name: test for name, test in self.tests.items()
                    if any(name.split("[")[0].endswith(known) for known in names)}
            rows.append({"number": number, "title": threats.THREATS[number], "tests": names,
                         "cases": sum(test["cases"] for test in ours.values())})
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(json.dumps({
            "cases": sum(test["cases"] for test in self.tests.values()),
            "passed": sum(test["cases"] for test in self.tests.values() if test["passed"]),
            "failed": sorted(name for name, test in self.tests.items() if not test["passed"]),
            "later": sorted(threats.later()), "threats": rows,
            "beyond": [{"title": title, "tests": tests} for title, tests in threats.BEYOND.items()]}, indent=1) + "\n")


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Report(), "keelboot-hostile-report")
