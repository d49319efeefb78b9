# SPDX-License-Identifier: Apache-2.0
"""QEMU's machine protocol: JSON commands and events over a socket. No thread of its own: whoever
watches the socket calls receive(); execute() waits for the answer that arrives that way."""

import json
import socket
import threading
import time

from console import PATIENCE


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    """`on_event(name, data)` is called from receive(), so it must not call execute()."""

    def __init__(self, sock: socket.socket, on_event=lambda name, data: None):
        self._sock = sock
        self._on_event = on_event
        self._partial = b""
        self._answers = {}
        self._next_id = 0
        self._changed = threading.Condition()
        self._open = True

    def fileno(self) -> int:
        return self._sock.fileno()

    def receive(self) -> bool:
        """Reads what is there. False once QEMU has closed its end."""
        try:
            data = self._sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._dispatch(json.loads(line))
        return True

    def _dispatch(self, message: dict) -> None:
        if "event" in message:
            self._on_event(message["event"], message.get("data", {}))
        elif "id" in message:
            with self._changed:
                self._answers[message["id"]] = message
                self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def execute(self, command: str, timeout: float = 30.0, **arguments):
        """Runs one command and returns what it returns. An underscore in an argument's name stands
        for a hyphen; other names go into a dict: execute("device_add", **{"bus": ...})."""
        with self._changed:
            self._next_id += 1
            ident = self._next_id
        message = {"execute": command, "id": ident}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): value
                                    for key, value in arguments.items()}
        try:
            self._sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"{command}: QEMU is gone ({error})") from None
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while ident not in self._answers:
                if not self._open:
                    raise QmpError(f"{command}: QEMU ended before it answered")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise QmpError(f"{command}: no answer in {timeout * PATIENCE:g} s")
            answer = self._answers.pop(ident)
        if "error" in answer:
            raise QmpError(f"{command}: {answer['error'].get('desc', answer['error'])}")
        return answer["return"]
