#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What of Keelboot's cost does not depend on how fast a machine is, against the figures in tests/bench/quick.json: a
figure that is more than 3 % above its own there fails. `make bench-quick`; a suite of `make check`, too.

What a bundle is beside zstd's own output holds everywhere. The others depend on the compiler, on OpenSSL and on QEMU,
so each release of Debian has figures of its own; one without is measured, and said so. Memory depends on the kernel,
too: it is compared where that is the one of the figures.

Example: tests/bench/quick.py --write      # what is measured becomes what is wanted
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/bench"), *(str(TOP / folder) for folder in ("tests", "tests/format", "qemu"))]

import boot             # noqa: E402
import verify           # noqa: E402
from cli_device import HELPER, KEELBOOT, Device         # noqa: E402
from kbdevice import Device as Machine, run             # noqa: E402
from measure import PERIOD, high_water      # noqa: E402

WANTED = Path(__file__).with_suffix(".json")
REPORT = TOP / "build/report/bench-quick.json"
MIB = 1 << 20
SIZE = 32 * MIB
MORE = 1.03             # of what is wanted
TO_PUBLISH = 4          # system calls that publish progress: a new file is opened, written, closed, and renamed


# ---------------------------------------------------------------- what is installed

def image(seed: int) -> bytes:
    """Text, holes, and bytes that do not shrink: the same each time. Another seed changes an eighth of it."""
    blocks = []
    for at in range(0, SIZE, 4096):
        number = at // 4096
        salt = seed if number % 8 == 3 else 0
        if number % 4 == 0:
            blocks.append(bytes(4096))
        elif number % 4 == 1:
            line = b"line %d of the text of release %d\n" % (number // 16, salt)
            blocks.append((line * 200)[:4096])
        else:
            value, words = number * 2654435761 + salt + 1, []
            for _ in range(512):
                value = (value * 6364136223846793005 + 1442695040888963407) % (1 << 64)
                words.append((value >> 24).to_bytes(8, "little") if number % 4 == 2 else b"%08d" % (value % 4096))
            blocks.append(b"".join(words))
    return b"".join(blocks)


class Watch(threading.Thread):
    """The largest sum, at one time, of the high-water marks of this process's children and of theirs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.over = 0, threading.Event()

    def below(self, pid: str) -> list:
        try:
            children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
        except OSError:
            return []
        return children + [one for child in children for one in self.below(child)]

    def run(self) -> None:
        while not self.over.wait(PERIOD):
            self.most = max(self.most, sum(map(high_water, self.below(str(os.getpid())))))


def prepare(device: Device, before: bytes, runs: Path) -> str:
    """Slot a runs what that bundle brought, slot b holds these bytes; the command to install, but for the bundle."""
    device.slots["b"].write_bytes(before.ljust(SIZE + 8 * MIB, b"\0"))
    device("state", "init", "--force", "--slots", 2, "--good", "a", "--bundle", runs)
    return " ".join(map(str, [KEELBOOT, *device.options(), "install", "--progress=none"]))


def shell(command: str) -> str:
    return subprocess.run(["sh", "-c", command], check=True, text=True, capture_output=True,
                          env={**os.environ, "KEELBOOT_HELPER": str(HELPER)}).stdout


def install(device: Device, bundle: Path, before: bytes, runs: Path) -> dict:
    """System calls, bytes and memory of `keelboot install`, of all its processes. Calls are counted in a run of their
    own: it is slower, and that changes who waits for whom. Those that publish progress are left out: it is due each
    tenth of a second, so a slow machine makes more of them. Nothing else in an install renames a file."""
    command = prepare(device, before, runs)
    watch = Watch()
    watch.start()
    io = dict(line.split(": ") for line in shell(f"{command} {bundle} >/dev/null 2>&1 && cat /proc/$$/io").splitlines())
    watch.over.set()
    watch.join()
    counter = device.path / "calls"
    if not counter.exists():
        run("gcc", "-O2", "-o", counter, TOP / "tests/bench/calls.c")
    command = prepare(device, before, runs)
    made = shell(f"{counter} {device.path}/count {command} {bundle} >/dev/null 2>&1 && cat {device.path}/count")
    calls, renames = map(int, made.split())
    return {"system calls": calls - TO_PUBLISH * renames, "read": int(io["rchar"]), "written": int(io["wchar"]),
            "memory": watch.most}


def bundled(work: Path, name: str, number: int, *options) -> Path:
    """The bundle of that name, of work/image-NUMBER."""
    bundle = work / f"{name}.keel"
    run(KEELBOOT, "bundle", "create", "-o", bundle, "--compatible", "test-board", "--version", f"{number}.0",
        "--sequence", number, "--image", f"root={work}/image-{number}", "--key", work / "k.key", *options)
    return bundle


def rotten(content: bytes) -> bytes:
    """Changed in eight places, far from each other."""
    changed = bytearray(content)
    for at in range(SIZE // 16 + 8192, SIZE, SIZE // 8):
        changed[at:at + 4096] = bytes(reversed(changed[at:at + 4096]))
    return bytes(changed)


def installs(work: Path) -> dict:
    """Over zeroes, over another image, over the same, as a delta, and as one that lacks some of the release that it is
    from; and the bundle beside zstd's."""
    images = {number: image(number) for number in (1, 2)}
    for number, content in images.items():
        (work / f"image-{number}").write_bytes(content)
    run(KEELBOOT, "key", "generate", "-o", work / "k")
    old, bundle = bundled(work, "old", 1), bundled(work, "x", 2)
    seed = ("--from", f"{work}/image-1,version=1.0")
    delta, both = bundled(work, "delta", 2, "--full", "no", *seed), bundled(work, "both", 2, *seed)
    run("zstd", "-qq", "-9", "--long", work / "image-2", "-o", work / "image.zst")
    device = Device(work / "device")
    device.trust(work / "k.pem")
    # To look for partitions takes calls for each one that this host has.
    device.configure("enabled=no\n[source.raw]\nenabled=no\n")
    figures = {"bundle, of zstd -9 --long": bundle.stat().st_size / (work / "image.zst").stat().st_size,
               "delta: bytes": delta.stat().st_size}
    for name, before, what in (("over zeroes", b"", bundle), ("over another image", images[1], bundle),
                               ("over the same image", images[2], bundle), ("of a delta", images[1], delta),
                               ("of a delta, rotten seed", images[1], both)):
        runs = images[1] if what != both else rotten(images[1])
        device.slots["a"].write_bytes(runs.ljust(SIZE + 8 * MIB, b"\0"))
        got = install(device, what, before, old)
        if device.slots["b"].read_bytes()[:SIZE] != images[2]:
            raise SystemExit(f"quick.py: install {name}: slot b does not hold the image")
        figures.update({f"install {name}: {what}": value for what, value in got.items()})
    return figures


# ---------------------------------------------------------------- what a boot costs

def verification(work: Path) -> dict:
    """Of a slot that a trusted bundle brought."""
    return {"keelboot-verify: instructions": verify.instructions(work, work / "x.keel", work / "device/root")}


def boots(work: Path) -> dict:
    """The window from /init to the root's init, beside that of a minimal init; and the sizes of an initramfs."""
    device = Machine(work / "machine")
    so, disk, mark, minimal = boot.plugin(work), None, *(boot.compiled(work, name)
                                                         for name in ("mark_init", "minimal_init"))
    disk = device.disk(a=device.system("1.0", files={"sbin/init": boot.compiled(work, "mark_root"),
                                                     **boot.own_modules(device)}))
    ours = device.initramfs("--init", mark, "--add", f"{device.build / 'init'}:/init.measured", name="keelboot",
                            modules=("virtio", "ext4", "watchdog"))
    least = boot.least(device, "virtio", "--init", mark, "--add", f"{minimal}:/init.measured")
    window = [boot.window(device, disk, "virtio", initrd, so, work) for initrd in (ours, least)]
    bare = device.initramfs("--compress", "zstd", name="bare", modules=())
    return {"boot, of a minimal init": window[0] / window[1],
            "initramfs without modules: bytes": bare.stat().st_size,
            **{f"{name}: bytes": device.stripped(name).stat().st_size
               for name in ("init", "keelboot-helper", "keelboot-guardian", "keelboot")}}


# ---------------------------------------------------------------- the judgement

def everywhere(name: str) -> bool:
    return name.startswith("bundle, of")


def is_ratio(name: str) -> bool:
    return ", of " in name


def is_memory(name: str) -> bool:
    return name.endswith(": memory")


def release() -> str:
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.M)
    return found[1] if found else "unknown"


