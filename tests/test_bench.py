# SPDX-License-Identifier: Apache-2.0
"""The report of `make bench`: a target that is missed is listed so and fails the run; the page shows what was measured.
The measurements themselves are made by hand: they take hours."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock
from xml.etree import ElementTree

import pytest

from cli_device import TOP

sys.path.insert(0, str(TOP / "tests/bench"))

import boots        # noqa: E402
import compare        # noqa: E402
import creates      # noqa: E402
import footprint    # noqa: E402
import groups       # noqa: E402
import installs     # noqa: E402
import limits       # noqa: E402
import measure      # noqa: E402
import pictures     # noqa: E402
import quick        # noqa: E402
import sizes        # noqa: E402
import storage      # noqa: E402
import bench_report as report     # noqa: E402
import targets      # noqa: E402
import verify       # noqa: E402
import ways             # noqa: E402
import workloads        # noqa: E402

OURS = targets.OURS
RUN = {"machine": "made up", "date": "2026-01-02", "size": 64, "runs": 5}


def made_up(way: str, seconds: float, workload: str = "blank", **more) -> dict:
    return {"group": "installs", "workload": workload, "title": "Debian <2>", "storage": "fast", "way": way,
            "seconds": seconds, "least": seconds, "most": seconds, "ratio": seconds, "memory": 5 << 20, "written": 0,
            "command": "dd if=a&b", **more}


def judged(*rows: dict) -> dict:
    return {(one["workload"], one["way"], one["figure"]): one for one in targets.judge(list(rows))}


def test_a_target_is_met_up_to_its_limit_and_missed_above_it():
    for seconds, met in ((1.4, True), (1.5, True), (1.6, False)):
        one = judged(made_up(OURS, seconds), made_up(targets.BY_HAND, 2.0))["blank", OURS, "seconds"]
        assert (one["got"], one["met"]) == (seconds / 2, met)
        assert one["want"] == "at most 0.75 × sha256sum && zstd -dc | dd"


def test_what_should_be_there_and_was_not_measured_is_missed():
    failed = {"group": "installs", "workload": "blank", "title": "", "storage": "fast", "way": OURS,
              "not_measured": "failed: exit 1"}
    assert judged(failed, made_up(targets.BY_HAND, 2.0))["blank", OURS, "seconds"]["met"] is False
    assert judged(made_up(OURS, 2.0))["blank", OURS, "seconds"]["got"] is None


def test_what_was_left_out_is_no_target_missed():
    assert judged(made_up("dd", 1.0, "empty"), made_up("dd", 1.0, storage="eMMC")) == {}


def test_an_install_of_the_same_image_writes_no_byte_to_the_slot():
    for to_slot, met in ((0, True), (1, False)):
        one = judged(made_up(OURS, 1.0, "same", written=70_000, to_slot=to_slot))["same", OURS, "to_slot"]
        assert (one["got"], one["met"], one["want"]) == (to_slot, met, "at most 0 bytes")


def test_of_a_slot_that_is_not_to_be_written_the_worst_run_counts():
    taken = installs.Series.__new__(installs.Series)
    taken.workload, taken.storage, taken.differs, taken.probes, taken.cuts = MagicMock(), "fast", 0, [], []
    taken.failed, taken.commands, taken.artifacts = {}, {OURS: "x"}, {OURS: TOP / "LICENSE"}
    taken.samples = {OURS: [measure.Sample(1.0, 1, 1, {"b": (0, wrote), "medium": (5, 0)}) for wrote in (0, 4096, 0)]}
    assert taken.row(next(way for way in installs.WAYS if way.name == OURS))["to_slot"] == 4096


def boot_row(workload: str, way: str, **more) -> dict:
    return {"group": "boot", "workload": workload, "title": "a boot", "way": way, **more}


@pytest.mark.parametrize("workload, way, figure, most", [
    *((f"window-{bus}", "Keelboot", "million_instructions", 110) for bus in ("virtio", "nvme", "sd", "usb")),
    ("initramfs", "Keelboot, every default set", "bytes", 3_200_000),
    ("initramfs", "Keelboot, without modules", "bytes", 1_900_000),
    ("memory", "Keelboot, every default set", "machine", 96), ("memory", "Keelboot, one bus", "machine", 80)])
def test_a_boot_is_judged_by_its_window_its_bytes_and_its_memory(workload, way, figure, most):
    other = boot_row(workload, "a minimal C init", million_instructions=100)
    for value, met in ((most, True), (most + 1, False)):
        found = targets.judge([boot_row(workload, way, **{figure: value}), other])
        assert [(one["way"], one["figure"], one["met"]) for one in found
                if one["way"] == way] == [(way, figure, met)]


def test_an_install_has_two_limits_of_memory():
    for mebibytes, met in ((16, [True, True]), (24, [False, True]), (25, [False, False])):
        found = targets.judge([made_up(OURS, 1.0, "rebuilt", memory=mebibytes << 20)])
        assert [one["met"] for one in found if (one["way"], one["figure"]) == (OURS, "memory")] == met


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda one: f"{one.workload}-{one.way}-{one.figure}")
def test_each_target_is_met_at_its_limit_and_missed_above_it(target):
    """As it was measured: what the report says is rounded."""
    place = {"group": target.group, "workload": target.workload, "title": "", "storage": target.storage}
    other = {**place, "way": target.against, target.figure: 1_000_000}
    for more, met in ((0, True), (1, False)):
        value = target.most * (1_000_000 if target.against or target.of else 1) + more
        row = {**place, "way": target.way, **({target.of: 1_000_000} if target.of else {}), target.figure: value}
        assert [one["met"] for one in targets.judge([row, other], (target,))] == [met]


def test_the_smallest_machine_is_found_by_halves():
    for least in (66, 68, 102, 190, 192):
        tried = []
        assert footprint.smallest(lambda memory: tried.append(memory) or memory >= least) == least
        assert len(tried) < 9
    with pytest.raises(AssertionError, match="no boot with 192 MiB"):
        footprint.smallest(lambda _: False)


def test_a_command_line_names_no_folder_of_this_machine():
    line = ["qemu-system-x86_64", Path("/work/kernel/vmlinux"), "-append", "root=/dev/vda3 ro",
            '{"driver": "file", "filename": "/tmp/x/disk.img"}']
    assert footprint.readable(line) == "qemu-system-x86_64 vmlinux -append 'root=/dev/vda3 ro' " \
        '\'{"driver": "file", "filename": "disk.img"}\''


@pytest.mark.parametrize("key", verify.KEYS)
def test_the_manifest_of_a_slot_is_verified_in_few_instructions(key, tmp_path):
    assert 10 ** 6 < verify.of_key(key, tmp_path) <= 12 * 10 ** 6


def test_a_boot_that_fails_is_not_measured_and_the_others_are():
    def count(image):
        if image == "bad":
            raise boots.ExpectError("no root init")
        return 5.04
    assert boots.in_turn({"Keelboot": "good", "other": "bad"}, 3, count) == {
        "Keelboot": {"million_instructions": 5.0, "least": 5.0, "most": 5.0, "all_million": [5.0] * 3},
        "other": {"not_measured": "failed: no root init"}}


def test_a_picture_of_sizes_and_of_memory_shows_those():
    assert [report.shown("boot", [boot_row("x", "y", **{figure: 1})])
            for figure in ("million_instructions", "bytes", "machine")] == ["million_instructions", "bytes", "machine"]
    assert "96 MiB" in report.picture([boot_row("memory", "Keelboot", machine=96)], "machine")


@pytest.mark.parametrize("seconds, status", [(1.0, 0), (9.0, 1)])
def test_a_missed_target_fails_the_run(tmp_path, monkeypatch, seconds, status, capsys):
    rows = [made_up(OURS, seconds), made_up(targets.BY_HAND, 2.0)]
    assert compare.finish(compare.add({"machine": "made up", "rows": [], "targets": []}, rows, tmp_path)) == status
    assert ("missed: blank" in capsys.readouterr().out) == bool(status)
    assert (tmp_path / "bench.json").exists() and "made up" in (tmp_path / "bench.html").read_text()


def test_the_page_shows_each_way_and_says_what_is_not_installed():
    rows = [made_up(OURS, 1.0), made_up("dd", 0.5),
            {**made_up("RAUC, plain", 1.0), "not_measured": "not installed: apt-get install rauc"}]
    page = report.page({"machine": "m", "rows": rows, "targets": targets.judge(rows)})
    assert "Debian &lt;2&gt;" in page and "dd if=a&amp;b" in page and "apt-get install rauc" in page
    assert page.count("<svg") == 1 and "5.00 MiB" in page
    assert 'class="missed"' in page     # what it is held against was not measured


def test_a_picture_is_well_formed_and_its_bars_are_in_proportion():
    rows = [made_up("keelboot install", 1.0), made_up("sha256sum && dd", 0.5)]
    bars = [element for element in ElementTree.fromstring(report.picture(rows, "seconds")).iter()
            if element.tag.endswith("rect")]
    assert float(bars[0].get("width")) == 2 * float(bars[1].get("width"))
    assert (bars[0].get("fill"), bars[1].get("fill")) == (report.OURS, report.THEIRS)


def test_a_delta_is_held_against_those_of_others():
    def created(way, **figures):
        return {"group": "creates", "workload": "rebuilt", "title": "upgraded", "way": way, **figures}
    rows = [created("keelboot, delta", bytes=52, memory=2 << 30, seconds=1.0), created("xdelta3 -9", bytes=100),
            created("bsdiff, file by file", bytes=50)]
    found = {(one["figure"], one["want"].rpartition(" × ")[2]): one["met"] for one in targets.judge(rows)}
    assert found[("bytes", "xdelta3 -9")] is True and found[("bytes", "bsdiff, file by file")] is False
    assert found[("memory", "at most 1,610,612,736 bytes")] is False
    assert "1.00 s" in report.page({"machine": "m", "rows": rows, "targets": []})


def test_only_images_with_compressed_blocks_have_a_remade_delta():
    def ways(name):
        return {way.name for way in installs.wanted(workloads.Workload(name, "", "new", "old", "old"), None)}
    assert ways("erofs") - ways("rebuilt") == {"keelboot install, delta remade"}
    assert "keelboot install, delta" in ways("rebuilt")


@pytest.mark.parametrize("name, cls", [("pair", "boot"), ("same", "root")])
def test_a_pair_is_the_image_boot_of_a_bundle_and_of_a_slot(monkeypatch, tmp_path, name, cls):
    place = MagicMock(a="slot-a", b="slot-b")
    workload = workloads.Workload(name, "", tmp_path / "image")
    made = []
    monkeypatch.setattr(ways, "run", lambda *command, **_: made.extend(map(str, command)))
    ways.make_keel(workload, tmp_path / "x.keel", place)
    assert f"{cls}={tmp_path}/image" in made
    for way in (ways.keelboot, ways.keelboot_boot):
        assert f"--slot a:{cls}=slot-a --slot b:{cls}=slot-b " in way(place, "x.keel", workload)


def test_a_figure_is_held_against_another_of_its_own_row():
    for written, met in ((1020, True), (1021, False)):
        row = made_up(OURS, 1.0, "in-place", written=written, differing=1000)
        one = judged(row)["in-place", OURS, "written"]
        assert (one["met"], one["want"]) == (met, "at most 1.02 × the 4 KiB blocks that differ")
    assert judged(made_up(OURS, 1.0, "in-place", written=5))["in-place", OURS, "written"]["got"] is None


def test_slow_storage_is_judged_by_its_own_rows():
    found = [one for one in targets.judge([made_up(OURS, 10.2, "rebuilt", storage="eMMC", writing=10.0),
                                           made_up(OURS, 10.4, "rebuilt", storage="SD card", writing=10.0)])
             if "writes" in one["want"]]
    assert [(one["storage"], one["got"], one["met"]) for one in found] == \
        [("eMMC", 1.02, True), ("SD card", 1.04, False)]


def test_an_absolute_time_is_shown_and_fails_no_run(tmp_path, capsys):
    row = {"group": "creates", "workload": "rebuilt", "title": "upgraded", "way": "keelboot, delta", "seconds": 61.0}
    one = next(one for one in targets.judge([row]) if one["figure"] == "seconds" and "×" not in one["want"])
    assert (one["got"], one["met"], one["judged"]) == (61.0, False, False)
    assert one["want"] == "at most 60 s, on two processors"
    assert compare.finish({"targets": [one]}) == 0 and "missed:" not in capsys.readouterr().out
    assert "missed; shown only" in report.target_table([one])
    assert compare.finish({"targets": [{**one, "judged": True}]}) == 1


def test_blocks_that_differ_are_counted_in_whole_and_against_zeroes_behind_the_old_image(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    blocks = [bytes([number]) * 4096 for number in range(1, 6)]
    old.write_bytes(b"".join(blocks[:3]))
    new.write_bytes(blocks[0] + blocks[1][:-1] + b"x" + blocks[2] + bytes(4096) + blocks[4])
    assert limits.differing(old, new) == 2 * 4096       # one byte of the second, and the fifth; not the fourth
    assert limits.differing(None, new) == 4 * 4096
    assert limits.differing(new, new) == 0
    far = tmp_path / "far"      # beyond the part that is read at a time
    far.write_bytes(bytes(3 << 20) + b"1")
    assert limits.differing(None, far) == 4096


MOVED = {"b": (200_000_000, 300_000_000), "medium": (400_000_000, 0)}


def test_the_least_time_is_that_of_the_busiest_direction():
    assert limits.least_seconds(MOVED, "eMMC", None) == 10.0       # 300 MB at 30 MB/s, and each device is its own
    assert limits.least_seconds(MOVED, "SD card", None) == 30.0
    assert limits.least_seconds({"medium": MOVED["medium"]}, "SD card", None) == 20.0       # reading
    assert limits.least_seconds(MOVED, "fast", (300e6, 1000e6)) == 2.0     # 600 MB read from one disk
    assert limits.least_seconds(MOVED, "fast", (6000e6, 100e6)) == 3.0
    assert limits.least_seconds(MOVED, "fast", None) is None


def test_a_row_says_how_far_it_is_from_the_storage():
    assert limits.figures(MOVED, 12.0, "eMMC", None) == {"limit": 10.0, "to_limit": 1.2, "writing": 10.0}
    assert limits.figures(MOVED, 3.0, "fast", (300e6, 1000e6)) == {"limit": 2.0, "to_limit": 1.5}
    assert limits.figures({"b": (0, 0)}, 3.0, "fast", (1e6, 1e6)) == {}


def test_a_summary_has_the_median_of_each_device():
    samples = [measure.Sample(seconds, 5, 6, {"b": (seconds, 10 * seconds), "state": (1, 1)}) for seconds in (1, 9, 3)]
    found = measure.summary(samples)
    assert (found["seconds"], found["read"], found["written"]) == (3, 4, 31)
    assert found["moved"] == {"b": [3, 30], "state": [1, 1]}


def test_of_whole_bundles_the_median_counts_and_a_failure_is_kept():
    rows = [{"way": "x", "seconds": seconds, "memory": seconds, "memory_and_cache": 1} for seconds in (1.0, 9.0, 2.0)]
    assert {**creates.middle(rows)} == {"way": "x", "seconds": 2.0, "least": 1.0, "most": 9.0, "memory": 2,
                                        "memory_and_cache": 1}
    assert creates.middle([rows[0], {"way": "x", "not_measured": "failed"}])["not_measured"] == "failed"


def test_the_line_in_a_bar_is_at_the_limit_and_never_behind_its_end():
    def line(limit):
        rows = [made_up("keelboot install", 1.0, limit=limit), made_up("dd", 2.0)]
        found = [element for element in ElementTree.fromstring(report.picture(rows, "seconds")).iter()
                 if element.tag.endswith("line")]
        return float(found[0].get("x1")) - report.LABEL
    assert [line(limit) for limit in (0.5, 3.0)] == [report.BAR / 4, report.BAR / 2]


def test_pictures_of_a_run_are_drawn_and_named_in_the_page(tmp_path):
    rows = [made_up(OURS, 1.0), made_up("RAUC & more", 4.0), {**made_up("dd", 1.0), "storage": "eMMC"}]
    page = tmp_path / "PERFORMANCE.md"
    page.write_text(f"before\n{pictures.BEGIN}\n![old](bench-boot.svg)\n{pictures.END}\nafter\n")
    (tmp_path / "bench-boot.svg").write_text("of an older run")
    pictures.write({**RUN, "rows": rows}, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["bench-installs.svg"]
    drawn = ElementTree.parse(tmp_path / "bench-installs.svg").getroot()
    bars = [element for element in drawn.iter() if element.tag.endswith("rect") and element.get("class") != "page"]
    assert [bar.get("fill") for bar in bars] == [report.OURS, report.THEIRS]
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "2026-01-02, on made up" in text
    assert "Images of 64 MiB, and 5 runs" in text
    assert "(bench-installs.svg)" in text and "bench-boot.svg" not in text


def test_a_picture_of_deltas_shows_bytes_of_deltas_and_no_whole_image():
    def created(way, size, title="upgraded"):
        return {"group": "creates", "workload": "rebuilt", "title": title, "way": way, "bytes": size, "seconds": 1.0}
    rows = [created("keelboot, delta", 10 << 20), created("xdelta3 -9", 20 << 20),
            created("zstd -9", 99 << 20, "whole")]
    text = pictures.draw("bench-deltas.svg", rows)
    assert "20.00 MiB  (2.00 ×)" in text and "zstd" not in text


def test_the_page_of_the_project_has_room_for_the_pictures():
    page = (TOP / "docs/PERFORMANCE.md").read_text()
    assert pictures.shown(page, RUN, ["bench-boot.svg"]).count("](bench-") == 1


def test_a_run_that_keeps_replaces_only_what_it_measures_again(tmp_path):
    result = {"machine": "m", "rows": [made_up(OURS, 1.0), made_up(OURS, 1.0, "same")], "targets": []}
    rows = compare.add(result, [made_up(OURS, 7.0)], tmp_path)["rows"]
    assert {row["workload"]: row["seconds"] for row in rows} == {"same": 1.0, "blank": 7.0} and len(rows) == 2


@pytest.mark.parametrize("other, way, why", [
    ({}, None, None), ({"date": "2025-12-31"}, None, "differs: date"), ({"runs": 1}, None, "differs: runs"),
    ({"size": 512}, None, "differs: size"), ({}, ["dd"], "what --way leaves out")])
def test_a_report_is_added_to_only_by_a_run_like_it(tmp_path, monkeypatch, other, way, why):
    """Else rows of a busy day, or of small images, would stand as those of this run."""
    monkeypatch.setattr(compare.time, "strftime", lambda _: RUN["date"])
    (tmp_path / "bench.json").write_text(json.dumps({**RUN, **other, "rows": [made_up(OURS, 1.0)]}))
    args = argparse.Namespace(keep=True, runs=RUN["runs"], size=RUN["size"], way=way)
    if why is None:
        assert compare.begun(args, tmp_path) == {**RUN, "targets": [], "rows": [made_up(OURS, 1.0)]}
        return
    with pytest.raises(SystemExit, match=why):
        compare.begun(args, tmp_path)


def test_of_a_file_that_differs_bsdiff_makes_a_patch_and_a_new_one_is_carried(tmp_path):
    programs, old, new, patches = (tmp_path / name for name in ("bin", "old", "new", "patches"))
    for folder in (programs, old / "a b", new / "a b", patches):
        folder.mkdir(parents=True)
    (programs / "bsdiff").write_text("#!/bin/sh\ncat \"$1\" \"$2\" >\"$3\"\n")
    (programs / "bsdiff").chmod(0o755)
    for folder, words in ((old, "old"), (new, "new")):
        (folder / "same").write_text("same")
        (folder / "a b/file").write_text(words)
    (new / "more").write_text("more")
    (new / "link").symlink_to("more")
    (new / "was a link").write_text("")
    (old / "was a link").symlink_to("same")
    subprocess.run(["sh", "-c", sizes.BY_FILES], check=True, cwd=new, env={
        "PATH": f"{programs}:/usr/bin:/bin", "old": str(old), "patches": str(patches), "out": str(tmp_path / "out")})
    assert {str(path.relative_to(patches)): path.read_text() for path in patches.rglob("*") if path.is_file()} == {
        "a b/file": "oldnew", "more": "more"}
    assert (tmp_path / "out").stat().st_size > 0


def test_what_made_an_artifact_lies_beside_it_and_is_made_once(tmp_path):
    out, calls = tmp_path / "artifacts" / "x.zst", []
    out.parent.mkdir()
    (tmp_path / "image").write_text("text")

    def make(new):
        calls.append(new)
        storage.run("cp", "--reflink=never", tmp_path / "image", new)
    for _ in range(2):
        assert storage.made_once(out, make).read_text() == "text"
    assert len(calls) == 1 and sizes.figures(out) == {"bytes": 4, "command": "cp --reflink=never image x.zst"}
    storage.commands_of(out).unlink()
    assert sizes.figures(out) == {"bytes": 4}
    assert storage.without_folders(["/a/b/keelboot", "--image", "root=/a/b/new.img,fs=ext4", "-9"]) == \
        "keelboot --image root=new.img,fs=ext4 -9"


@pytest.fixture
def second_version(tmp_path, monkeypatch):
    """A folder in the place of control groups of version 2."""
    monkeypatch.setattr(groups, "V1", tmp_path / "none")
    monkeypatch.setattr(groups, "BLKIO", tmp_path / "none")
    monkeypatch.setattr(groups, "V2", tmp_path)
    monkeypatch.setattr(groups.atexit, "register", lambda *_: None)
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    return tmp_path / groups.name()


def test_of_version_2_a_group_above_the_bench_and_its_commands_is_slow(second_version):
    group = groups.Group()
    assert group.path == second_version / "run"
    (second_version / "io.max").write_text("")
    assert groups.cannot_limit() == ""
    for read, write, said in ((5, 7, "7:1 rbps=5 wbps=7\n"), (0, 0, "7:1 rbps=max wbps=max\n")):
        groups.limit("7:1", read, write)
        assert (second_version / "io.max").read_text() == said
    assert (second_version / "bench/cgroup.procs").read_text() == str(groups.os.getpid())
    assert (second_version / "cgroup.subtree_control").read_text() == "+memory +io"


@pytest.mark.parametrize("there, why", [("cpu memory", "nor memory and io"), ("memory io", "no io.max")])
def test_slow_storage_that_cannot_be_made_is_rows_that_say_so(second_version, there, why):
    (second_version.parent / "cgroup.controllers").write_text(there)
    args = argparse.Namespace(workload=["rebuilt", "blank", "pair"], way=None, slow_size=128)
    found = [*compare.throttled_rows(None, args)]
    assert [(rows[0]["workload"], rows[0]["storage"]) for rows in found] == [
        (name, speed) for name in ("rebuilt", "blank", "pair") for speed in ("eMMC", "SD card")]
    assert all(why in row["not_measured"] for rows in found for row in rows)
    ways = [{row["way"] for row in rows} for rows in found]
    assert {*compare.SLOW_WAYS} - ways[0] == {"dd, and read back"} == ways[4] - ways[0]
    assert ways[0] - ways[2] == {targets.DELTA}
    missed = targets.judge([row for rows in found for row in rows])
    assert len(missed) == len([one for one in targets.TARGETS if one.storage != "fast"]) > 0
    assert {(one["got"], one["met"]) for one in missed} == {(None, False)}


def test_an_end_is_noticed_at_once_and_a_run_without_end_is_ended(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it looks now and then"))
    with subprocess.Popen(["sh", "-c", "sleep 0.1; exit 3"]) as process:
        assert measure.wait(process, 60) == 3
    with subprocess.Popen(["sleep", "60"]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            measure.wait(process, 0.01)
    assert process.returncode == -9


def test_in_a_container_without_groups_of_version_2_memory_is_measured_and_slow_storage_has_a_reason(second_version):
    (second_version.parent / "cgroup.subtree_control").mkdir()      # what writes there fails
    assert "cannot be used here: " in groups.cannot_limit()
    group = groups.Group()
    assert group.path == second_version.parent / f"{groups.name()}-run" and group.path.is_dir()


def test_ways_that_were_not_asked_for_are_not_run_and_give_no_ratio():
    assert installs.wanted(workloads.Workload("blank", "", "new"), ()) == []
    assert [way.name for way in installs.wanted(workloads.Workload("blank", "", "new"), ("dd",))] == ["dd"]
    theirs = {"way": "RAUC, plain", "seconds": 2.0}
    assert measure.to_first([theirs]) == [theirs] and measure.to_first([]) == []


def test_a_workload_is_made_only_when_it_is_asked_for():
    table = {"one": ("One", lambda _: ("old", "new")), "two": ("Two", lambda _: pytest.fail("made"))}
    assert [(one.name, one.new, one.before) for one in workloads.pairs(None, ["one"], table)] == [("one", "new", "old")]
    assert workloads.chosen(("rebuilt", "blank"), []) == ["rebuilt", "blank"]


def test_a_part_of_both_versions_has_the_same_files():
    def names(version):
        return [path.replace(version, "V") for path in workloads.mixed(
            [f"tree-{version}/lib/modules/6.1.0-{version}/{number}.ko" for number in "abcdefgh"])]
    assert names("57") == names("58") != sorted(names("57"))


MAKES_A_ROOT = """
import sys, types
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import generators
class Made(Exception):
    pass
