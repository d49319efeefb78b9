# SPDX-License-Identifier: Apache-2.0
"""README's table of initramfs generators says what `make check-distro` found, no more.

`python3 tests/test_support.py --write` takes build/report/distro.json into docs/distro.json, and writes the table anew.
"""

import json
import re
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
README, RECORD, REPORT = TOP / "README.md", TOP / "docs/distro.json", TOP / "build/report/distro.json"
HEAD = "| initramfs made by | Keelboot in it was |\n|---|---|\n"
HARNESS, UNTRIED = "tested in a harness", "written from the documentation, not run"
# Who makes it: its targets in distro.json. Without a row there, nobody ran it.
GENERATORS = {
    "initramfs-tools 0.142: Debian 12": r"initramfs-tools(-sysvinit)?",
    "initramfs-tools 0.148: Debian 13": "initramfs-tools-13",
    "dracut 059: Debian 12": r"dracut-(systemd|shell)(-sysvinit)?",
    "dracut 106: Debian 13, backports of 12": r"dracut-106-.*",
    "mkinitcpio 41: Arch's scripts, in a Debian": r"mkinitcpio-.*",
    "mkosi-initrd 25: Debian 13": "mkosi-initrd",
    "Buildroot 2026.08-rc1": "buildroot",
    "Yocto: scarthgap, wrynose": "yocto",
}
# No whole build was run.
HARNESSES = ("buildroot", "yocto")


def status(generator: str, rows: list) -> str:
    of = GENERATORS[generator]
    results = [row["result"] for row in rows if re.fullmatch(of, row["target"])]
    how = HARNESS if of in HARNESSES else "tested in QEMU"
    return f"{how}: {results.count('pass')} of {len(results)} scenarios pass" if results else UNTRIED


def table(rows: list) -> str:
    return HEAD + "".join(f"| {name} | {status(name, rows)} |\n" for name in GENERATORS)


def merged(old: list, new: list) -> list:
    """A run may have been of some targets only: those of the others stay."""
    ran = {row["target"] for row in new}
    rows = [{key: row[key] for key in ("target", "scenario", "result", "seconds")} for row in new]
    return sorted([row for row in old if row["target"] not in ran] + rows,
                  key=lambda row: (row["target"], row["scenario"]))


def in_readme(text: str) -> str:
    start = text.index(HEAD)
    return text[start:text.index("\n\n", start) + 1]


def write() -> None:
    rows = json.loads(RECORD.read_text()) if RECORD.exists() else []
    if REPORT.exists():
        rows = merged(rows, json.loads(REPORT.read_text()))
    RECORD.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    text = README.read_text()
    README.write_text(text.replace(in_readme(text), table(rows)))


def test_readme_says_what_the_record_says():
    assert in_readme(README.read_text()) == table(json.loads(RECORD.read_text()))


def test_each_target_of_the_record_is_in_the_table():
    for row in json.loads(RECORD.read_text()):
        assert row["result"] in ("pass", "fail")
        assert [name for name, of in GENERATORS.items() if re.fullmatch(of, row["target"])], row


@pytest.mark.parametrize("results, said", (
    ([], UNTRIED), (["pass"] * 3, "tested in QEMU: 3 of 3 scenarios pass"),
    (["pass", "fail"], "tested in QEMU: 1 of 2 scenarios pass")))
def test_what_failed_is_said(results, said):
    rows = [{"target": "dracut-106-shell", "result": result} for result in results]
    assert f"backports of 12 | {said} |" in table(rows)


def test_what_nobody_ran_is_not_called_tested():
    """Its test is there, and skips itself."""
    assert f"| Buildroot 2026.08-rc1 | {UNTRIED} |" in table([])
    assert f"| {HARNESS}: 1 of 1 scenarios pass |" in table([{"target": "buildroot", "result": "pass"}])


def test_a_run_of_some_targets_leaves_the_others():
    old = [{"target": name, "scenario": "s", "result": "pass", "seconds": 1} for name in ("one", "two")]
    new = [{"target": "two", "scenario": "t", "result": "fail", "seconds": 2}]
    assert merged(old, new) == [old[0], new[0]]


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python3 tests/test_support.py --write")
    write()
