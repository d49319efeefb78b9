#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves what can be proven of the record's codec and of the arithmetic of chunks; writes build/report/proof.json.

The codec, and the numbers of a table, are proven by trying all there is (codec_proof.c, varint_proof.c), the
arithmetic by Frama-C's WP and Z3, for every value (layout_proof.c). tests/proof/README.md says what that shows.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
CODEC = ["selector/state.c", "selector/state_encode.c", "selector/state_decode.c",
         "selector/state_keys.c", "selector/text.c", "lib/bytes.c", "lib/util.c"]
LAYOUT = ["manifest_chunks", "manifest_chunk_len", "manifest_hashes_len", "enc_pages", "enc_page_len", "hash_pages",
          "stored_fits"]


def run(command: list, timeout: int, **more) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], cwd=TOP, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, check=False, **more)


def tried(name: str, sources: list, flags: list, timeout: int, root: Path) -> tuple:
    """(what came of it, what it said) of a program that tries all there is and ends with NAME: N cases, N wrong. Where
    root has a mistake, the first that it finds is enough."""
    program = TOP / f"build/proof/{name}_proof"
    program.parent.mkdir(parents=True, exist_ok=True)
    built = run(["gcc", "-I", root, "-I", TOP, "-D_GNU_SOURCE", "-std=gnu11", "-O2", *flags, "-o", program,
                 TOP / f"tests/proof/{name}_proof.c", *[root / source for source in sources]], timeout)
    if built.returncode != 0:
        raise subprocess.SubprocessError(built.stdout)
    done = run([program] if root == TOP else [program, "first"], timeout)
    match = re.search(rf"{name}: (\d+) cases, (\d+) wrong\n$", done.stdout)
    if not match or done.returncode != 0:
        print(done.stdout[-3000:])
    cases, wrong = (int(match[1]), int(match[2])) if match else (0, 1)
    return {"cases": cases, "wrong": wrong, "ok": bool(match) and done.returncode == 0}, done.stdout


def codec(timeout: int, root: Path = TOP) -> dict:
    result, said = tried("codec", CODEC, [], timeout, root)
    parts = {name: int(count) for name, count in re.findall(r"^codec (.+): (\d+)$", said, re.M)}
    return {**result, "parts": parts}


def varint(timeout: int, root: Path = TOP) -> dict:
    return tried("varint", [], ["-ffunction-sections", "-Wl,--gc-sections"], timeout, root)[0]


def layout(timeout: int) -> dict:
    config = TOP / "build/proof/why3.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    run(["why3", "-C", config, "config", "detect"], timeout)
    done = run(["frama-c", "-cpp-extra-args=-I. -D_GNU_SOURCE -include tests/proof/prelude.h", "-wp", "-wp-rte",
                "-warn-unsigned-overflow", "-wp-prover", "z3", "-wp-par", "2", "-wp-timeout", "120",
                "-wp-fct", ",".join(LAYOUT), "tests/proof/layout_proof.c"], timeout,
               env=dict(os.environ, WHY3CONFIG=str(config)))
    match = re.search(r"Proved goals:\s+(\d+) / (\d+)", done.stdout)
    proved, goals = (int(match[1]), int(match[2])) if match else (0, 0)
    left = re.findall(r"Goal (\w+) : (?!Valid)(.*)", done.stdout)
    if not goals or left or proved != goals:
        print(done.stdout[-3000:])
    return {"functions": LAYOUT, "goals": goals, "proved": proved, "left": left, "ok": 0 < goals == proved}


PROOFS = {"codec": codec, "varint": varint, "layout": layout}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/proof/prove.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proofs", nargs="*", metavar="PROOF", help=f"of: {', '.join(PROOFS)} (default: all)")
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for each (default: 1800)")
    args = parser.parse_args()
    if set(args.proofs) - set(PROOFS):
        parser.error(f"there are {', '.join(PROOFS)}")
    report = {}
    for name in args.proofs or PROOFS:
        start = time.monotonic()
        try:
            report[name] = PROOFS[name](args.timeout)
        except (FileNotFoundError, subprocess.SubprocessError) as error:
            report[name] = {"ok": False, "why": str(error)}
        report[name]["seconds"] = round(time.monotonic() - start, 1)
        print(f"proof: {name}: " + ", ".join(f"{key} {value}" for key, value in report[name].items()
                                            if not isinstance(value, (dict, list))))
    path = TOP / "build/report/proof.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if all(entry["ok"] for entry in report.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
