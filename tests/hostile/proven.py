# SPDX-License-Identifier: Apache-2.0
"""build/report/hostile.json: which threats a run of tests/hostile proves, and which the suites that ran before it.

A test counts for a threat once all its cases have passed. One that this run does not hold is looked up in what the
suites of whole folders left, as long as the programs that they tried are those that are built now.
"""
import ast
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import threats

TOP = threats.TOP
FOLDER = "tests/hostile/"
REPORT = TOP / "build/report/hostile.json"
EARLIER = [TOP / f"build/report/{suite}.xml" for suite in ("host", "boot", "boot-long")]
STORIES = [TOP / f"build/report/{name}.json" for name in ("ioerr-check", "ioerr")]
PROGRAMS = [TOP / f"build/{name}" for name in ("init", "keelboot", "keelboot-helper", "keelboot-guardian")]
HOW = ("this run", "earlier runs", "not run", "skipped", "failed", "not promised")      # a row is; a test, but the last


def worst(results) -> str:
    """What several cases of a test, or tests of a row, come to."""
    return max(results, key=HOW.index)


def collected(tests) -> dict:
    """{path::test: its cases, as pytest names them} of those tests that are there."""
    files = sorted({test.partition("::")[0] for test in tests})
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
                          cwd=TOP, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the cases of {', '.join(files)} cannot be told:\n{done.stdout}{done.stderr}")
    found = {}
    for case in done.stdout.splitlines():
        if "::" in case:
            found.setdefault(case.partition("[")[0], []).append(case)
    return found


def is_newer(report) -> bool:
    built = max((path.stat().st_mtime for path in PROGRAMS if path.exists()), default=0)
    return report.exists() and report.stat().st_mtime >= built


def cases_of_earlier_runs() -> dict:
    """{path::test[case]: "earlier runs", "skipped" or "failed"} of the suites' files that are newer than the
    programs."""
    found = {}
    for path in filter(is_newer, EARLIER):
        for case in ElementTree.parse(path).iter("testcase"):
            name = f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
            said = {child.tag for child in case}
            result = "failed" if said & {"failure", "error"} else "skipped" if "skipped" in said else "earlier runs"
            found[name] = worst([result, found.get(name, result)])
    return found


def stories() -> dict:
    """{path::story: "earlier runs" or "failed"} of the simulation of I/O errors."""
    found = {}
    for path in filter(is_newer, STORIES):
        try:
            told = json.loads(path.read_text())["per_story"]
        except ValueError:          # it did not come to its end
            continue
        for story in told:
            name = f"tests/{threats.STORIES}::{story['story']}"
            result = "failed" if story["violations"] else "earlier runs"
            found[name] = worst([result, found.get(name, result)])
    return found


def earlier() -> dict:
    """{path::test: what all of its cases come to} of the tests that rows name and that earlier runs had a case of."""
    found = cases_of_earlier_runs()
    tests = {case.partition("[")[0] for case in found}.intersection(threats.everywhere())
    there = collected(tests) if tests else {}
    return {**stories(),
            **{test: worst(found.get(case, "not run") for case in there.get(test, [test])) for test in tests}}


class Run:
    """The results of one session, as pytest tells them."""

    def __init__(self):
        self.tests = {}         # by node: result, number of cases
        self.others = {}        # C tests that a test of ours ran

    def add(self, report) -> None:
        if FOLDER not in report.nodeid:
            return
        test = self.tests.setdefault(report.nodeid[report.nodeid.index(FOLDER):], {"result": "this run", "cases": 1})
        if not report.passed:
            test["result"] = worst([test["result"], report.outcome])
        told = [] if report.when != "call" else report.user_properties
        for name, value in told:
            if name == "cases":
                test["cases"] = value
            elif name == "also":
                self.others.update(value)

    def is_whole(self) -> bool:
        """Whether each test function of the folder was there. Which of its cases were is for the caller to know."""
        there = {f"{FOLDER}{path.name}::{node.name}" for path in (TOP / FOLDER).glob("test_*.py")
                 for node in ast.parse(path.read_text()).body
                 if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
        return there == {name.partition("[")[0] for name in self.tests}

    def named(self, result: str) -> list:
        return sorted(name for name, test in self.tests.items() if test["result"] == result)

    def cases(self, *results: str) -> int:
        return sum(test["cases"] for test in self.tests.values() if test["result"] in results)

    def row(self, title: str, names: list, before: dict) -> dict:
        tests = {}
        cases = dict.fromkeys(("passed", "failed"), 0)
        for name in names:
            ours = [test for node, test in self.tests.items() if node.partition("[")[0] == name]
            results = [test["result"] for test in ours] or [self.others.get(name) or before.get(name, "not run")]
            tests[name] = worst(results)
            for test in ours:
                if test["result"] != "skipped":
                    cases["passed" if test["result"] == "this run" else "failed"] += test["cases"]
        return {"title": title, "proven": worst(tests.values()) if tests else "not promised", "tests": tests, **cases}

    def facts(self) -> dict:
        before = earlier()
        rows = [{"number": number, **self.row(threats.THREATS[number], names, before)}
                for number, names in sorted(threats.collect().items())]
        beyond = [self.row(title, [f"tests/{name}" for name in names], before)
                  for title, names in threats.BEYOND.items()]
        return {"cases": self.cases("this run", "failed"), "passed": self.cases("this run"),
                "failed": self.named("failed"), "skipped": self.named("skipped"), "later": sorted(threats.later()),
                "rows": {how: sum(row["proven"] == how for row in rows + beyond) for how in HOW},
                "threats": rows, "beyond": beyond}


def told(facts: dict) -> list:
    """For people: the counts, and which rows are not proven."""
    rows = facts["rows"]
    lines = [f"hostile: {sum(rows.values())} threats: {rows['this run']} proven by this run, {rows['earlier runs']} "
             f"with earlier runs of other suites; {rows['not run']} with tests that were not run, {rows['skipped']} "
             f"with skipped ones, {rows['failed']} with failures; {rows['not promised']} not promised"]
    for row in facts["threats"] + facts["beyond"]:
        bare = [name for name, result in row["tests"].items() if result == row["proven"]]
        if row["proven"] in ("not run", "skipped", "failed"):
            lines.append(f"  {row['proven']:<8} {row.get('number', '')} {row['title']}: {bare[0]}"
                         + (f" and {len(bare) - 1} more" if len(bare) > 1 else ""))
    return lines


def write(facts: dict) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(facts, indent=1) + "\n")
