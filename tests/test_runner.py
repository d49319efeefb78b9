# SPDX-License-Identifier: Apache-2.0
"""tests/run: which suites `make check` and `make check-long` come to."""

import importlib.machinery
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent


@pytest.fixture(name="runner", scope="module")
def load_runner():
    loader = importlib.machinery.SourceFileLoader("keelboot_run", str(TOP / "tests/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_long_is_every_suite_and_the_default_all_but_the_long_ones(runner):
    assert runner.chosen([], True) == list(runner.SUITES)
    assert set(runner.SUITES) - set(runner.chosen([], False)) == set(runner.LONG) == {"boot-long"}
    assert runner.chosen(["unit"], False) == ["unit"]


def test_make_names_no_suites_of_its_own():
    """A list in the Makefile would be behind this one: it was."""
    makefile = (TOP / "Makefile").read_text()
    assert re.findall(r"SUITES=(.*)", makefile) == ["--long"]


def test_usage_errors():
    for options in (["--long", "unit"], ["nonesuch"]):
        done = subprocess.run([TOP / "tests/run", *options], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 2 and done.stdout == ""
