# SPDX-License-Identifier: Apache-2.0
"""The report: build/report/bench.json, and bench.html with a picture for each workload."""

import html
import json
from pathlib import Path

BAR, LABEL, WIDTH, LINE = 420, 250, 860, 24
OURS, THEIRS = "#1a7f5a", "#9aa7b5"
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 62em; padding: 0 1em; color: #1c2733 }
table { border-collapse: collapse; font-size: 13px; margin: .5em 0 2em }
th, td { text-align: right; padding: .15em .7em; border-bottom: 1px solid #dde3ea }
th:first-child, td:first-child, td.left { text-align: left }
td.command { text-align: left; font: 11px monospace; max-width: 30em; overflow-wrap: anywhere }
.missed { color: #b3261e; font-weight: bold } .met { color: #1a7f5a }
summary { cursor: pointer } h2 { margin-top: 2em }
"""


def size(number: int) -> str:
    return f"{number / (1 << 20):,.2f} MiB" if number >= 1 << 14 else f"{number:,} B"


# What a column of the table says, and how; the first of a group's is what its picture shows.
COLUMNS = {
    "seconds": ("median", lambda value: f"{value:.2f} s"), "spread": ("spread", str),
    "million_instructions": ("guest instructions", lambda value: f"{value:,.1f} M"),
    "bytes": ("size", size), "machine": ("smallest machine", lambda value: f"{value} MiB"),
    "ratio": ("to ours", lambda value: f"{value:.2f}"),
    "limit": ("storage alone", lambda value: f"{value:.2f} s"), "to_limit": ("to that", lambda value: f"{value:.2f}"),
    "memory": ("peak memory", size), "memory_and_cache": ("with page cache", size),
    "written": ("written", size), "read": ("read", size), "artifact": ("artifact", size),
}
SHOWN = {"installs": "seconds", "creates": "seconds", "sizes": "bytes", "boot": "million_instructions"}


def shown(group: str, rows: list) -> str:
    """The figure of their picture: the group's; rows that lack it have another."""
    wanted = (SHOWN[group], "bytes", "machine")
    return next((name for name in wanted if any(name in row for row in rows)), SHOWN[group])


def ours(row: dict) -> bool:
    return row["way"].lower().startswith("keelboot")


def cell(row: dict, column: str) -> str:
    if column == "spread" and "least" in row:
        return f"{row['least']:.2f} to {row['most']:.2f}"
    return COLUMNS[column][1](row[column]) if column in row else ""


def picture(rows: list, figure: str) -> str:
    """Bars, as SVG: ours in green; at the end of each its figure and the ratio to ours."""
    rows = [row for row in rows if figure in row]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {len(rows) * LINE + 4}" width="{WIDTH}" '
            f'font-family="sans-serif" font-size="13">{bars(rows, figure)}</svg>')


def bars(rows: list, figure: str) -> str:
    """A dark line in the bar of a time: what the storage alone needs for the bytes that this way moved."""
    most = max((row[figure] for row in rows), default=0) or 1
    parts = []
    for number, row in enumerate(rows):
        y, length = number * LINE, max(2, BAR * row[figure] / most)
        ratio = f"  ({row['ratio']:.2f} ×)" if "ratio" in row else ""
        parts.append(f'<text x="{LABEL - 8}" y="{y + 16}" text-anchor="end">{html.escape(row["way"])}</text>'
                     f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{LINE - 7}" '
                     f'fill="{OURS if ours(row) else THEIRS}"/>'
                     f'<text x="{LABEL + length + 6:.1f}" y="{y + 16}">{cell(row, figure)}{ratio}</text>')
        if figure == "seconds" and "limit" in row:
            x = LABEL + BAR * min(row["limit"], row["seconds"]) / most
            parts.append(f'<line x1="{x:.1f}" y1="{y + 1}" x2="{x:.1f}" y2="{y + LINE - 2}" stroke="#1c2733" '
                         'stroke-width="2"/>')
    return "".join(parts)


def table(rows: list) -> str:
    columns = [name for name in COLUMNS if any(name in row or name == "spread" and "least" in row for row in rows)]
    lines = ["<tr><th>way</th>" + "".join(f"<th>{COLUMNS[name][0]}</th>" for name in columns) + "<th>command</th></tr>"]
    for row in rows:
        if "not_measured" in row:
            cells = f'<td class="left" colspan="{len(columns) + 1}">{html.escape(row["not_measured"])}</td>'
        else:
            cells = "".join(f"<td>{cell(row, name)}</td>" for name in columns)
            cells += f'<td class="command">{html.escape(row.get("command", ""))}</td>'
        lines.append(f"<tr><td>{html.escape(row['way'])}</td>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def target_table(targets: list) -> str:
    lines = ["<tr><th>what</th><th>want</th><th>got</th><th></th></tr>"]
    for one in targets:
        what = f"{one['group']}, {one['workload']}, {one['storage']}: {one['way']}, {one['figure']}"
        got = "not measured" if one["got"] is None else f"{one['got']:,g}"
        mark = '<td class="met">met</td>' if one["met"] else '<td class="missed">missed</td>' if one["judged"] else \
            "<td>missed; shown only</td>"
        lines.append(f"<tr><td>{html.escape(what)}</td><td>{html.escape(one['want'])}</td><td>{got}</td>{mark}</tr>")
    return f"<table>{''.join(lines)}</table>"


def sections(rows: list) -> list:
    """(group, storage, title, rows) in the order of the rows."""
    found = {}
    for row in rows:
        found.setdefault((row["group"], row.get("storage", ""), row["title"]), []).append(row)
    return [(*key, value) for key, value in found.items()]


def page(result: dict) -> str:
    parts = ["<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Keelboot beside its peers</title>",
             f"<style>{STYLE}</style><h1>Keelboot beside its peers</h1>",
             f"<p>{html.escape(result['machine'])}. Times are good as ratios within this run only.</p>",
             "<p>Green is Keelboot. The line in a bar is what the storage alone needs for the bytes that this way "
             "moved.</p>",
             "<h2>Targets</h2>", target_table(result["targets"])]
    for group, storage, title, rows in sections(result["rows"]):
        where = f", {storage} storage" if storage else ""
        parts.append(f"<h2>{html.escape(group)}: {html.escape(title)}{html.escape(where)}</h2>"
                     f"{picture(rows, shown(group, rows))}"
                     f"<details><summary>all figures</summary>{table(rows)}</details>")
    return "\n".join(parts) + "\n</html>\n"


def write(result: dict, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    (folder / "bench.html").write_text(page(result))