class Fake:
    kernel = types.SimpleNamespace(modules=Path("/lib/modules/6.1"))
    def __init__(self, *_options, **_rest):
        pass
    def system(self, *_options, files):
        raise Made(*files)
generators.Shared, generators.compiled, generators.name_of_programs = Fake, lambda *_: "", lambda: ""
try:
    generators.device_of(Path("/nonexistent"))
except Made as made:
    print(*made.args, sep="\\n")
"""


def test_the_root_beside_distributions_has_modules_as_theirs_have():
    """Else Keelboot loads all that it packs, for a root that needs them. Its conftest is not ours: so a program."""
    made = subprocess.run([sys.executable, "-c", MAKES_A_ROOT, TOP / "tests/bench"], check=True, text=True,
                          capture_output=True).stdout.splitlines()
    assert "lib/modules/6.1/modules.dep" in made


# ---------------------------------------------------------------- bench-quick

WANTED = {"everywhere": {"bundle, of zstd": 1.05},
          "debian": {"kernel": "6.1", "init: bytes": 1000, "install: memory": 1000}}


@pytest.mark.parametrize("ratio, size, good", [(1.05, 1000, 3), (1.08, 1030, 3), (1.05, 1031, 2), (1.09, 1031, 1)])
def test_three_percent_more_are_too_much(ratio, size, good):
    got = {"bundle, of zstd": ratio, "init: bytes": size, "install: memory": 1000}
    passed, wrong = quick.compare(got, WANTED, "debian", "6.1")
    assert (passed, len(wrong)) == (good, 3 - good)


def test_what_a_machine_adds_in_one_measurement_only_is_not_counted():
    assert quick.lesser({"a": 5, "b": 1.0, "c": 7}, {"a": 4, "b": 2.0}) == {"a": 4, "b": 1.0, "c": 7}


def test_a_figure_that_nobody_measured_or_wants_is_no_success():
    passed, wrong = quick.compare({"bundle, of zstd": 1.0, "keelboot: bytes": 1}, WANTED, "debian", "6.1")
    assert passed == 1
    assert [line.partition(":")[0] for line in wrong] == ["keelboot", "init", "install"]


def test_system_calls_of_all_processes_are_counted(tmp_path):
    """getppid does nothing else: each more is one call more, whoever makes it. What renames a file is counted, too."""
    counter, asks, said = tmp_path / "calls", tmp_path / "asks", tmp_path / "said"
    (tmp_path / "asks.c").write_text("""
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	if (fork() == 0) {
		for (int i = 0; i < atoi(argv[1]); i++)
			getppid();
		for (int i = 0; i < atoi(argv[2]); i++)
			rename("/nonesuch", "/nowhere");
		_exit(0);
	}
	wait(NULL);
	return argc;
}
""")
    for source, out in ((TOP / "tests/bench/calls.c", counter), (tmp_path / "asks.c", asks)):
        subprocess.run(["gcc", "-O2", "-Wall", "-o", out, source], check=True)
    counts = []
    for more, renames in ((0, 0), (100, 0), (100, 7)):
        done = subprocess.run([counter, said, asks, str(more), str(renames)], check=False)
        assert done.returncode == 3     # as the command ended
        counts.append([int(word) for word in said.read_text().split()])
    calls, renamed = zip(*counts)
    assert (calls[1] - calls[0], calls[2] - calls[1]) == (100, 7) and renamed == (0, 0, 7)


def test_a_figure_that_is_new_needs_one_that_is_wanted():
    got = {"bundle, of zstd": 1.0, "init: bytes": 1, "install: memory": 1, "install of a delta: system calls": 5}
    passed, wrong = quick.compare(got, WANTED, "debian", "6.1")
    assert passed == 3 and "delta" in wrong[0] and "has no figure" in wrong[0]


def test_another_release_is_held_to_the_bundle_only(capsys):
    assert quick.compare({"bundle, of zstd": 2.0, "init: bytes": 5000}, WANTED, "sid", "6.1")[0] == 0
    assert quick.compare({"bundle, of zstd": 1.0, "init: bytes": 5000}, WANTED, "sid", "6.1") == (1, [])
    assert "no figures for sid" in capsys.readouterr().out


def test_memory_is_compared_on_its_own_kernel_only(capsys):
    got = {"bundle, of zstd": 1.0, "init: bytes": 1000, "install: memory": 5000}
    assert len(quick.compare(got, WANTED, "debian", "6.1")[1]) == 1
    assert quick.compare(got, WANTED, "debian", "6.12") == (2, [])
    assert "memory is not compared" in capsys.readouterr().out
