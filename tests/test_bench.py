# SPDX-License-Identifier: Apache-2.0
"""The report of `make bench`: a target that is missed is listed so and fails the run; the page shows what was measured.
The measurements themselves are made by hand: they take hours."""

import sys
from xml.etree import ElementTree

import pytest

from cli_device import TOP

sys.path.insert(0, str(TOP / "tests/bench"))

import compare        # noqa: E402
import installs     # noqa: E402
import quick        # noqa: E402
import bench_report as report     # noqa: E402
import targets      # noqa: E402
import workloads        # noqa: E402

OURS = targets.OURS


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
    assert judged(made_up("dd", 1.0, "incompressible"), made_up("dd", 1.0, storage="eMMC")) == {}


def test_bytes_that_an_install_of_the_same_image_writes_are_judged_by_themselves():
    rows = [made_up(OURS, 1.0, "same", written=written) for written in (70_000, 2 << 20)]
    assert [judged(row)["same", OURS, "written"]["met"] for row in rows] == [True, False]


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
        return {way.name for way in installs.wanted(workloads.Workload(name, "", "new", "old", "old"), ())}
    assert ways("erofs") - ways("rebuilt") == {"keelboot install, delta remade"}
    assert "keelboot install, delta" in ways("rebuilt")


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


def test_another_release_is_held_to_the_bundle_only(capsys):
    assert quick.compare({"bundle, of zstd": 2.0, "init: bytes": 5000}, WANTED, "sid", "6.1")[0] == 0
    assert quick.compare({"bundle, of zstd": 1.0, "init: bytes": 5000}, WANTED, "sid", "6.1") == (1, [])
    assert "no figures for sid" in capsys.readouterr().out


def test_memory_is_compared_on_its_own_kernel_only(capsys):
    got = {"bundle, of zstd": 1.0, "init: bytes": 1000, "install: memory": 5000}
    assert len(quick.compare(got, WANTED, "debian", "6.1")[1]) == 1
    assert quick.compare(got, WANTED, "debian", "6.12") == (2, [])
    assert "memory is not compared" in capsys.readouterr().out
