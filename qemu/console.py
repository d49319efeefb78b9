# SPDX-License-Identifier: Apache-2.0
"""What a machine says on its serial line: kept in memory, searched, written to a log file."""

import codecs
import os
import re
import threading
import time

# A pattern that ends at the last character received may match a part of a word: what "slot=(\w+)"
# found as "slot=b" may go on with "ad". It counts when nothing has followed for this long.
SETTLE = 0.05
# On a host that has too much to do: every wait may take so many times as long.
PATIENCE = float(os.environ.get("KEELBOOT_PATIENCE", "1"))
# Colours and questions to the terminal: busybox's shell asks for the cursor's position after each
# prompt.
ESCAPES = re.compile("\x1b(\\[[0-9;?]*[@-~]|[()][0-9A-B]|[=>78cDEHM])")
UNFINISHED = re.compile("\x1b(\\[[0-9;?]*|[()])?$")


class ExpectError(AssertionError):
    """What was awaited did not come. The message ends with the last lines of the console."""


class Console:
    """Text without carriage returns and terminal escapes. One thread feeds it, others read."""

    def __init__(self, log=None, echo=None):
        self.changed = threading.Condition()
        self.text = ""
        self.cursor = 0                 # expect() searches from here
        self._log = open(log, "ab") if log else None
        self._echo = echo
        self.raw = None                 # a binary file that gets every byte as it comes: a terminal
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._partial = ""              # the beginning of an escape

    def feed(self, data: bytes) -> None:
        if self.raw:
            self.raw.write(data)
            self.raw.flush()
        if self._log:
            self._log.write(data)
            self._log.flush()
        text = self._partial + self._decode(data)
        unfinished = UNFINISHED.search(text)
        self._partial = unfinished.group(0) if unfinished else ""
        text = ESCAPES.sub("", text.removesuffix(self._partial)).replace("\r", "")
        if self._echo:
            self._echo.write(text)
            self._echo.flush()
        with self.changed:
            self.text += text
            self.changed.notify_all()

    def note(self, text: str) -> None:
        """A line for the log file only, about what happened to the machine."""
        if self._log:
            self._log.write(f"\n--- {text} ---\n".encode())
            self._log.flush()

    def tail(self, lines: int = 25) -> str:
        return "\n".join(self.text.splitlines()[-lines:])

    def wait_for(self, condition, timeout: float):
        """Waits until condition() is true, and returns its value; None after the timeout. The
        condition is called with the lock held."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self.changed:
            while True:
                value = condition()
                left = deadline - time.monotonic()
                if value or left <= 0:
                    return value or None
                self.changed.wait(min(left, 1.0))

    def expect(self, pattern: str, timeout: float, fail: str = "", ended=lambda: ""):
        """The next match of `pattern` after the previous one; the cursor moves behind it. Raises
        ExpectError on timeout, when `fail` matches first, or when ended() says why nothing more
        will come."""
        wanted, unwanted = re.compile(pattern, re.M), re.compile(fail, re.M) if fail else None
        deadline = time.monotonic() + timeout * PATIENCE
        with self.changed:
            while True:
                over = ended()      # asked first: what came before the end is still searched
                match = wanted.search(self.text, self.cursor)
                bad = unwanted.search(self.text, self.cursor) if unwanted else None
                if bad and not (match and match.start() < bad.start()):
                    self.cursor = bad.end()
                    raise self._error(f"{bad.group(0)!r} instead of {pattern!r}")
                if match and (over or match.end() < len(self.text) or not self._grows(deadline)):
                    self.cursor = match.end()
                    return match
                if match:
                    continue
                if over:
                    raise self._error(f"no {pattern!r}: {over}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._error(f"no {pattern!r} in {timeout * PATIENCE:g} s")
                self.changed.wait(min(left, 1.0))

    def _grows(self, deadline: float) -> bool:
        length = len(self.text)
        return (time.monotonic() < deadline and self.changed.wait(SETTLE)
                and len(self.text) > length)

    def _error(self, what: str) -> ExpectError:
        return ExpectError(f"{what}; the console's last lines:\n{self.tail()}")

    def close(self) -> None:
        if self._log:
            self._log.close()
            self._log = None
