# SPDX-License-Identifier: Apache-2.0
"""A line between a device and a server, which knows nothing of what passes: it counts, and breaks."""
import contextlib
import socket
import threading


class Wire:
    """cut: after how many bytes to the device the next connections break, one by one; a connection that ends before
    leaves its number to the next one. up, down: bytes that passed; connections: how many there were."""

    def __init__(self, port):
        self.there, self.cut, self.lock = port, [], threading.Condition()
        self.open = 0               # ways of connections on which something may still pass
        self.up = self.down = self.connections = 0
        self.first = b""            # that passed upwards in the last connection
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    @contextlib.contextmanager
    def running(self):
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.there), 30)
                except OSError:
                    near.close()
                    continue
                with self.lock:
                    self.connections, self.first, self.open = self.connections + 1, b"", self.open + 2
                for one, other, count in ((near, far, self._count_up), (far, near, self._count_down)):
                    threading.Thread(target=self._pass, args=(one, other, count), daemon=True).start()

    def settle(self):
        """Until all of its connections have ended: what a device that has gone sent, and got, is counted."""
        with self.lock:
            assert self.lock.wait_for(lambda: self.open == 0, 60)

    def _count_up(self, data, _):
        with self.lock:
            self.up, self.first = self.up + len(data), self.first + data
        return data, False

    def _count_down(self, data, before):
        with self.lock:
            broken = bool(self.cut) and before + len(data) >= self.cut[0]
            if broken:
                data = data[:self.cut.pop(0) - before]
            self.down += len(data)
        return data, broken

    def _pass(self, one, other, count):
        passed, broken = 0, False
        with contextlib.suppress(OSError):
            while not broken and (data := one.recv(8192)):
                data, broken = count(data, passed)
                passed += len(data)
                other.sendall(data)
        for end in (one, other) if broken else (other,):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR if broken else socket.SHUT_WR)
        with self.lock:
            self.open -= 1
            self.lock.notify_all()
