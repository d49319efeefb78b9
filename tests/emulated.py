# SPDX-License-Identifier: Apache-2.0
"""What QEMU's emulation of programs runs of AArch64, beside the traces: parts of the simulations, and the tests of the
command. It is a tenth as fast as this processor, and has no filters of system calls: no cage."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from processors import PROCESSORS

TOP = Path(__file__).resolve().parent.parent
ARCH = "arm64"
BUILD = TOP / "build" / PROCESSORS[ARCH].build
# The processor of QEMU's machines of arm64. The emulator's own choice signs return addresses, and computes each of
# them as Arm defines it: a simulation takes nine times as long.
ENVIRONMENT = {"QEMU_CPU": "cortex-a72", "QEMU_LD_PREFIX": str(TOP / "build/sysroot" / ARCH)}


class Part(NamedTuple):
    """least: what the sums of its report come to, at least: a walk that ends early finds nothing. stories: each is run
    by itself; empty: all of them are, together."""
    options: tuple
    least: dict
    stories: tuple = ()


PARTS = {
    "selector": Part(("--part",), {"states": 597119}),
    "powercut": Part(("--limit", "100"), {"cut_points": 8500, "distinct_images": 1150}),
    "datacut": Part(("--depth", "2"), {"worlds": 2804, "runs": 1286}),
    "ioerr": Part(("--every", "2000"), {"faults": 2},
                  ("healthy", "trial", "mark-bad", "rollback", "data", "stick", "raw", "install", "delta", "delta-only",
                   "rotten", "rotten-only", "parts", "rotten-parts", "squashfs", "erofs", "switch", "rescue",
                   "rebuild", "pair-trial", "pair-bad", "pair-dead", "pair-counts", "pair-barebox", "pair-switch",
                   "pair-install", "pair-unproven", "pair-raw")),
}
# By program, or its story.
SIMS_LEFT_OUT = {
    "linear": "its decoder runs in a cage",
    "filecut": "one story did not end within 8 minutes on a busy host; it forks for each run",
    "fleetcut": "the first image of one story took more than 2 minutes on a busy host; it forks for each run",
    **{f"ioerr {story}": "the emulator refuses PR_SET_CHILD_SUBREAPER"
       for story in ("guarded", "shutdown", "hanging", "silent", "stuck")},
}

# Those of tests/test_*.py that run build/keelboot or its helper, and no more than that.
HOST = ("bundle_create", "bundle_folder", "cli", "cli_adopt", "cli_check", "cli_config", "cli_copies", "cli_counter",
        "cli_disks", "cli_doctor", "cli_export", "cli_guard", "cli_guardian", "cli_health", "cli_kexec", "cli_loader",
        "cli_loader_order", "cli_loader_script", "cli_measure", "cli_migrate", "cli_output", "cli_switch", "cli_why",
        "completion", "cryptenroll", "delta", "format", "format_exact", "health", "man_pages", "openssl_conf",
        "partial", "signing", "verify_slot", "verity")
HOST_LEFT_OUT = "tests/arm64_host.txt"


def starter(program: Path) -> Path:
    """A script that has it emulated: for what starts it by its name."""
    script = BUILD / "emulated" / "-".join(program.relative_to(BUILD).parts)
    script.parent.mkdir(exist_ok=True)
    new = script.with_suffix(f".{os.getpid()}")
    new.write_text(f"#!/bin/sh\nexec {PROCESSORS[ARCH].emulator} -cpu {ENVIRONMENT['QEMU_CPU']} {program} \"$@\"\n")
    new.chmod(0o755)
    new.rename(script)
    return script


def short(report: Path, part: Part) -> list:
    """What the report of a simulation has too little of."""
    sums = json.loads(report.read_text()) if report.exists() else {}
    return [f"{report.name}: {sums.get(key, 0)} {key}, fewer than {least}" for key, least in part.least.items()
            if sums.get(key, 0) < least]


def host_options() -> list:
    return [*(f"tests/test_{name}.py" for name in HOST), f"--left-out={HOST_LEFT_OUT}"]


def host_environment() -> dict:
    return {"KEELBOOT": str(starter(BUILD / "keelboot")), "KEELBOOT_HELPER": str(starter(BUILD / "keelboot-helper"))}
