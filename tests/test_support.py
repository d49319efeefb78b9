# SPDX-License-Identifier: Apache-2.0
"""The tables of initramfs generators, boot loaders, boards and servers of fleets say what `make check-distro`,
`check-loaders`, `check-boards` and `check-fleet` found.

A row of distro.json has a hash of the glue that ran, one of loaders.json and boards.json that of the code and script:
what is not today's is called older. A scenario without a row is one that nobody ran.

`python3 tests/test_support.py --write` takes build/report/distro.json and the others into docs/, and writes the tables
anew, with that of the loaders' stories.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import board_rows
import distro_rows
import fleet_rows
import loader_rows
import loader_stories

TOP = Path(__file__).resolve().parent.parent
README, KERNEL = TOP / "README.md", TOP / "docs/KERNEL.md"
HARNESS, UNTRIED = "tested in a harness", "written from the documentation, not run"
# No whole build was run.
HOWS = {name: HARNESS for name in ("buildroot", "yocto", "tryboot", "barebox")}


@dataclasses.dataclass(frozen=True)
class Table:
    """name: of the report. key: of its rows, what `rows` are told apart by. rows: what a reader calls it, and the
    expression for its keys. Without a row in the record, nobody ran it."""
    name: str
    key: str
    head: str
    rows: dict
    page: Path = README
    story: str = "scenario"     # what a row's own name is under
    glue: Callable | None = None    # of a key, as it is today
    made_of: str = "code"

    def record(self) -> Path:
        return TOP / f"docs/{self.name}.json"

    def report(self) -> Path:
        return TOP / f"build/report/{self.name}.json"

    def is_older(self, row: dict) -> bool:
        return self.glue is not None and row.get("glue") != self.glue(row[self.key])

    def status(self, of: str, found: list, planned: list) -> str:
        rows = [row for row in found if re.fullmatch(of, row[self.key])]
        passed, older = sum(row["result"] == "pass" for row in rows), sum(map(self.is_older, rows))
        ran = {(row[self.key], row.get(self.story)) for row in rows}
        left = sum(re.fullmatch(of, key) is not None and (key, scenario) not in ran for key, scenario in planned)
        how = HOWS.get(of, "tested in QEMU" if self.story == "scenario" else "played")
        many = {"scenario": "scenarios", "story": "stories"}[self.story]
        said = f"{how}: {passed} of {len(rows)} {many} pass" if rows else UNTRIED
        which = "all" if older == len(rows) else older
        said += f", {which} with older {self.made_of}" if older else ""
        return said + (f"; {left} not run" if rows and left else "")

    def planned(self) -> list:
        plans = {"boards": board_rows.planned, "distro": distro_rows.planned, "loaders": loader_rows.planned,
                 "fleet": fleet_rows.planned}
        return plans[self.name]() if self.name in plans else []

    def text(self, found: list, planned=()) -> str:
        return f"{self.head}\n|---|---|\n" + "".join(
            f"| {name} | {self.status(of, found, planned)} |\n" for name, of in self.rows.items())

    def merged(self, old: list, new: list, planned=()) -> list:
        """A run may have been of some keys only: the rows of the others stay. Where the scenarios are known that
        there are, those of a key that it did not reach stay, too."""
        def what(row):
            return (row[self.key], row[self.story]) if planned else row[self.key]
        ran = {what(row) for row in new}
        rows = [{key: row[key] for key in (self.key, self.story, "result", "seconds", "glue") if key in row}
                for row in new]
        kept = [row for row in old if what(row) not in ran and (not planned or what(row) in planned)]
        return sorted(kept + rows, key=lambda row: (row[self.key], row[self.story]))

    def found(self) -> list:
        return json.loads(self.record().read_text()) if self.record().exists() else []


GENERATORS = Table("distro", "target", "| initramfs made by | Keelboot in it was |", {
    "initramfs-tools 0.142: Debian 12": r"initramfs-tools(-sysvinit)?",
    "initramfs-tools 0.148: Debian 13": "initramfs-tools-13",
    "dracut 059: Debian 12": r"dracut-(systemd|shell)(-sysvinit)?",
    "dracut 106: Debian 13, backports of 12": r"dracut-106-.*",
    "mkinitcpio 41: Arch's scripts, in a Debian": r"mkinitcpio-.*",
    "mkosi-initrd 25: Debian 13": "mkosi-initrd",
    "Buildroot 2026.08-rc1": "buildroot",
    "Yocto: scarthgap, wrynose": "yocto",
    "Keelboot itself: a signed UKI, or an addon for a vendor's": "uki",
    "Ubuntu, Fedora, openSUSE, dracut-ng 110": "nobody",
}, glue=distro_rows.glue, made_of="glue")
LOADERS = Table("loaders", "loader", "| boot loader with a kernel for each slot | it was ([which stories]"
                "(docs/KERNEL.md#which-stories-were-played)) |", {
    "GRUB 2.06, from a BIOS and from UEFI": "grub",
    "UEFI's own boot entries: OVMF": "uefi",
    "systemd-boot 252, in OVMF": "systemd-boot",
    "systemd-boot 252, in OVMF, by entries of type 1": "systemd-boot-type1",
    "EFI Boot Guard 0.13, in OVMF": "efibootguard",
    "GRUB 2.06, UEFI's entries and systemd-boot 252: AArch64, in AAVMF": "(grub|uefi|systemd-boot)-arm64",
    "U-Boot 2023.01, AArch64": "u-boot",
    "U-Boot 2023.01, x86": "u-boot-x86",
    "Raspberry Pi's firmware, by `tryboot`: a model of it": "tryboot",
    "barebox's `bootchooser`: its state, by Debian's barebox-state": "barebox",
    "any, and init of Linux 6.1 or 6.12 by kexec: x86-64": "kexec",
}, glue=loader_rows.glue)
BOARDS = Table("boards", "board", "| board of QEMU, with Debian 12's kernel | it was |", {
    "Raspberry Pi 3 B (`raspi3b`, arm64)": "raspi3b",
    "Orange Pi PC, Allwinner H3 (`orangepi-pc`, armhf)": "orangepi-pc",
    "i.MX6UL EVK (`mcimx6ul-evk`, armhf)": "mcimx6ul-evk",
    "Arm's server (`sbsa-ref`, arm64)": "sbsa-ref",
}, TOP / "docs/PROCESSORS.md", glue=board_rows.glue)
SERVERS = Table("fleet", "server", "| server | what `make check-fleet` came to |", {
    "hawkBit 1.0.4 itself": "hawkbit",
    "goosebit 0.2.12 itself": "goosebit",
    "raptor 1.1.0 itself": "raptor",
    "nginx 1.22.1 itself, with a channel": "channel",
    "ours, in their dialects, and as a web server": "own",
}, TOP / "docs/FLEET.md", "story", glue=fleet_rows.glue)
TABLES = (GENERATORS, LOADERS, BOARDS, SERVERS)


def in_page(head: str, text: str) -> str:
    start = text.index(head + "\n")
    return text[start:text.index("\n\n", start) + 1]


def write() -> None:
    for table in TABLES:
        text = table.page.read_text()
        rows = table.found()
        if table.report().exists():
            rows = table.merged(rows, json.loads(table.report().read_text()), table.planned())
        table.record().write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
        table.page.write_text(text.replace(in_page(table.head, text), table.text(rows, table.planned())))
    text = KERNEL.read_text()
    KERNEL.write_text(text.replace(in_page(loader_stories.HEAD, text), loader_stories.text(LOADERS.found())))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_page_says_what_the_record_says(table):
    assert in_page(table.head, table.page.read_text()) == table.text(table.found(), table.planned())


def test_page_says_which_stories_each_loader_was_seen_with():
    assert in_page(loader_stories.HEAD, KERNEL.read_text()) == loader_stories.text(LOADERS.found())
    loaders = {loader for loader, _ in loader_stories.LOADERS.values()}
    for of in LOADERS.rows.values():
        assert any(re.fullmatch(of, loader) for loader in loaders), of
    for loader in loaders | {loader for loader, _ in LOADERS.planned()}:
        assert loader in loaders and sum(bool(re.fullmatch(of, loader)) for of in LOADERS.rows.values()) == 1, loader


@pytest.mark.parametrize("name", loader_stories.LOADERS)
def test_each_story_is_a_scenario_that_is_there_or_says_why_not(name):
    loader, stories = loader_stories.LOADERS[name]
    assert len(stories) == len(loader_stories.STORIES)
    there = [scenario for of, scenario in LOADERS.planned() if of == loader]
    for wanted in (one for story in stories for one in getattr(story, "scenarios", ())):
        assert any(re.fullmatch(wanted, scenario) for scenario in there), wanted


def test_story_is_told_only_if_all_of_it_passed():
    story = loader_stories.Played(("one", r"two \d"), "with a note")
    rows = [{"loader": "grub", "scenario": name, "result": "pass"} for name in ("one", "two 1", "two 2")]
    assert story.said("grub", rows) == "yes: with a note" and story.said("uefi", rows) == "not run"
    assert story.said("grub", rows[:1]) == "not run"
    assert story.said("grub", [*rows[:2], {**rows[2], "result": "fail"}]) == "**fails**: with a note"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_row_of_the_record_is_in_the_table(table):
    for row in table.found():
        assert row["result"] in ("pass", "fail")
        assert [name for name, of in table.rows.items() if re.fullmatch(of, row[table.key])], row


@pytest.mark.parametrize("results, said", (
    ([], UNTRIED), (["pass"] * 3, "tested in QEMU: 3 of 3 scenarios pass"),
    (["pass", "fail"], "tested in QEMU: 1 of 2 scenarios pass")))
def test_what_failed_is_said(results, said):
    rows = [{"target": "dracut-106-shell", "result": result, "glue": distro_rows.glue("dracut-106-shell")}
            for result in results]
    assert f"backports of 12 | {said} |" in GENERATORS.text(rows)


def test_what_nobody_ran_is_not_called_tested():
    """Its test is there, and skips itself."""
    assert f"| Buildroot 2026.08-rc1 | {UNTRIED} |" in GENERATORS.text([])
    assert f"| {HARNESS}: 1 of 1 scenarios pass |" in GENERATORS.text([
        {"target": "buildroot", "result": "pass", "glue": distro_rows.glue("buildroot")}])


def test_what_ran_with_older_glue_or_not_at_all_is_said():
    rows = [{"target": "mkosi-initrd", "scenario": name, "result": "pass", "glue": glue}
            for name, glue in (("a", distro_rows.glue("mkosi-initrd")), ("b", "0000"))]
    planned = [("mkosi-initrd", name) for name in "abc"] + [("dracut-shell", "a")]
    said = GENERATORS.text(rows, planned)
    assert "mkosi-initrd 25: Debian 13 | tested in QEMU: 2 of 2 scenarios pass, 1 with older glue; 1 not run |" in said
    assert f"| dracut 059: Debian 12 | {UNTRIED} |" in said
    assert "2 of 2 scenarios pass, all with older glue |" in GENERATORS.text([{**row, "glue": "0"} for row in rows])


def test_each_scenario_that_is_there_is_known():
    """Those that a record once lacked, too."""
    planned = distro_rows.planned()
    assert len(planned) == len(set(planned)) and {
        ("initramfs-tools", "initramfs that only selects"), ("mkosi-initrd", "slots on LUKS"),
        ("initramfs-tools", "root that is mounted by other means is left alone")} <= set(planned)


def test_what_nobody_ran_of_a_loader_is_said():
    ours = [(loader, scenario) for loader, scenario in LOADERS.planned() if loader == "u-boot"]
    assert len(ours) >= 7 and ("grub", "kernel that panics falls back by a reset") in LOADERS.planned()
    rows = [{"loader": loader, "scenario": scenario, "result": "pass", "glue": loader_rows.glue(loader)}
            for loader, scenario in ours[1:]]
    assert f"{len(rows)} of {len(rows)} scenarios pass; 1 not run |" in LOADERS.text(rows, LOADERS.planned())


@pytest.mark.parametrize("table, key, head", [
    (LOADERS, "grub", "GRUB 2.06, from a BIOS and from UEFI"), (LOADERS, "kexec", "any, and init"),
    (BOARDS, "raspi3b", "Raspberry Pi 3 B")])
def test_what_ran_with_older_code_is_said(table, key, head):
    rows = [{table.key: key, "scenario": name, "result": "pass", **more}
            for name, more in (("a", {"glue": table.glue(key)}), ("b", {"glue": "0000"}), ("c", {}))]
    assert head in (said := table.text(rows)) and "3 of 3 scenarios pass, 2 with older code |" in said
    assert "pass |" in table.text(rows[:1])


def test_code_of_a_loader_is_its_own_and_its_script():
    """What init asks each of them by is of all, and belongs to none. A file that no loader has was forgotten here."""
    of = {loader: {str(path.relative_to(TOP)) for path in loader_rows.sources(loader)}
          for loader, _ in loader_stories.LOADERS.values()}
    assert {"selector/loader/loader_grub.c", "selector/loader/loader_block.c", "kernel-cmdline/loaders/grub.cfg"} <= \
        of["grub"] - of["u-boot"] and "kernel-cmdline/loaders/boot.cmd" in of["u-boot"] & of["u-boot-x86"]
    assert all(of[f"{loader}-arm64"] == of[loader] for loader in ("grub", "uefi", "systemd-boot"))
    assert {"initramfs/kexec/kexec_main.c", "initramfs/pairs_kexec.c"} <= of["kexec"]
    assert {"lib/bls.c", "lib/bls.h", "update/apply/apply_entry.c", "update/apply/apply_entry.h"} == \
        of["systemd-boot-type1"] - of["systemd-boot"]
    there = {str(path.relative_to(TOP)) for folder in ("selector/loader", "kernel-cmdline/loaders")
             for path in (TOP / folder).iterdir()}
    of_none = {Path(path).stem for path in there.difference(*of.values())}
    assert of_none == {"loader", "loader_main", "loader_uboot_none"}
    assert all((TOP / path).is_file() for path in set().union(*of.values()))


def test_what_nobody_played_with_a_server_is_said():
    planned = SERVERS.planned()
    assert len(planned) == len(set(planned)) and {of for of, _ in planned} == set(SERVERS.rows.values())
    ours = [story for of, story in planned if of == "raptor"]
    today, many = fleet_rows.glue("raptor"), len(ours) - 1
    rows = [{"server": "raptor", "story": story, "result": "pass", "glue": today} for story in ours[1:]]
    said = SERVERS.text(rows, planned)
    assert f"| raptor 1.1.0 itself | played: {many} of {many} stories pass; 1 not run |" in said
    rows[0]["glue"] = "of before"
    assert f"played: {many} of {many} stories pass, 1 with older code; 1 not run |" in SERVERS.text(rows, planned)
    assert f"| hawkBit 1.0.4 itself | {UNTRIED} |" in said


def test_a_run_of_some_targets_leaves_the_others():
    old = [{"target": name, "scenario": "s", "result": "pass", "seconds": 1} for name in ("one", "two")]
    new = [{"target": "two", "scenario": "t", "result": "fail", "seconds": 2}]
    assert GENERATORS.merged(old, new) == [old[0], new[0]]
    assert GENERATORS.merged(old, new, [("one", "s"), ("two", "s"), ("two", "t")]) == [*old, new[0]]
    assert GENERATORS.merged(old, new, [("two", "s")]) == [old[1], new[0]]


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python3 tests/test_support.py --write")
    write()
