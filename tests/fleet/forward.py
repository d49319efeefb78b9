# SPDX-License-Identifier: Apache-2.0
"""A forward proxy on the loopback: it opens tunnels (CONNECT), and asks for others what they name as a whole (http)."""
import base64
import contextlib
import http.client
import select
import socket
import urllib.parse

from loopback import Loopback, Visit


class Proxy(Loopback):
    """seen: (method, headers, what it is to reach). who: "user:password" that it wants. on["CONNECT"], on["GET"] …:
    in place of its own answer. passed: the bytes that devices sent through tunnels."""

    def __init__(self, who=None):
        super().__init__(Visitor)
        self.who, self.passed = who, b""

    def address(self, who=None):
        return f"http://{who + '@' if who else ''}127.0.0.1:{self.server_port}"


class Visitor(Visit):
    """One connection."""
    server: Proxy

    def take(self, own):
        self.server.seen.append((self.command, dict(self.headers), self.path))
        other = self.other(self.command)
        known = base64.b64encode((self.server.who or "").encode()).decode()
        if other:
            other(self)
        elif self.server.who and self.headers.get("Proxy-Authorization") != f"Basic {known}":
            self.reply(407, b"who asks?", {"Proxy-Authenticate": 'Basic realm="proxy"'})
        else:
            own()

    def do_CONNECT(self):
        self.take(self.open_tunnel)

    def open_tunnel(self):
        host, _, port = self.path.rpartition(":")
        self.close_connection = True
        try:
            there = socket.create_connection((host, int(port)), 10)
        except OSError:
            self.reply(502)
            return
        with there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\nETag: \"of-the-proxy\"\r\n\r\n")
            self.wfile.flush()
            with contextlib.suppress(OSError):
                while self.pass_some(there):
                    pass

    def pass_some(self, there):
        for one in select.select([self.connection, there], [], [], 30)[0]:
            data = one.recv(65536)
            if not data:
                return False
            if one is there:
                self.connection.sendall(data)
            else:
                self.server.passed += data
                there.sendall(data)
        return True

    def do_GET(self):
        self.take(self.ask_there)

    do_POST = do_PUT = do_GET

    def ask_there(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        there = http.client.HTTPConnection(url.netloc, timeout=30)
        kept = {name: value for name, value in self.headers.items()
                if name.lower() not in ("proxy-authorization", "proxy-connection", "connection")}
        there.request(self.command, f"{url.path}?{url.query}" if url.query else url.path, body or None, kept)
        answer = there.getresponse()
        data = answer.read()
        there.close()
        self.reply(answer.status, data, {name: value for name, value in answer.getheaders()
                                         if name.lower() not in ("content-length", "connection", "transfer-encoding")})
