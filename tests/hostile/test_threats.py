# SPDX-License-Identifier: Apache-2.0
"""Each of the threats has its tests, or stands in docs/LIMITS.md among what is not promised, with the reason."""
import os
import re
import subprocess
import sys

import proven
import pytest
import threats

PROGRAMS = threats.programs()


def test_each_threat_has_a_test_or_a_reason():
    bare = [number for number, tests in threats.collect().items() if not tests]
    assert set(bare) <= threats.later(), "no test, and no line in docs/LIMITS.md"


def test_numbers_are_those_of_the_list():
    assert set(threats.collect()) == set(threats.THREATS) == set(range(1, 46))
    assert threats.later() <= set(threats.THREATS)


def test_what_is_named_is_there():
    named = [*threats.ELSEWHERE, *(test for tests in threats.BEYOND.values() for test in tests)]
    assert [test for test in named if not threats.is_there(test)] == []


def test_the_page_has_the_table():
    """`tests/hostile/threats.py --write` puts it there."""
    text = threats.PAGE.read_text()
    between = text.partition(threats.BEGIN)[2].partition(threats.END)[0]
    assert threats.HEADING in text and between.strip() == threats.table().strip()


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_c_tests_of_the_table_pass(program, record_property):
    done = subprocess.run([threats.TOP / "build" / program], cwd=threats.TOP, capture_output=True, text=True,
                          errors="replace", check=False)
    passed = re.findall(r"^\[       OK \] (\w+)", done.stdout + done.stderr, re.M)
    results = {f"{program}.c::{name}": "this run" if name in passed else "failed" for name in PROGRAMS[program]}
    record_property("also", results)
    assert done.returncode == 0 and "failed" not in results.values(), (results, done.stdout, done.stderr)


# ---------------------------------------------------------------- the report of what is proven


class Said:
    """A report of pytest."""

    def __init__(self, name, outcome="passed", when="call", **properties):
        self.nodeid, self.outcome, self.when = f"tests/hostile/{name}", outcome, when
        self.passed, self.user_properties = outcome == "passed", list(properties.items())


def run_of(*said) -> proven.Run:
    run = proven.Run()
    for one in said:
        run.add(one)
    return run


def test_row_is_proven_when_all_its_tests_passed():
    run = run_of(Said("test_a.py::test_x[1]", cases=5), Said("test_a.py::test_x[2]", cases=2),
                 Said("test_a.py::test_y", "skipped", "setup"), Said("test_a.py::test_z", "failed", cases=3),
                 Said("test_a.py::test_c", also={"tests/unit/c_test.c::one": "this run"}))
    before = {"tests/boot/test_b.py::test_b": "earlier runs"}
    x, y, z = (f"tests/hostile/test_a.py::test_{name}" for name in "xyz")
    one, b = "tests/unit/c_test.c::one", "tests/boot/test_b.py::test_b"
    for names, result, passed, failed in [
            ([x], "this run", 7, 0), ([x, one], "this run", 7, 0), ([x, one, b], "earlier runs", 7, 0),
            ([x, b, "tests/boot/test_b.py::test_c"], "not run", 7, 0), ([x, y, b], "skipped", 7, 0),
            ([x, y, z], "failed", 7, 3), ([y], "skipped", 0, 0), ([], "not promised", 0, 0)]:
        row = run.row("title", names, before)
        assert (row["proven"], row["passed"], row["failed"]) == (result, passed, failed), names


def test_error_before_or_after_a_test_is_a_failure():
    for when in "setup", "teardown":
        run = run_of(Said("test_a.py::test_x"), Said("test_a.py::test_x", "failed", when))
        assert run.named("failed") == ["tests/hostile/test_a.py::test_x"] and run.cases("this run") == 0


CASE = '<testcase classname="tests.{}" name="{}">{}</testcase>'


