#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long an install takes, against checking and writing the same image by hand.

The reference is `sha256sum IMAGE.zst`, then `zstd -dc IMAGE.zst | dd of=SLOT bs=1M conv=fsync`:
what a careful person types. It checks the stored file and reads nothing back. Keelboot decodes in a
process without rights, checks each chunk before it is written, writes only what differs, and reads
back what it wrote. Both write to the same loop device, page cache dropped before each run, in turn,
so that only the ratio counts. Needs root, for loop devices and to drop the page cache.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
MIB = 1 << 20


def run(*cmd: object, **kw: object) -> subprocess.CompletedProcess:
    """Runs a command that has to succeed."""
    return subprocess.run([str(c) for c in cmd], check=True, **kw)


def out(*cmd: object) -> str:
    return run(*cmd, stdout=subprocess.PIPE, text=True).stdout.strip()


def fill_tree(tree: pathlib.Path, limit: int, skip: int) -> None:
    """Copies files of /usr, sorted by name, until there are `limit` bytes; `skip` makes another
    tree of mostly the same kind of files."""
    total = 0
    files = sorted(p for d in ("/usr/lib", "/usr/share", "/usr/bin") for p in pathlib.Path(d).rglob("*"))
    for i, path in enumerate(files):
        if i < skip or path.is_symlink() or not path.is_file():
            continue
        size = path.stat().st_size
        if size == 0 or size > 64 * MIB:
            continue
        if total + size > limit:
            break
        target = tree / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        total += size


def nonzero_share(image: pathlib.Path) -> float:
    zero = bytes(4096)
    with open(image, "rb") as f:
        blocks = iter(lambda: f.read(4096), b"")
        flags = [b != zero for b in blocks]
    return sum(flags) / len(flags)


def make_image(work: pathlib.Path, name: str, size: int, skip: int) -> pathlib.Path:
    """An ext4 image of a Debian tree, about 64 % of which is not zero."""
    image, tree = work / f"{name}.ext4", work / f"{name}.tree"
    fill_tree(tree, int(size * 0.60), skip)
    run("truncate", "-s", size, image)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", tree, image)
    shutil.rmtree(tree)
    return image


def make_inputs(work: pathlib.Path, size: int) -> None:
    """Two images, one of them also as a bundle and as zstd file; what is there already stays."""
    for name, skip in (("new", 0), ("old", 5000)):
        if not (work / f"{name}.ext4").exists():
            make_image(work, name, size, skip)
    if not (work / "new.ext4.zst").exists():
        run("zstd", "-q", "-15", "-T0", work / "new.ext4")
    if not (work / "k.key").exists():
        run(TOP / "build/keelboot", "key", "generate", "-o", work / "k", stderr=subprocess.DEVNULL)
    if not (work / "new.keel").exists():
        run(TOP / "build/keelboot", "bundle", "create", "-o", work / "new.keel", "--compatible",
            "bench", "--version", "2.0", "--sequence", 2, "--image", f"root={work}/new.ext4",
            "--key", work / "k.key", stderr=subprocess.DEVNULL)


