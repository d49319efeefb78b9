# SPDX-License-Identifier: Apache-2.0
"""The pictures of a run for docs/PERFORMANCE.md: few, of what a reader asks first. `compare.py --pictures` draws them
from build/report/bench.json, and names them in the page.
"""

import html
from pathlib import Path

from bench_report import LINE, SHOWN, WIDTH, bars

HEAD, GAP = 30, 18
BEGIN, END = "<!-- pictures: compare.py --pictures writes them -->", "<!-- end of the pictures -->"
# File: title, panels of (group, workload, storage).
PICTURES = {
    "bench-installs.svg": ("Installs on fast storage, seconds", (
        ("installs", "rebuilt", "fast"), ("installs", "blank", "fast"), ("installs", "same", "fast"))),
    "bench-throttled.svg": ("Installs on slow storage, seconds", (
        ("installs", "rebuilt", "eMMC"), ("installs", "rebuilt", "SD card"))),
    "bench-deltas.svg": ("Bytes of a delta", tuple(
        ("creates", name, "fast") for name in ("rebuilt", "in-place", "modules", "arm64", "squashfs", "erofs"))),
    "bench-boot.svg": ("A boot, million guest instructions", (
        ("boot", "boot", "fast"), ("boot", "distributions", "fast"))),
}


def panel(rows: list, group: str, workload: str, storage: str, name: str) -> tuple:
    """(its title, its rows, the figure): the rows that were measured."""
    figure = "bytes" if name == "bench-deltas.svg" else SHOWN[group]
    found = [row for row in rows if (row["group"], row["workload"], row.get("storage", "fast")) ==
             (group, workload, storage) and figure in row]
    title = found[0]["title"] if found else ""      # those of a whole image have another
    found = [one for one in found if one["title"] == title]
    if figure == "bytes" and found:
        found = [{**one, "ratio": round(one["bytes"] / found[0]["bytes"], 3)} for one in found]
    return title + (f", {storage}" if storage != "fast" else ""), found, figure


def draw(name: str, rows: list) -> str | None:
    """The picture of that name; None where nothing of it was measured."""
    title, wanted = PICTURES[name]
    y, parts = 44, []
    for where, found, figure in (panel(rows, *key, name) for key in wanted):
        if not found:
            continue
        parts.append(f'<text x="12" y="{y + 16}" font-weight="bold">{html.escape(where)}</text>'
                     f'<g transform="translate(0 {y + HEAD - 4})">{bars(found, figure)}</g>')
        y += HEAD + len(found) * LINE + GAP
    if not parts:
        return None
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" '
            f'font-size="13">\n<title>{html.escape(title)}</title>\n<rect class="page" width="{WIDTH}" height="{y}" '
            f'fill="#ffffff"/>\n<text x="12" y="28" font-size="17">{html.escape(title)}</text>\n'
            + "\n".join(parts) + "\n</svg>\n")


def shown(page: str, result: dict, names: list) -> str:
    """The page with these pictures between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"compare.py: docs/PERFORMANCE.md has no lines {BEGIN} and {END}: put them back")
    lines = [f"Taken on {result['date']}, on {result['machine']}.",
             f"Images of {result['size']} MiB, and {result['runs']} runs of each way.", ""] if names else []
    lines += [line for name in names for line in (f"![{PICTURES[name][0]}]({name})", "")]
    return before + BEGIN + "\n\n" + "".join(f"{line}\n" for line in lines) + END + after


def write(result: dict, docs: Path) -> None:
    names = []
    for name in PICTURES:
        if picture := draw(name, result["rows"]):
            (docs / name).write_text(picture)
            names.append(name)
        else:
            (docs / name).unlink(missing_ok=True)
    page = docs / "PERFORMANCE.md"
    page.write_text(shown(page.read_text(), result, names))
    print(f"Drawn: {', '.join(names) or 'nothing'}")