@pytest.fixture(name="left")
def make_left(tmp_path, monkeypatch):
    """left(cases): what an earlier run of boot left, behind the build of the one program that there is; its file."""
    program, report = tmp_path / "init", tmp_path / "boot.xml"
    program.write_bytes(b"")
    os.utime(program, (1, 1))
    monkeypatch.setattr(proven, "PROGRAMS", [program, tmp_path / "missing"])
    monkeypatch.setattr(proven, "EARLIER", [tmp_path / "missing.xml", report])
    monkeypatch.setattr(proven, "STORIES", [tmp_path / "ioerr.json"])

    def write(*cases):
        lines = "".join(CASE.format(*case, "") if len(case) == 2 else CASE.format(*case) for case in cases)
        report.write_text(f"<testsuites><testsuite>{lines}</testsuite></testsuites>")
        return report
    return write


def test_earlier_runs_count_while_the_programs_are_the_same(left, monkeypatch):
    x, y, z, gone = (f"tests/{name}" for name in ("boot/test_a.py::test_x", "boot/test_a.py::test_y",
                                                  "test_b.py::test_z", "test_b.py::test_gone"))
    monkeypatch.setattr(threats, "everywhere", lambda: [x, y, z, gone])
    monkeypatch.setattr(proven, "collected", lambda tests: {x: [f"{x}[1]", f"{x}[2]"], y: [y], z: [z]})
    report = left(("boot.test_a", "test_x[1]"), ("boot.test_a", "test_x[2]", "<failure/>"),
                  ("boot.test_a", "test_y", "<skipped/>"), ("test_b", "test_z"), ("test_b", "test_of_no_row"))
    assert proven.earlier() == {x: "failed", y: "skipped", z: "earlier runs"}
    os.utime(report, (0, 0))
    assert proven.earlier() == {}


def test_test_counts_once_all_its_cases_have_passed(left):
    """By what pytest itself says that they are: a run of boot leaves the long ones out, and may have been of one."""
    test = "tests/boot/test_hostile_boot.py::test_t34_state_of_a_stranger_boots_what_is_there"
    cases = [case.partition("::")[2] for case in proven.collected([test])[test]]
    assert len(cases) > 3 and "garbage" in cases[0]
    for some, result in (cases[:1], "not run"), (cases[:-1], "not run"), (cases, "earlier runs"):
        left(*(("boot.test_hostile_boot", case) for case in some))
        assert proven.earlier() == {test: result}
    left(("boot.test_hostile_boot", cases[0], "<failure/>"))
    assert proven.earlier() == {test: "failed"}


def test_story_counts_when_nothing_is_violated(left, tmp_path):
    program, report = tmp_path / "init", tmp_path / "ioerr.json"
    report.write_text('{"per_story": [{"story": "stick", "violations": 0}, {"story": "raw", "violations": 1}]}')
    assert proven.earlier() == {"tests/sim/ioerr_sim::stick": "earlier runs", "tests/sim/ioerr_sim::raw": "failed"}
    os.utime(report, (0, 0))
    assert program.exists() and proven.earlier() == {}
    report.write_text('{"per_story": [{"story": "stick", "violations": 0}')
    assert proven.earlier() == {}


def test_file_that_pytest_cannot_read_proves_nothing(tmp_path):
    (tmp_path / "test_bad.py").write_text("import nothing_of_this_name")
    with pytest.raises(RuntimeError, match="nothing_of_this_name"):
        proven.collected([f"{tmp_path}/test_bad.py::test_x"])


@pytest.mark.parametrize("chosen", [["-k", "numbers_are_those", "tests/hostile"],
                                    ["tests/hostile/test_names.py", "--co"],
                                    ["tests/hostile/test_threats.py::test_what_is_named_is_there"]])
def test_run_of_a_part_writes_no_report(tmp_path, chosen):
    code = f"import pathlib, sys, pytest; sys.path.insert(0, 'tests/hostile'); import proven; " \
           f"proven.REPORT = pathlib.Path({str(tmp_path / 'report')!r}); sys.exit(pytest.main({chosen!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=threats.TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "report").exists()


def test_whole_run_is_told_from_a_part():
    names = [f"tests/hostile/{path.name}::{name}" for path in (threats.TOP / "tests/hostile").glob("test_*.py")
             for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)]
    run = run_of(*(Said(name.removeprefix("tests/hostile/")) for name in names))
    assert run.is_whole() and set(run.facts()["rows"]) == set(proven.HOW)
    run.tests.popitem()
    assert not run.is_whole()
