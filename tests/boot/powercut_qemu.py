#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a device's disk is told during updates, in QEMU, and boots what power cuts leave of it.

Example: tests/boot/powercut_qemu.py                      all: build/report/powercut-qemu.json
         tests/boot/powercut_qemu.py --images 40 --seed 7
         tests/boot/powercut_qemu.py --replay staged:state:25:torn:3:1
                                                          one image again, with the console
"""

import argparse
import json
import random
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "qemu"), str(TOP / "tests/boot")]

import blklog                                                        # noqa: E402
from powercut import RECORDINGS, STRATA, Cut, Lab, Wrong, plan, spread              # noqa: E402

WORK = TOP / "build/powercut-qemu"
REPORT = TOP / "build/report/powercut-qemu.json"
JOBS = 2
ENOUGH = 200        # images that are booted, unless fewer were asked for


class Tally:
    """What was booted, and how it went."""

    def __init__(self, boots: int):
        """boots: so many images may be booted."""
        self.lock = Lock()
        self.left = boots
        self.seen = {}
        self.strata = {name: {"images": 0, "settled": 0, "new": 0, "old": 0} for name in STRATA}
        self.boots, self.reasons, self.violations, self.skipped, self.checked = {}, {}, [], 0, 0

    def is_new(self, image_hash: str, kept: bool) -> bool:
        """Not the same disk as one before."""
        with self.lock:
            if (image_hash, kept) in self.seen:
                self.skipped += 1
                return False
            self.seen[image_hash, kept] = True
            return True

    def may_boot(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def settled(self, cut: Cut, outcome) -> None:
        with self.lock:
            row = self.strata[cut.stratum]
            row["images"] += 1
            row["settled"] += 1
            row["new" if outcome.reason == "committed" else "old"] += 1
            self.boots[outcome.boots] = self.boots.get(outcome.boots, 0) + 1
            self.reasons[outcome.reason] = self.reasons.get(outcome.reason, 0) + 1

    def looked_at(self) -> None:
        with self.lock:
            self.checked += 1

    def wrong(self, cut: Cut, why: str, replay: str) -> None:
        with self.lock:
            self.strata[cut.stratum]["images"] += 1
            self.violations.append({"cut": str(cut), "why": why.splitlines()[0], "replay": replay})
            print(f"--- {cut}: {why}\nreplay: {replay}", flush=True)


def try_one(lab: Lab, cut: Cut, tally: Tally) -> None:
    """Those for which no boot is left are only looked at from outside."""
    image = lab.work / f"cut-{cut}.img"
    try:
        made = lab.image(cut, image)
        kept = lab.kept(cut)
        if not tally.is_new(made.hash, kept):
            return
        if tally.may_boot():
            tally.settled(cut, lab.settle(image, kept, made.bad))
        else:
            lab.check(image)
            tally.looked_at()
    except Exception as error:                      # a thread's error must not get lost
        why = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        tally.wrong(cut, why, f"tests/boot/powercut_qemu.py --work {lab.work} --replay {cut}")
    finally:
        image.unlink(missing_ok=True)


def replay(lab: Lab, cut: Cut) -> int:
    """One image, with its console on the screen; it stays for a look."""
    image, console = lab.work / f"cut-{cut}.img", lab.work / f"cut-{cut}.console"
    console.unlink(missing_ok=True)
    made = lab.image(cut, image)
    kept = lab.kept(cut)
    print(f"{cut}: image {made.hash}, one of {made.choices}, cannot be read at {made.bad or 'no byte'}; "
          f"the update {'must not be lost' if kept else 'may be lost'}")
    try:
        print(lab.settle(image, kept, made.bad, console))
        return 0
    except Wrong as error:
        print(error)
        return 1
    finally:
        print(f"console: {console}\ndisk, as it was left: {image}")


def report(lab: Lab, tally: Tally, args, seconds: float) -> dict:
    recordings = []
    for name in RECORDINGS:
        made = lab.recording(name)
        entries = blklog.entries(made.log, tail=True)
        recordings.append({"name": name, "entries": len(entries), "seconds": made.seconds,
                           "flushes": sum(entry.kind == "flush" for entry in entries),
                           "uncounted": len(entries) - len(blklog.entries(made.log))})
    images = sum(row["images"] for row in tally.strata.values())
    return {"recordings": recordings, "entries": sum(r["entries"] for r in recordings), "images": images,
            "settled": sum(row["settled"] for row in tally.strata.values()), "checked_only": tally.checked,
            "equal_images_skipped": tally.skipped,
            "violations": len(tally.violations), "violated": tally.violations, "seeds": [args.seed],
            "strata": tally.strata, "boots": tally.boots, "reasons": tally.reasons, "seconds": round(seconds)}


def show(told: dict) -> None:
    print(f"{'stratum':<8} {'images':>7} {'settled':>8} {'new':>5} {'old':>5}")
    for name, row in told["strata"].items():
        print(f"{name:<8} {row['images']:7d} {row['settled']:8d} {row['new']:5d} {row['old']:5d}   {STRATA[name]}")
    print(f"boots until settled: {told['boots']}; why: {told['reasons']}")
    print(f"powercut-qemu: {told['entries']} entries, {told['images']} images, {told['settled']} settled, "
          f"{told['checked_only']} more checked, {told['violations']} violations, seed {told['seeds'][0]}, "
          f"{told['seconds']} s")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=240, help="that are booted, equal ones counted once (default: "
                        f"%(default)s); from {ENOUGH} on it is an error if fewer than that settle")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of recordings (default: build/powercut-qemu)")
    parser.add_argument("--no-rest", dest="rest", action="store_false", help="do not look at the other images")
    parser.add_argument("--keep", action="store_true", help="use the recordings that are there")
    parser.add_argument("--replay", type=Cut.parse, metavar="CUT", help="boot that image of recordings that are there")
    return parser.parse_args()


def main() -> int:
    args = parse()
    since = time.monotonic()
    if args.replay:
        return replay(Lab(args.work), args.replay)
    if not args.keep:
        shutil.rmtree(args.work, ignore_errors=True)
    lab, tally = Lab(args.work), Tally(args.images)
    cuts = []
    for name in RECORDINGS:
        cuts += plan(lab, name, args.seed)
        print(f"recorded {name}: {lab.recording(name).seconds:.0f} s", flush=True)
    rng = random.Random(args.seed)
    work = spread(cuts, args.images, rng)
    if args.rest:       # where some of these are equal, others take their place
        chosen = set(work)
        rest = [cut for cut in cuts if cut not in chosen]
        work += rng.sample(rest, len(rest))
    print(f"seed {args.seed}: {args.images} of at most {len(cuts)} images are booted, the others only checked",
          flush=True)
    # Each thread stays until the end: QEMU dies with the one that started it.
    with ThreadPoolExecutor(JOBS) as pool:
        for number, _ in enumerate(pool.map(lambda cut: try_one(lab, cut, tally), work), 1):
            if number % 20 == 0:
                print(f"{number} of {len(work)}, {len(tally.violations)} violations, "
                      f"{time.monotonic() - since:.0f} s", flush=True)
    told = report(lab, tally, args, time.monotonic() - since)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(told, indent=1) + "\n")
    show(told)
    if args.images >= ENOUGH > told["settled"]:
        print(f"powercut-qemu: only {told['settled']} images settled, of {ENOUGH} at least")
        return 1
    return 1 if told["violations"] or told["settled"] + told["checked_only"] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
