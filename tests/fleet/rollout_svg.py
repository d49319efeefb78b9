#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draw a rollout that stopped by itself, from what hawkBit's REST interface showed: docs/rollout.svg.

`make demo-fleet` records it in build/report/rollout.json; --take makes that the recording of the picture.

Example: tests/fleet/rollout_svg.py --take
"""

import argparse
import json
import shutil
import sys
from html import escape
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
RECORDED, PICTURE = TOP / "tests/fleet/rollout.json", TOP / "docs/rollout.svg"
WIDTH, ROW = 960, 30
COLORS = {"error": "#b3261e", "running": "#0b57d0", "scheduled": "#5f6368", "paused": "#b06000", "finished": "#137333"}
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"
 font-size="15">
<title>A rollout that stopped by itself</title>
<rect width="{width}" height="{height}" fill="#ffffff"/>
"""


def text(x, y, words, color="#202124", more=""):
    return f'<text x="{x}" y="{y}" fill="{color}"{more}>{escape(words)}</text>\n'


def state(x, y, word):
    """A word on its color."""
    return f'<rect x="{x}" y="{y - 16}" width="88" height="22" rx="4" fill="{COLORS.get(word, "#5f6368")}"/>\n' + \
        text(x + 44, y, word, "#ffffff", ' text-anchor="middle"')


def why(device) -> str:
    """What the server has of its action, in a line."""
    said = [one for action in device["actions"] for one in action["messages"]]
    return next((one for one in said if "fell back" in one), "never offered 2.0")


def draw(recorded) -> str:
    """The picture: before, and after."""
    before, after = recorded["before"], recorded["after"]
    devices = {device["name"]: device for device in after["devices"]}
    y, out = 36, [text(24, 36, "hawkBit: rollout of release 2.0", more=' font-size="19" font-weight="bold"')]
    out.append(text(560, y, "at its start") + state(652, y, before["status"]) + text(760, y, "at its end") +
               state(848, y, after["status"]))
    for old, new in zip(before["groups"], after["groups"]):
        y += 44
        out.append(f'<line x1="24" y1="{y - 26}" x2="{WIDTH - 24}" y2="{y - 26}" stroke="#dadce0"/>\n')
        out.append(text(24, y, new["name"], more=' font-weight="bold"') + state(652, y, old["status"]) +
                   state(848, y, new["status"]))
        for name in new["targets"]:
            y += ROW
            out.append(text(44, y, f"{name} runs {devices[name]['runs']}: {why(devices[name])}"))
    return HEAD.format(width=WIDTH, height=y + 28) + "".join(out) + "</svg>\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--take", action="store_true", help="what make demo-fleet recorded last")
    if parser.parse_args().take:
        shutil.copy(TOP / "build/report/rollout.json", RECORDED)
    PICTURE.write_text(draw(json.loads(RECORDED.read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