def compare(got: dict, wanted: dict, name: str, kernel: str) -> tuple:
    """(figures that are no worse, lines about the others). name: of the release."""
    own = dict(wanted.get(name, {}))
    same_kernel = own.pop("kernel", "") == kernel
    if own and not same_kernel:
        print(f"quick.py: no figures for Linux {kernel}: memory is not compared")
        own, got = ({what: value for what, value in figures.items() if not is_memory(what)} for figures in (own, got))
    passed, wrong = 0, []
    for what, value in got.items():
        want = (wanted["everywhere"] if everywhere(what) else own).get(what)
        if want is None:
            if everywhere(what) or own:
                wrong.append(f"{what}: {value:,.4g}, and tests/bench/quick.json has no figure: quick.py --write")
        elif value > want * MORE:
            wrong.append(f"{what}: {value:,.4g}, where {want:,.4g} is wanted: {100 * (value / want - 1):.1f} % more")
        else:
            passed += 1
    wanted_names = {*wanted["everywhere"], *own}
    wrong += [f"{what}: not measured" for what in sorted(wanted_names - set(got))]
    if not own:
        print(f"quick.py: no figures for {name}: only the size of a bundle is compared")
    return passed, wrong


def lesser(one: dict, other: dict) -> dict:
    """Of each figure. What else a machine does adds to some of them, and takes nothing away; ours comes each time."""
    return {what: min(value, other.get(what, value)) for what, value in one.items()}


def measured() -> dict:
    with tempfile.TemporaryDirectory(prefix="keelboot-quick-") as temp:
        work = Path(temp)
        (work / "machine").mkdir()
        return {**installs(work), **verification(work), **boots(work)}


def write(got: dict) -> None:
    wanted = json.loads(WANTED.read_text()) if WANTED.exists() else {}
    wanted["everywhere"] = {what: round(value, 4) for what, value in got.items() if everywhere(what)}
    wanted[release()] = {"kernel": os.uname().release,
                         **{what: round(value, 4) for what, value in got.items() if not everywhere(what)}}
    WANTED.write_text(json.dumps(wanted, indent=1) + "\n")


def tell(got: dict) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(got, indent=1) + "\n")
    for what, value in got.items():
        print(f"{what:<44} {value:>16,.3f}" if is_ratio(what) else f"{what:<44} {value:>16,}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write what is measured to tests/bench/quick.json")
    args = parser.parse_args()
    got = measured()
    tell(got)
    if args.write:
        write(got)
        return 0
    wanted = json.loads(WANTED.read_text())
    passed, wrong = compare(got, wanted, release(), os.uname().release)
    if wrong:
        print("quick.py: worse than wanted: measured again")
        got = lesser(got, measured())
        tell(got)
        passed, wrong = compare(got, wanted, release(), os.uname().release)
    for line in wrong:
        print(f"worse: {line}")
    print(f"bench-quick: {passed} passed, {len(wrong)} failed")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
