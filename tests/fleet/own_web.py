# SPDX-License-Identifier: Apache-2.0
"""The web server of our own in the words that nginx.Nginx has, and with its manners."""
import contextlib
import gzip
import itertools
import socket
import ssl
import threading
import time
from pathlib import Path

from authority import secure
from ddi_server import send_file
from loopback import Loopback, Visit

PERIOD = 10         # seconds of one request for each file, where they are limited


class Files(dict):
    """tags: the ETag of each, of time and size as nginx's. Each has a time of its own."""

    def __init__(self):
        super().__init__()
        self.tags, self.times = {}, itertools.count(1_700_000_000)

    def __setitem__(self, name, data):
        self.tags[name] = f'"{next(self.times):x}-{len(data):x}"'
        super().__setitem__(name, data)

    def disguise(self, name, data):
        """Other bytes, of the same size and time."""
        super().__setitem__(name, data)


class Web(Loopback):
    """files: by name. client: of authority.secure(); without a certificate a device is answered 400."""
    name = "own"

    def __init__(self, folder: Path, tls=None, client=False, http2=False, port=0):
        # There is no HTTP/2 here: a client that speaks it speaks the other one, too.
        del folder, http2
        super().__init__(Visitor, secure(tls, client="optional" if client else False) if tls else None, port=port)
        self.files, self.modes, self.last = Files(), {}, {}
        self.client = client

    def set(self, **modes):
        """gzip, packed, ranges=False, limit=STATUS, redirect=URL, speed=BYTES."""
        self.modes, self.last = modes, {}

    def start(self):
        """Again, on the same port."""
        self.socket = socket.create_server(self.server_address)
        if self.tls:
            self.socket = self.tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def requests(self, name):
        return [{**headers, "status": str(status)} for what, headers, status, _ in self.seen if what == name]

    def answers(self, name):
        return [status for what, _, status, _ in self.seen if what == name]


class Visitor(Visit):
    """One connection."""
    server: Web

    def send_response(self, code, message=None):
        self.status = code
        super().send_response(code, message)

    def end_headers(self):
        verified = isinstance(self.connection, ssl.SSLSocket) and self.connection.getpeercert()
        self.server.seen.append((self.file, dict(self.headers), self.status, bool(verified)))
        super().end_headers()

    def is_limited(self):
        last, now = self.server.last.get(self.file, 0), time.monotonic()
        if now - last < PERIOD:
            return True
        self.server.last[self.file] = now
        return False

    def pack(self, data):
        """Only for whom that is no surprise; but for files that were packed before."""
        if self.server.modes.get("packed"):
            return self.server.files.get(f"{self.file}.gz")
        wanted = self.server.modes.get("gzip") and "gzip" in self.headers.get("Accept-Encoding", "")
        return gzip.compress(data) if wanted else None

    def send(self, data):
        tag, packed = self.server.files.tags[self.file], self.pack(data)
        if self.server.modes.get("speed") and self.file.endswith(".keel"):
            self.wfile = Slow(self.wfile, self.server.modes["speed"])
        if self.headers.get("If-None-Match") == tag:
            self.reply(304, headers={"ETag": tag})
        elif packed is not None:
            self.server.sent += len(packed)
            self.reply(200, packed, {"ETag": f"W/{tag}", "Content-Encoding": "gzip"})
        elif self.server.modes.get("ranges") is False:
            self.server.sent += len(data)
            self.reply(200, data, {"ETag": tag})
        else:
            send_file(self, data, tag)

    def do_GET(self):
        self.file = self.path.lstrip("/").partition("?")[0]
        modes, data = self.server.modes, self.server.files.get(self.file)
        if self.server.client is True and not self.connection.getpeercert():
            self.reply(400, b"No required SSL certificate was sent")
        elif modes.get("redirect") and self.file.endswith(".keel"):
            self.reply(modes.get("status", 302), headers={"Location": modes["redirect"] + self.path})
        elif modes.get("limit") and self.is_limited():
            self.reply(modes["limit"])
        elif data is None:
            self.reply(404)
        else:
            self.send(data)


class Slow:
    """So many bytes in a second."""

    def __init__(self, file, speed):
        self.file, self.speed = file, speed

    def write(self, data):
        for at in range(0, len(data), self.speed // 10):
            self.file.write(data[at:at + self.speed // 10])
            time.sleep(0.1 if len(data) > self.speed // 10 else 0)

    def __getattr__(self, name):
        return getattr(self.file, name)


@contextlib.contextmanager
def running(folder, **how):
    with Web(folder, **how).running() as server:
        yield server

