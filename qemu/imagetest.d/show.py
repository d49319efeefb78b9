# SPDX-License-Identifier: Apache-2.0
"""The table on the terminal: redrawn while scenarios run, or, where there is no terminal, one line when each ends."""

import shutil
import sys
import textwrap
import time

WORDS = {"pass": "pass", "fail": "FAIL", "skip": "skipped", "error": "ERROR", "": "waits"}
COLOURS = {"pass": "\033[32m", "fail": "\033[31;1m", "error": "\033[31;1m", "skip": "\033[33m", "": "\033[2m"}
PLAIN = "\033[0m"
HEAD = f"{'scenario':<10}  {'result':<8}  {'boots':>5}  {'seconds':>7}"


def row(result, now: float) -> str:
    """One line of the table, without colour. now: seconds since the test began."""
    running = not result.result and result.doing
    word = "runs" if running else WORDS[result.result]
    seconds = f"{now - result.started:.0f}" if running else f"{result.seconds:.1f}" if result.seconds else "-"
    text = result.doing if running else result.why
    return f"{result.name:<10}  {word:<8}  {len(result.boots) or '-':>5}  {seconds:>7}  {text}".rstrip()


def table(results, now: float = 0, width: int = 100, colour: bool = False) -> list:
    """The lines of the table."""
    lines = [HEAD]
    for result in results:
        line = row(result, now)
        line = line if len(line) <= width else f"{line[:width - 1]}…"
        lines.append(f"{COLOURS[result.result]}{line}{PLAIN}" if colour else line)
    return lines


def failures(results) -> list:
    """Why each scenario failed, and what to do, in full."""
    lines = []
    for result in results:
        if result.result in ("fail", "error"):
            lines += ["", f"{result.name}: {result.why}"]
            lines += [f"  to do: {result.todo}"] if result.todo else []
            lines += [f"    {line}" for line in result.evidence]
            lines.append(f"  console: {result.log}")
    return lines


def diagnosis(findings, width: int = 100) -> list:
    """The table of what was found."""
    if not findings:
        return []
    lines = ["", "What was found:"]
    for finding in findings:
        head = f"  {finding.level:<8}"
        for text, lead in ((finding.what, head), (f"to do: {finding.todo}" if finding.todo else "", " " * 10)):
            lines += textwrap.wrap(text, width, initial_indent=lead, subsequent_indent=" " * 12) if text else []
    return lines


class Screen:
    """Called with the board at each change."""

    def __init__(self, quiet: bool = False, out=sys.stdout):
        self.out, self.quiet = out, quiet
        self.live = out.isatty() and not quiet
        self._drawn, self._told = 0, set()

    def tell(self, text: str) -> None:
        if not self.quiet:
            print(text, file=self.out, flush=True)

    def __call__(self, board, result) -> None:
        now = time.monotonic() - board.begun
        if self.live:
            self._draw(board, now)
        elif not self.quiet and result.result and result.name not in self._told:
            self._told.add(result.name)
            print(row(result, now), file=self.out, flush=True)

    def redraw(self, board) -> None:
        if self.live:
            self._draw(board, time.monotonic() - board.begun)

    def _draw(self, board, now: float) -> None:
        width = shutil.get_terminal_size().columns
        lines = table(board.results.values(), now, width, True)
        self.out.write(f"\033[{self._drawn}A" if self._drawn else "")
        self.out.write("".join(f"\033[2K{line}\n" for line in lines))
        self.out.flush()
        self._drawn = len(lines)
