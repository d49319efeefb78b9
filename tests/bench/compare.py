#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs Keelboot and its peers side by side on the same images, in one run, and writes build/report/bench.json and
bench.html. `make bench` calls it; docs/PERFORMANCE.md says what the figures mean. As root.

The report is written after each workload, so that a run that is ended early leaves what it has. Exit 1: a target was
missed.

Examples: tests/bench/compare.py                                          all, for a night
          tests/bench/compare.py --group installs --size 64 --runs 1      a look, in minutes
"""

import argparse
import os
import signal
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/bench"))

import boots            # noqa: E402
import creates          # noqa: E402
import installs         # noqa: E402
import sizes            # noqa: E402
import storage          # noqa: E402
import bench_report as report       # noqa: E402
import targets          # noqa: E402
import workloads        # noqa: E402
from ways import NEEDED, install_line, missing      # noqa: E402


def install_rows(shop, args):
    """Fast storage: all workloads; then how cost grows with the size."""
    every = [*workloads.singles(shop), *workloads.pairs(shop), *workloads.scale(shop, args.scale)]
    for workload in every:
        if not args.workload or workload.name in args.workload:
            yield installs.measured(workload, args.dir, "fast", args.runs)


SLOW_WAYS = ("keelboot install", "keelboot at boot, verify-first = no", "zstd -dc | dd", "sha256sum && zstd -dc | dd",
             "RAUC, plain", "SWUpdate, installed-directly")


def throttled_rows(shop, args):
    """Storage as slow as a device's: over zeroes, and over the release before."""
    if not storage.can_throttle():
        print("throttled: not measured: this kernel has no blkio controller of control groups version 1")
        return
    old, new = shop.debian(1), shop.debian(2)
    for workload in (workloads.Workload("blank", "Debian, over zeroes", new),
                     workloads.Workload("rebuilt", "upgraded, mke2fs run anew", new, old, old)):
        for speed in ("eMMC", "SD card"):
            if not args.workload or workload.name in args.workload:
                yield installs.measured(workload, args.dir, speed, args.runs, SLOW_WAYS)


def size_rows(shop, args):
    blank = workloads.Workload("whole", "the whole of Debian", shop.debian(2))
    for workload in (blank, *workloads.pairs(shop)):
        if not args.workload or workload.name in args.workload:
            yield sizes.measured(workload, args.dir)


def create_rows(shop, args):
    for workload in workloads.pairs(shop):
        if not args.workload or workload.name in args.workload:
            yield creates.measured(workload, args.dir)


def boot_rows(_shop, args):
    """Whole boots in QEMU."""
    yield boots.measured(args.runs)


GROUPS = {"boot": boot_rows, "sizes": size_rows, "creates": create_rows, "installs": install_rows,
          "throttled": throttled_rows}


def machine() -> str:
    """What the figures were taken on, and how busy it was."""
    memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal")))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (f"{os.cpu_count()} processors, {memory // (1 << 20)} GiB of memory, Linux {os.uname().release}, "
            f"load {load} (1, 5, 15 minutes)")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", choices=GROUPS, help="one group (default: all)")
    parser.add_argument("--workload", action="append", help="only this workload of the installs; may be repeated")
    parser.add_argument("--size", type=int, default=512, metavar="MIB", help="of most images (512)")
    parser.add_argument("--scale", type=int, nargs="*", default=None, metavar="MIB",
                        help="sizes that show how cost grows (64 512 4096; with another --size: none)")
    parser.add_argument("--runs", type=int, default=5, help="of each way, in turn (5)")
    parser.add_argument("--dir", type=Path, default=TOP / "build/bench", help="where the images lie (build/bench)")
    args = parser.parse_args()
    if args.scale is None:
        args.scale = [64, 512, 4096] if args.size == 512 else []
    return args


def main() -> int:
    args = options()
    absent = missing(NEEDED)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("compare.py: ended; the report has what was done"))
    if os.geteuid() != 0:
        sys.exit("compare.py: needs root, for loop devices and to drop the page cache")
    if absent:
        sys.exit(f"compare.py: {', '.join(absent)} not found; install with: {install_line(absent)}")
    args.dir = args.dir.resolve()
    shop = workloads.Workshop(args.dir / f"images-{args.size}", args.size)
    args.dir = shop.folder
    result = {"machine": machine(), "runs": args.runs, "size": args.size, "targets": [], "rows": []}
    for name in args.group or GROUPS:
        for rows in GROUPS[name](shop, args):
            add(result, rows, TOP / "build/report")
            show(rows)
    print("The report is build/report/bench.html.")
    return finish(result)


def add(result: dict, rows: list, folder: Path) -> dict:
    """Rows to the result, and the report with them to the folder."""
    result["rows"] += rows
    result["targets"] = targets.judge(result["rows"])
    report.write(result, folder)
    return result


def finish(result: dict) -> int:
    """Says which targets are missed; the exit status."""
    missed = [one for one in result["targets"] if not one["met"]]
    for one in missed:
        print(f"missed: {one['workload']}, {one['way']}: {one['figure']} {one['got']}, {one['want']}")
    print(f"{len(result['targets']) - len(missed)} targets met, {len(missed)} missed")
    return int(bool(missed))


def show(rows: list) -> None:
    print(f"{rows[0]['group']}: {rows[0]['title']}" + (f", {rows[0]['storage']}" if rows[0].get("storage") else ""))
    for row in rows:
        cells = [report.cell(row, name) for name in report.COLUMNS if report.cell(row, name)]
        print(f"  {row['way']:<36} {row.get('not_measured') or '  '.join(cells)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
