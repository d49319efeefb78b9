# SPDX-License-Identifier: Apache-2.0
"""The report for a person: one HTML page without anything from elsewhere. First what failed and why, then each
scenario's boots on a time line, then its console."""

import html
import re
from pathlib import Path

from report import log_text, verdict
from scenarios import SCENARIOS

STYLE = Path(__file__).with_name("page.css")
WORDS = {"pass": "pass", "fail": "FAIL", "error": "ERROR", "skip": "skipped"}
LEVELS = {"error": "fail", "warning": "skip", "note": "note"}
FIRST = "The system as it is comes up, is good, and shuts down: what all others begin with."


def esc(text) -> str:
    return html.escape(str(text))


def headline(results) -> str:
    counts = {kind: sum(result.result == kind for result in results) for kind in WORDS}
    bad = counts["fail"] + counts["error"]
    text = f"{bad} of {len(results)} failed" if bad else f"{counts['pass']} of {len(results)} passed"
    return text + (f", {counts['skip']} could not be played" if counts["skip"] else "")


def kind_of(boot, passed: bool) -> str:
    """The colour of a boot. Where the scenario passed, a reset is what it wanted."""
    if boot.up and boot.slot:
        return "trialup" if boot.status == "trial" else "up"
    if boot.up or "power cut" in boot.ended:
        return "cut"
    return "meant" if passed else "reset"


def bar(result, whole: float) -> str:
    """The boots of a scenario on an axis of `whole` seconds."""
    parts, passed = [], result.result == "pass"
    for boot in result.boots:
        left, width = 100 * boot.at / whole, max(100 * boot.seconds / whole, 1.2)
        label = boot.slot or "?"
        parts.append(f'<i class="{kind_of(boot, passed)}" style="left:{left:.1f}%;width:{width:.1f}%" '
                     f'title="{esc(f"{boot.at} s, {boot.cause}: {boot}")}">{esc(label)}</i>')
    return f'<div class="bar">{"".join(parts)}</div>'


def length(result) -> str:
    return f"{result.seconds:.0f} s" if result.seconds else ""


def overview(results) -> str:
    whole = max([boot.at + boot.seconds for result in results for boot in result.boots] +
                [result.seconds for result in results] + [1.0])
    rows = [f'<tr><td><a href="#{result.name}">{esc(result.name)}</a></td>'
            f'<td><span class="badge {result.result}">{WORDS[result.result]}</span></td>'
            f'<td style="width:45%">{bar(result, whole)}</td><td class="num">{length(result)}</td>'
            f'<td>{esc(result.why)}</td></tr>' for result in results]
    return ('<table><tr><th>scenario</th><th>result</th><th>boots, by slot</th><th></th><th></th></tr>' + "".join(rows)
            + '</table><p class="legend dim"><i class="up"></i>came up in a good slot<i class="trialup"></i>came up on '
              'trial, was marked good<i class="meant"></i>was reset, as it had to be<i class="reset"></i>did not come '
              'up, or was reset<i class="cut"></i>power cut by the test, or up '
              "without Keelboot</p>")


def why_box(result) -> str:
    if result.result not in ("fail", "error"):
        return f'<p class="dim">{esc(result.why)}</p>' if result.why else ""
    said = f"<pre>{esc(chr(10).join(result.evidence))}</pre>" if result.evidence else ""
    todo = f'<div class="todo"><b>To do</b>{esc(result.todo)}</div>' if result.todo else ""
    return f'<div class="why"><b>{esc(result.why)}</b>{todo}{said}</div>'


def failures(results) -> str:
    bad = [result for result in results if result.result in ("fail", "error")]
    if not bad:
        return ""
    return "<h2>What failed</h2>" + "".join(
        f'<div class="why"><b><a href="#{result.name}">{esc(result.name)}</a>: {esc(result.why)}</b>'
        + (f'<div class="todo">To do: {esc(result.todo)}</div>' if result.todo else "") + "</div>" for result in bad)


def found(findings) -> str:
    if not findings:
        return ""
    rows = [f'<tr><td><span class="badge {LEVELS[finding.level]}">{esc(finding.level)}</span></td>'
            f"<td>{esc(finding.what)}</td><td>{esc(finding.todo)}</td></tr>" for finding in findings]
    return ("<h2>What was found in the system</h2><table><tr><th></th><th>finding</th><th>to do</th></tr>"
            + "".join(rows) + "</table>")


def console(text: str) -> str:
    """The serial console: Keelboot's lines stand out, the kernel's stand back."""
    lines = []
    for line in text.splitlines():
        line = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", line)
        if re.match(r"--- .* ---$", line):
            lines.append(f'<span class="n">{esc(line)}</span>')
        elif re.search(r"\bkeelboot(-\w+)?(\[\d+\])?: ", line):
            lines.append(f"<b>{esc(line)}</b>\n")
        elif re.match(r"\[ *\d+\.\d{6}\]", line):
            lines.append(f'<span class="k">{esc(line)}</span>\n')
        else:
            lines.append(f"{esc(line)}\n")
    return f"<pre>{''.join(lines)}</pre>"


def boots(result) -> str:
    rows = [f'<tr><td class="num">{boot.at:.0f} s</td><td>{esc(boot.cause)}</td>'
            f'<td>{esc(f"{boot.slot}: {boot.version}, {boot.status}" if boot.slot else "-")}</td>'
            f'<td>{esc(f"up: {boot.up}" if boot.up else boot.dead or boot.ended or "was not up")}</td>'
            f'<td class="num">{boot.seconds:.0f} s</td></tr>' for boot in result.boots]
    if not rows:
        return ""
    return "<table><tr><th></th><th>started by</th><th>slot</th><th>end</th><th></th></tr>" + "".join(rows) + "</table>"


def section(result) -> str:
    told = FIRST if result.name == "boot" else (SCENARIOS[result.name].__doc__ if result.name in SCENARIOS else "")
    events = "".join(f'<tr><td class="num">{at:.1f} s</td><td>{esc(text)}</td></tr>' for at, text in result.events)
    log = log_text(result) if result.log else ""
    whole = max([boot.at + boot.seconds for boot in result.boots] + [result.seconds, 1.0])
    return (f'<section id="{result.name}"><h2>{esc(result.name)} <span class="badge {result.result}">'
            f'{WORDS[result.result]}</span></h2><div>{esc(told)}</div>{why_box(result)}'
            + (bar(result, whole) if result.boots else "") + boots(result)
            + (f"<details><summary>Steps ({len(result.events)})</summary><table>{events}</table></details>"
               if events else "")
            + (f"<details><summary>Serial console ({len(log.splitlines())} lines)</summary>{console(log)}</details>"
               if log.strip() else "") + "</section>")


def render(facts: dict, results, findings) -> str:
    """The whole page."""
    told = " · ".join(esc(text) for text in facts.get("summary", ()))
    return (f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{esc(headline(results))}: keelboot image test</title><style>{STYLE.read_text()}</style>"
            f'<h1>{esc(facts.get("subject", ""))}</h1><div class="verdict {verdict(results)}">{esc(headline(results))}'
            f'</div><div class="facts">{told}</div>{failures(results)}{found(findings)}<h2>Scenarios</h2>'
            f'{overview(results)}{"".join(section(result) for result in results)}</html>\n')


def write(path: Path, facts: dict, results, findings) -> None:
    path.write_text(render(facts, results, findings))
