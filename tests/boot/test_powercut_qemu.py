# SPDX-License-Identifier: Apache-2.0
"""Sixteen of the disks that power cuts in recorded updates leave, booted; `make powercut-qemu` boots hundreds."""

import fcntl
import hashlib
import random
from pathlib import Path

import blklog
import pytest
from powercut import Cut, Lab, plan, spread

IMAGES, SEED = 16, 1
RECORDINGS = ("staged", "running-cut")          # one of each kind: one from end to end, one with a tail
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def lab(device):
    """The recordings are made once for all who want one, and for as long as nothing changes."""
    sources = (HERE / "powercut.py", *sorted(HERE.glob("../sim/cut*.[ch]")))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    work = device.work / f"powercut-{digest.hexdigest()[:12]}"
    work.mkdir(exist_ok=True)
    with open(work / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = Lab(work, device.build)
        for name in RECORDINGS:
            made.recording(name)
    return made


@pytest.fixture(scope="module")
def chosen(lab) -> list:
    cuts = [cut for name in RECORDINGS for cut in plan(lab, name, SEED)]
    return spread(cuts, IMAGES, random.Random(SEED))


@pytest.mark.parametrize("number", range(IMAGES))
def test_what_a_cut_leaves_settles(lab, chosen, number, tmp_path):
    cut = chosen[number]
    print(f"seed {SEED}; again: tests/boot/powercut_qemu.py --work {lab.work} --replay {cut}")
    image = tmp_path / "cut.img"
    try:
        made = lab.image(cut, image)
        print(lab.settle(image, lab.kept(cut), made.bad, tmp_path / "console.log"))
    finally:
        image.unlink(missing_ok=True)


def test_log_ends_where_the_disk_does(lab, tmp_path):
    """Nothing of what QEMU wrote is missing in the log, and nothing is read wrongly."""
    device, lab_log = lab.recording("staged"), tmp_path / "all.img"
    entries = len(blklog.entries(device.log, tail=True))
    lab.image(Cut("staged", "tail", entries, "all"), lab_log)
    same = lab_log.read_bytes() == Path(device.log).with_suffix(".disk").read_bytes()
    lab_log.unlink()
    assert same


def test_tail_stands_behind_the_count(lab):
    log = lab.recording("running-cut").log
    assert len(blklog.entries(log, tail=True)) > len(blklog.entries(log))
    assert len(blklog.entries(lab.recording("staged").log)) > 100
