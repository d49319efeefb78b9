#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A rollout that stops by itself: five devices in QEMU, hawkBit, and a release whose modem does not register.

What the server shows, by its REST interface, goes into build/report/rollout.json; tests/fleet/rollout_svg.py draws it.

Example: KEELBOOT_HAWKBIT_SOURCE=~/hawkbit make demo-fleet
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / folder) for folder in ("tests/boot", "tests/fleet", "tests", "qemu")]

import hawkbit                                                                    # noqa: E402
from conftest import Bench, Shared, images                                        # noqa: E402
from fleet_devices import (BROKEN, Fleet, Rollout, actions, running, targets,  # noqa: E402
                           wait_for_version)


class Story:
    """What is printed, with the seconds since it began."""

    def __init__(self):
        self.begin, self.last = time.monotonic(), ""

    def __call__(self, who, text):
        print(f"  {time.monotonic() - self.begin:4.0f} s  {who:<8}{text}", flush=True)

    def groups(self, shown):
        """Only when they changed."""
        text = f"rollout: {shown['status']}; " + "; ".join(
            f"{group['name']}: {group['status']}, devices: {group['totalTargets']}" for group in shown["groups"])
        if text != self.last:
            self("server", text)
        self.last = text


def look(rollout, names) -> dict:
    """All that the server shows of it."""
    server = rollout.hawkbit
    return {"status": rollout.shown["status"],
            "groups": [{"name": group["name"], "status": group["status"], "totalTargets": group["totalTargets"],
                        "targets": rollout.members(group)} for group in rollout.groups],
            "devices": [{"name": name, "runs": server("GET", f"targets/{name}/attributes").get("keelboot.version"),
                         "actions": [{"status": one["status"],
                                      "messages": [text for entry in one["entries"] for text in entry["messages"]]}
                                     for one in actions(server, name)]} for name in names]}


def play(story, server, bench) -> tuple:
    """What the server shows before and after."""
    fleet = Fleet(bench)
    names, first = [f"{fleet.name}-{n}" for n in range(1, 6)], fleet.image("1.0")
    targets(server, names)
    machines = [fleet.machine(fleet.disk(name, server.port, first)) for name in names]
    broken = server.release(fleet.name, "2.0", fleet.bundle("2.0", BROKEN))
    with running(machines):
        for machine in machines:
            machine.expect(r"system 1\.0 is ready", 300)
        story("devices", f"{names[0]} to {names[-1]} run 1.0, and ask every few seconds")
        rollout = Rollout(server, fleet, broken, groups=3)
        story("you", "start the rollout of 2.0: three groups, one after the other; an error pauses it")
        before = look(rollout, names)
        story.groups(before)
        end = time.monotonic() + 600
        while rollout.shown["status"] == "running" and time.monotonic() < end:
            story.groups(look(rollout, names))
            time.sleep(2)
        for name in names:
            wait_for_version(server, name, "1.0")
        after = look(rollout, names)
    story.groups(after)
    for device in after["devices"]:
        said = [text for one in device["actions"] for text in one["messages"]]
        why = next((text for text in said if "fell back" in text), "was never offered 2.0")
        story("server", f"{device['name']} runs {device['runs']}: {why}")
    return before, after


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    why = hawkbit.missing()
    if why:
        print(f"make demo-fleet: {why}", file=sys.stderr)
        return 1
    story = Story()
    print("A rollout that stops by itself, because its first group fell back", flush=True)
    with tempfile.TemporaryDirectory() as folder, images() as work, hawkbit.running(Path(folder) / "hawkbit") as server:
        before, after = play(story, server, Bench(Shared(work, watchdog=30), Path(folder)))
    report = TOP / "build/report/rollout.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"before": before, "after": after}, indent=1) + "\n")
    stopped = after["status"] == "paused" and all(device["runs"] == "1.0" for device in after["devices"])
    print("\nPASS: the rollout paused itself; all five devices run 1.0" if stopped else "\nFAIL: see above")
    return 0 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
