# SPDX-License-Identifier: Apache-2.0
"""What the servers of the tests share: a port of the loopback, whole answers, what is none; and how real ones end."""
import contextlib
import http.server
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import time


class Loopback(http.server.ThreadingHTTPServer):
    """seen: (kind, headers, …) of each request. on[KIND]: in place of its own answer, called with the handler. A list
    is used up one by one; None in it: its own answer."""
    daemon_threads = True
    request_queue_size = 32

    def __init__(self, handler, tls=None, host="127.0.0.1", port=0):
        super().__init__((host, port), handler)
        self.seen, self.on, self.tls = [], {}, tls
        self.sent = self.connections = 0    # bytes of files; connections that were opened
        self.resumed = []                   # of each connection by TLS: did a session go on?
        self.held, self.ended = [], threading.Condition()   # of each connection that ended: for how long it was open
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_port}"

    def requests(self, kind):
        return [headers for what, headers, *_ in self.seen if what == kind]

    def exchange(self, tls):
        """From the next connection on: another certificate."""
        plain = socket.socket(fileno=self.socket.detach())
        self.tls, self.socket = tls, tls.wrap_socket(plain, server_side=True)

    def longest(self):
        """For how many seconds one connection was open at most, behind the end of whoever asked: what else the machine
        does takes no part in that."""
        with self.ended:
            assert self.ended.wait_for(lambda: len(self.held) == self.connections, 60)
            return max(self.held)

    def handle_error(self, request, client_address):
        """A client that has enough goes away."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield self
        self.shutdown()
        self.server_close()
        thread.join()


class Visit(http.server.BaseHTTPRequestHandler):
    """One connection."""
    protocol_version = "HTTP/1.1"
    media = "application/octet-stream"    # of its answers

    def setup(self):
        super().setup()
        self.begun = time.monotonic()
        with self.server.ended:
            self.server.connections += 1
        if self.server.tls:
            self.server.resumed.append(self.connection.session_reused)

    def finish(self):
        try:
            super().finish()
        finally:
            with self.server.ended:
                self.server.held.append(time.monotonic() - self.begun)
                self.server.ended.notify_all()

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", headers=(), kind=None):
        """A whole answer."""
        body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        self.send_response(status)
        for name, value in {"Content-Type": kind or self.media, "Content-Length": str(len(body)),
                            **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, *pieces, then=(), pause=0):
        """Bytes as they are, after which the connection ends; then: more of them, one by one."""
        self.close_connection = True
        for piece in itertools.chain(pieces, then):
            self.wfile.write(piece)
            self.wfile.flush()
            if pause:
                time.sleep(pause)

    def send_as_read(self, head, data, piece=16384):
        """No more of it than is read, and what the kernel holds, which counts as sent; then the connection ends."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * piece)
        self.raw("".join(f"{line}\r\n" for line in (*head, "")).encode())
        for at in range(0, len(data), piece):
            self.wfile.write(data[at:at + piece])
            self.server.sent += piece

    def wait_until_gone(self):
        """Of the device: what it is still to get never comes."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            while self.connection.recv(65536):
                pass

    def other(self, kind):
        """What a test wants in place of the server's own answer."""
        other = self.server.on.get(kind)
        if isinstance(other, list):
            other = other.pop(0) if other else None
        return other


def stop(process):
    """Of a server that was started."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