class Peak(threading.Thread):
    """Peak RSS of a process and its child, by looking often: the kernel's ru_maxrss would count
    the memory of the Python that was forked."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.seen = pid, {}
        self.start()

    def look(self, pid: str) -> None:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.seen[pid] = int(line.split()[1])

    def run(self) -> None:
        proc = pathlib.Path(f"/proc/{self.pid}")
        try:
            while "keelboot" not in (proc / "comm").read_text():
                time.sleep(0.001)
            while True:
                for pid in [str(self.pid), *(proc / f"task/{self.pid}/children").read_text().split()]:
                    if "keelboot" in pathlib.Path(f"/proc/{pid}/comm").read_text():
                        self.look(pid)
                time.sleep(0.02)
        except OSError:
            return  # it has ended

    def kib(self) -> int:
        self.join(1)
        return sum(self.seen.values())


class Bench:
    """A device in loop devices: a state partition and two slots, with keys and configuration."""

    def __init__(self, work: pathlib.Path, size: int) -> None:
        self.work = work
        self.root = work / "root"
        self.loops: list[str] = []
        conf = self.root / "etc/keelboot"
        (conf / "keys").mkdir(parents=True, exist_ok=True)
        (conf / "system.conf").write_text("[system]\ncompatible = bench\n[source.media]\nverify-first = no\n")
        shutil.copy(work / "k.pem", conf / "keys/k.pem")
        for slot in "ab":
            run("fallocate", "-l", size, work / f"slot-{slot}")
        self.slot = {s: self.attach(work / f"slot-{s}") for s in "ab"}

    def attach(self, path: pathlib.Path) -> str:
        dev = out("losetup", "-f", "--show", path)
        self.loops.append(dev)
        return dev

    def close(self) -> None:
        for dev in self.loops:
            subprocess.run(["losetup", "-d", dev], check=False)

    def reset_state(self) -> None:
        run("truncate", "-s", "0", self.work / "state")
        run("truncate", "-s", "16M", self.work / "state")
        run(TOP / "build/keelboot", "state", "init", self.work / "state", "--good", "a",
            "--version", "0.1", "--sequence", 1, "--force", stdout=subprocess.DEVNULL)

    def sectors(self) -> int:
        stat = pathlib.Path(f"/sys/block/{self.slot['b'][5:]}/stat").read_text().split()
        return int(stat[6])

    def fill(self, image: pathlib.Path | None) -> None:
        """What the slot holds before: zeroes, or another image."""
        run("blkdiscard", "-z", "-f", self.slot["b"], stderr=subprocess.DEVNULL)
        if image is not None:
            run("dd", f"if={image}", f"of={self.slot['b']}", "bs=1M", "conv=fsync", stderr=subprocess.DEVNULL)

    @staticmethod
    def drop() -> None:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")

    def by_hand(self, packed: pathlib.Path) -> float:
        self.drop()
        start = time.monotonic()
        run("sha256sum", packed, stdout=subprocess.DEVNULL)
        run("sh", "-c", f"zstd -dc {packed} | dd of={self.slot['b']} bs=1M conv=fsync", stderr=subprocess.DEVNULL)
        return time.monotonic() - start

    def install(self, bundle: pathlib.Path) -> tuple[float, int, int, int]:
        """Seconds, bytes written to the slot, KiB of peak RSS, exit code."""
        self.drop()
        before, start = self.sectors(), time.monotonic()
        cmd = ["keelboot-apply", "--root", str(self.root),
               "--state", str(self.work / "state"), "--mountable", "1",
               "--slot", f"a:root={self.slot['a']}", "--slot", f"b:root={self.slot['b']}",
               "--source", f"usb:{bundle}"]
        with open(self.work / "log", "w") as log:
            proc = subprocess.Popen(cmd, executable=TOP / "build/keelboot-helper", stderr=log,
                                    env={"KEELBOOT_HELPER": str(TOP / "build/keelboot-helper")})
            peak = Peak(proc.pid)
            proc.wait()
        took = time.monotonic() - start
        return took, (self.sectors() - before) * 512, peak.kib(), proc.returncode

    def check(self, image: pathlib.Path) -> None:
        self.drop()
        if subprocess.run(["cmp", "-n", str(image.stat().st_size), str(image),
                           self.slot["b"]], check=False).returncode != 0:
            sys.exit("FAIL: the slot does not hold the image:\n" + (self.work / "log").read_text())


def series(bench: Bench, what: str, before: pathlib.Path | None, image: pathlib.Path,
           packed: pathlib.Path, bundle: pathlib.Path, runs: int) -> float:
    """Both ways in turn; prints and returns the ratio of the medians."""
    hand, keel, written, rss = [], [], 0, 0
    for _ in range(runs):
        bench.fill(before)
        hand.append(bench.by_hand(packed))
        bench.fill(before)
        bench.reset_state()
        took, written, peak, rc = bench.install(bundle)
        if rc != 0:
            sys.exit(f"FAIL: exit {rc}:\n" + (bench.work / "log").read_text())
        bench.check(image)
        keel.append(took)
        rss = max(rss, peak)
    ratio = statistics.median(keel) / statistics.median(hand)
    print(f"{what:34} {statistics.median(hand):7.2f} s {statistics.median(keel):7.2f} s "
          f"{ratio:6.2f} x {written / MIB:8.1f} MiB {rss / 1024:6.1f} MiB", flush=True)
    return ratio


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--size", type=int, default=512, metavar="MIB", help="of the image (512)")
    ap.add_argument("--runs", type=int, default=5, help="of each kind; medians count (5)")
    ap.add_argument("--dir", help="where the files lie: the storage that is measured")
    ap.add_argument("--limit", type=float, default=1.5, help="ratio that fails above this (1.5)")
    ap.add_argument("--reuse", action="store_true",
                    help="keep images and bundle in --dir, and take those that are there")
    args = ap.parse_args()
    if args.reuse and not args.dir:
        ap.error("--reuse needs --dir")
    if os.geteuid() != 0:
        sys.exit("install.py: needs root, for loop devices and to drop the page cache")
    work = pathlib.Path(args.dir) if args.reuse else pathlib.Path(
        tempfile.mkdtemp(prefix="keelboot-bench-", dir=args.dir))
    bench = None
    try:
        make_inputs(work, args.size * MIB)
        image, other = work / "new.ext4", work / "old.ext4"
        packed, bundle = work / "new.ext4.zst", work / "new.keel"
        bench = Bench(work, (args.size + 64) * MIB)
        print(f"image {args.size} MiB, {nonzero_share(image):.0%} not zero, zstd "
              f"{packed.stat().st_size / MIB:.1f} MiB, bundle {bundle.stat().st_size / MIB:.1f} "
              f"MiB; {os.cpu_count()} processors, medians of {args.runs}")
        print(f"{'slot before':34} {'by hand':>9} {'keelboot':>9} {'ratio':>8} {'written':>12} {'peak RSS':>10}")
        worst = max(series(bench, "blank", None, image, packed, bundle, args.runs),
                    series(bench, "another image", other, image, packed, bundle, args.runs))
        bench.reset_state()
        took, written, peak, rc = bench.install(bundle)
        print(f"{'the same image, state says empty':34} {'':9} {took:7.2f} s {'':8} "
              f"{written / MIB:8.1f} MiB {peak / 1024:6.1f} MiB")
        if rc != 0 or written != 0:
            sys.exit("FAIL: the same image again wrote to the slot")
        print(f"worst ratio {worst:.2f}, limit {args.limit}")
        return 0 if worst <= args.limit else 1
    finally:
        if bench is not None:
            bench.close()
        if not args.reuse:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
