# SPDX-License-Identifier: Apache-2.0
"""Bundles that a device must not take: nothing of a slot changes, and the log says why."""

import pytest

from kbdevice import run


def flipped(bench):
    """Somewhere in its payload."""
    return bench.damaged(bench.bundle("2.0"), "bad.keel")


def truncated(bench):
    data = bench.bundle("2.0").read_bytes()
    (bench.work / "bad.keel").write_bytes(data[:len(data) * 3 // 4])
    return bench.work / "bad.keel"


def wrong_compatible(bench):
    return bench.bundle("2.0", name="other", options=("--compatible", "another-board"))


def other_processor(bench):
    other = "s390x" if bench.device.arch != "s390x" else "riscv64"
    return bench.bundle("2.0", name="other", options=("--processor", other))


def foreign_key(bench):
    """A genuine bundle, of somebody whose key is not on the device."""
    stranger = bench.device.work / "stranger.key"
    with bench.device.lock():
        if not stranger.exists():
            run(bench.device.keelboot, "key", "generate", "-o", bench.device.work / "stranger")
    out = bench.work / "bad.keel"
    bench.bundle("2.0")
    run(bench.device.keelboot, "bundle", "create", "-o", out, "--version", "2.0", "--sequence", "2",
        "--level", "1", "--compatible", bench.device.compatible, "--image",
        f"root={bench.device.system('2.0')}", "--key", stranger)
    return out


def damaged_signature(bench):
    bundle = bench.bundle("2.0")
    return bench.damaged(bundle, "bad.keel", at=560 / bundle.stat().st_size)


def not_newer(bench):
    """Another release with the running one's sequence."""
    return bench.bundle("1.0 nomark")


def garbage(bench):
    (bench.work / "bad.keel").write_bytes(b"\xa5" * 100000)
    return bench.work / "bad.keel"


REFUSED = {
    flipped: r"bad\.keel: version 2\.0: not installed: image root: its payload "
             r"is not what was signed: the bundle is damaged; copy it again",
    truncated: r"bad\.keel: refused: truncated: (\d+) bytes present, (\d+) expected; copy it again",
    wrong_compatible: r'other\.keel: version 2\.0: skipped: made for "another-board", but this device is "demo-board"',
    other_processor: r"other\.keel: version 2\.0: skipped: made for processor (s390x|riscv64), but this device is "
                     r"(x86_64|aarch64|arm|riscv64|s390x): use a bundle for this device",
    foreign_key: r"bad\.keel: refused: not signed by the one trusted key: its signature names key ([0-9a-f]{16}), but "
                 r"(?!\1)[0-9a-f]{16} \(dev\) is trusted; sign it with a trusted key",
    damaged_signature: r"bad\.keel: refused: not signed by the one trusted key: its signature is not valid; "
                       r"copy it again",
    not_newer: r"1\.0-nomark\.keel: version 1\.0: skipped: not newer than what is installed; to go "
               r"back: keelboot install FILE",
    garbage: r"bad\.keel: refused: not a bundle, or its header is damaged; copy it again",
}


def told(pattern) -> str:
    """All of the line on the console, of a bundle on the one stick."""
    return rf"keelboot-apply: /dev/sda: keelboot/{pattern}\r?\n"


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_refused_and_nothing_written(bench, make):
    disk = bench.disk("1.0")
    with bench.untouched(disk), bench.machine(disk, drives=[bench.stick(make(bench))]) as vm:
        vm.expect(told(REFUSED[make]))
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert [s["state"] for s in status["slots"]] == ["good", "empty"]
        assert status["booted"]["slot"] == "a"
        assert vm.stats()["stick"].writes == 0
        assert bench.causes(vm) == []


def test_older_than_the_floor(bench):
    """3.0 raised the floor when it was kept; 2.0 is signed, even with leave to go back, and too old."""
    good = bench.bundle("3.0", name="3.0-floor", options=("--floor", "3"))
    old = bench.bundle("2.0", name="old", options=("--allow-downgrade", "yes"))
    disk = bench.disk("1.0")
    with bench.machine(disk, drives=[bench.stick(good, name="good")]) as vm:
        bench.up(vm, "3.0", "b")
        assert bench.status(vm)["floor"] == 3
        bench.ask(vm, "sync; mount -o remount,ro /data")
    with bench.untouched(disk), bench.machine(disk, drives=[bench.stick(old)]) as vm:
        vm.expect(told(r"old\.keel: version 2\.0: skipped: below this device's rollback floor; use a newer release"))
        bench.up(vm, "3.0", "b")
