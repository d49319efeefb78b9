#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs Keelboot and its peers side by side on the same images, in one run, and writes build/report/bench.json and
bench.html. `make bench` calls it; docs/PERFORMANCE.md says what the figures mean. As root.

The report is written after each workload, so that a run that is ended early leaves what it has. Exit 1: a target was
missed.

Examples: tests/bench/compare.py                                          all, for a night
          tests/bench/compare.py --group installs --size 64 --runs 1      a look, in minutes
          tests/bench/compare.py --keep --group boot                      one more group into the report of the last run
          tests/bench/compare.py --pictures                               of the report, into docs/
"""

import argparse
import dataclasses
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/bench"))

import boots            # noqa: E402
import creates          # noqa: E402
import groups           # noqa: E402
import installs         # noqa: E402
import pictures         # noqa: E402
import sizes            # noqa: E402
import bench_report as report       # noqa: E402
import targets          # noqa: E402
import workloads        # noqa: E402
from storage import MIB        # noqa: E402
from ways import NEEDED, install_line, missing      # noqa: E402


def install_rows(shop, args):
    """Fast storage: all workloads; then how cost grows with the size."""
    for workload in itertools.chain(workloads.singles(shop, args.workload), workloads.pairs(shop, args.workload),
                                    workloads.scale(shop, args.scale, args.workload)):
        yield installs.measured(workload, args.dir, "fast", args.runs, args.way)


SLOW_WAYS = ("keelboot install", "keelboot at boot, verify-first = no", "dd", "dd, and read back", "zstd -dc | dd",
             "sha256sum && zstd -dc | dd", "RAUC, plain", "SWUpdate, installed-directly", "keelboot install, delta")
SLOW, SLOW_SPEEDS = ("rebuilt", "blank", "pair"), ("eMMC", "SD card")


def throttled_rows(shop, args):
    """Storage as slow as a device's: over the release before, and over zeroes. A smaller image: its time is that of the
    bytes, and grows with them."""
    ways = tuple(name for name in SLOW_WAYS if args.way is None or name in args.way)
    names = workloads.chosen(SLOW, args.workload)
    if not names:
        return
    if why := groups.cannot_limit():
        for name, speed in itertools.product(names, SLOW_SPEEDS):
            yield installs.unmeasured(workloads.unmade(name), speed, ways, why)
        return
    slow = workloads.Workshop(shop.folder.parent / f"images-{args.slow_size}", args.slow_size)
    for workload in itertools.chain(workloads.pairs(slow, names), workloads.singles(slow, names)):
        sized = dataclasses.replace(workload, title=f"{workload.title}, {workload.new.stat().st_size // MIB} MiB")
        for speed in SLOW_SPEEDS:
            yield installs.measured(sized, slow.folder, speed, args.runs, ways)


def size_rows(shop, args):
    if not args.workload or "whole" in args.workload:
        yield sizes.measured(workloads.Workload("whole", "the whole of Debian", shop.debian(2)), args.dir)
    for workload in workloads.pairs(shop, args.workload):
        yield sizes.measured(workload, args.dir)


def create_rows(shop, args):
    for workload in itertools.chain(workloads.pairs(shop, args.workload),
                                    workloads.pairs(shop, args.workload, workloads.PLAIN)):
        yield creates.measured(workload, args.dir, args.runs)


def boot_rows(_shop, args):
    """Boots in QEMU."""
    for name in workloads.chosen(boots.WORKLOADS, args.workload):
        yield boots.WORKLOADS[name](args.runs)


# What creates makes, the groups behind it take.
GROUPS = {"boot": boot_rows, "creates": create_rows, "sizes": size_rows, "installs": install_rows,
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
    parser.add_argument("--workload", action="append", help="only this workload; may be repeated")
    parser.add_argument("--way", action="append", help="only this way of an install: for a look")
    parser.add_argument("--size", type=int, default=512, metavar="MIB", help="of most images (512)")
    parser.add_argument("--scale", type=int, nargs="*", default=None, metavar="MIB",
                        help="sizes that show how cost grows (64 4096; with another --size: none)")
    parser.add_argument("--slow-size", type=int, default=None, metavar="MIB", help="of images on slow storage (128)")
    parser.add_argument("--runs", type=int, default=5, help="of each way, in turn (5)")
    parser.add_argument("--dir", type=Path, default=TOP / "build/bench", help="where the images lie (build/bench)")
    parser.add_argument("--keep", action="store_true", help="add to the report of the last run, in place of its rows")
    parser.add_argument("--pictures", action="store_true", help="measure nothing: draw the report into docs/")
    args = parser.parse_args()
    if args.scale is None:
        args.scale = [64, 4096] if args.size == 512 else []
    args.slow_size = args.slow_size or min(args.size, 128)
    return args


def begun(args, folder: Path) -> dict:
    """The result before the first row: with --keep, that of the last run, if it was one of the same day, of as many
    runs and of the same size."""
    result = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "runs": args.runs, "size": args.size,
              "targets": [], "rows": []}
    last = folder / "bench.json"
    if args.keep and last.exists():
        kept = json.loads(last.read_text())
        other = [name for name in ("date", "runs", "size") if kept.get(name) != result[name]]
        if other or args.way:
            sys.exit(f"compare.py: --keep adds to a whole report alone: of the last one differs: "
                     f"{', '.join(other) or 'what --way leaves out'}; leave --keep out, or measure all again")
        result.update(rows=kept["rows"], machine=kept["machine"])
    return result


def main() -> int:
    args = options()
    if args.pictures:
        pictures.write(json.loads((TOP / "build/report/bench.json").read_text()), TOP / "docs")
        return 0
    absent = missing(NEEDED)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("compare.py: ended; the report has what was done"))
    if os.geteuid() != 0:
        sys.exit("compare.py: needs root, for loop devices and to drop the page cache")
    if absent:
        sys.exit(f"compare.py: {', '.join(absent)} not found; install with: {install_line(absent)}")
    args.dir = args.dir.resolve()
    shop = workloads.Workshop(args.dir / f"images-{args.size}", args.size)
    args.dir = shop.folder
    result = begun(args, TOP / "build/report")
    for name in args.group or GROUPS:
        for rows in filter(None, GROUPS[name](shop, args)):
            add(result, rows, TOP / "build/report")
            show(rows)
    print("The report is build/report/bench.html.")
    return finish(result)


def place(row: dict) -> tuple:
    return row["group"], row["workload"], row.get("storage", "fast")


def add(result: dict, rows: list, folder: Path) -> dict:
    """Rows to the result, in the place of older ones of the same workload, and the report to the folder."""
    new = {place(row) for row in rows}
    result["rows"] = [row for row in result["rows"] if place(row) not in new] + rows
    result["targets"] = targets.judge(result["rows"])
    report.write(result, folder)
    return result


def finish(result: dict) -> int:
    """Says which targets are missed; the exit status."""
    missed = [one for one in result["targets"] if one["judged"] and not one["met"]]
    for one in missed:
        print(f"missed: {one['workload']}, {one['way']}: {one['figure']} {one['got']}, {one['want']}")
    print(f"{sum(one['met'] for one in result['targets'])} targets met, {len(missed)} missed")
    return int(bool(missed))


def show(rows: list) -> None:
    print(f"{rows[0]['group']}: {rows[0]['title']}" + (f", {rows[0]['storage']}" if rows[0].get("storage") else ""))
    for row in rows:
        cells = [report.cell(row, name) for name in report.COLUMNS if report.cell(row, name)]
        print(f"  {row['way']:<36} {row.get('not_measured') or '  '.join(cells)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
