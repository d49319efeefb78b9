# SPDX-License-Identifier: Apache-2.0
"""For every folder of tests: where the modules are that they share, and a device in a folder."""
import shutil
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / folder) for folder in (
    "tests", "tests/format", "tests/hostile", "tests/lint", "tests/mutants", "tests/proof", "tests/soak", "qemu",
    "initramfs/mkinitramfs.d")]

from cli_device import make_device, make_factory, make_good, make_ready     # noqa: E402

FAILED = pytest.StashKey()
__all__ = ["make_device", "make_factory", "make_good", "make_ready"]


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; part of make check-long")
    config.addinivalue_line("markers", "threat(*numbers): a test of these threats, of tests/hostile/threats.py")


def pytest_addoption(parser):
    parser.addoption("--left-out", help="a file of tests that are skipped: lines FILE::NAME, below a line '# REASON'")


def left_out(path: Path) -> dict:
    """{test: reason}"""
    reasons, reason = {}, ""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            reason = line.removeprefix("# ")
        elif line:
            reasons[line] = reason
    return reasons


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """A test that is listed and does not exist any more is an error."""
    if not config.getoption("--left-out"):
        return
    reasons = left_out(TOP / config.getoption("--left-out"))
    found = set()
    for item in items:
        whole = item.nodeid.rpartition("/")[2]
        for name in (whole, whole.partition("[")[0]):
            if name in reasons:
                found.add(name)
                item.add_marker(pytest.mark.skip(reason=reasons[name]))
    if found < set(reasons):
        raise pytest.UsageError(f"{config.getoption('--left-out')} lists what is no test: "
                                f"{', '.join(sorted(set(reasons) - found))}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or outcome.get_result().failed


@pytest.fixture(autouse=True)
def tidy(request):
    """The folder of a test that passed goes at once: together they are 11 GB, and /tmp may be in memory."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder and not request.node.stash.get(FAILED, False):
        shutil.rmtree(folder, ignore_errors=True)
