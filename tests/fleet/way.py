# SPDX-License-Identifier: Apache-2.0
"""The way between a device and a server: it passes on what is asked, as it is, and notes it. A test cuts it."""
import http.client
import json
import re
import time
import urllib.parse

from loopback import Loopback, Visit

KINDS = ((r"/softwaremodules/|/download$", "artifact"), (r"/deploymentBase/[^/]+/feedback$", "feedback"),
         (r"/cancelAction/[^/]+/feedback$", "cancel-feedback"), (r"/deploymentBase/", "deployment"),
         (r"/confirmationBase/[^/]+/feedback$", "confirmation-feedback"), (r"/confirmationBase/", "confirmation"),
         (r"/cancelAction/", "cancel"), (r"/configData$", "attributes"), (r"/installedBase$", "installed"))
KEPT = ("content-type", "etag", "accept-ranges", "content-range", "last-modified", "retry-after", "location")


class Way(Loopback):
    """seen: (kind, headers, status) of each request. away: no answer comes. lose: kinds whose next answer is lost,
    after the server had it. cut: how many bytes of the next artifacts pass, one by one. pace: bytes a second, of
    artifacts; passed: how many of them passed. spoil: how many of the next artifacts are damaged. before[KIND]: what is
    done before such a request is passed on, once. address: from where the server is to see it come; crowd: what is
    done before each request, by its method. redirect[KIND]: to which host such requests are led, in place of an
    answer."""

    def __init__(self, url, host="127.0.0.1", tls=None):
        super().__init__(Handler, tls, host=host)
        self.there = urllib.parse.urlsplit(url).netloc
        self.away, self.lose, self.cut = False, [], []
        self.pace = self.passed = self.spoil = 0
        self.before, self.redirect = {}, {}
        self.address, self.crowd = None, lambda _: None

    def answers(self, kind):
        return [status for what, _, status in self.seen if what == kind]



class Handler(Visit):
    """One connection. The server sees the name by which the device asks, and links to that."""
    server: Way

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.away:
            self.close_connection = True
            return
        path = self.path.partition("?")[0]
        kind = next((kind for pattern, kind in KINDS if re.search(pattern, path)), "poll")
        if kind in self.server.redirect:
            self.server.seen.append((kind, dict(self.headers), 302))
            self.reply(302, headers={"Location": self.server.redirect[kind] + self.path})
            return
        self.server.before.pop(kind, lambda: None)()
        self.server.crowd(self.command)
        there = http.client.HTTPConnection(self.server.there, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        headers |= {"X-Forwarded-For": self.server.address} if self.server.address else {}
        headers |= {"X-Forwarded-Proto": "https"} if self.server.tls else {}
        there.request(self.command, self.path, body or None, headers)
        answer = there.getresponse()
        data = answer.read()
        there.close()
        self.server.seen.append((kind, dict(self.headers), answer.status))
        self.kind = kind
        if kind in self.server.lose:
            self.server.lose.remove(kind)
            self.close_connection = True
            return
        if kind == "artifact" and self.server.spoil:
            self.server.spoil, data = self.server.spoil - 1, data[:-9] + bytes(9)
        self.give(answer, data, self.server.cut.pop(0) if kind == "artifact" and self.server.cut else None)

    def give(self, answer, data, cut):
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() in KEPT:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.write(data[:cut])
        self.close_connection = self.close_connection or cut is not None

    def write(self, data):
        if self.kind != "artifact" or not self.server.pace:
            self.wfile.write(data)
            self.server.passed += len(data) if self.kind == "artifact" else 0
            return
        while data:
            piece, data = data[:self.server.pace // 8 or len(data)], data[self.server.pace // 8 or len(data):]
            self.server.passed += len(piece)        # before: a device has at most so many, whenever it is cut
            self.wfile.write(piece)
            time.sleep(1 / 8)

    do_GET = do_POST = do_PUT = pass_on


def say(url, target, token, action, body) -> int:
    """Feedback to an action, as the device would send it; the status that it is answered."""
    there = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
    there.request("POST", f"/DEFAULT/controller/v1/{target}/deploymentBase/{action}/feedback", json.dumps(body),
                  {"Content-Type": "application/json", "Authorization": f"TargetToken {token}"})
    status = there.getresponse().status
    there.close()
    return status


def knock(url, address, method) -> int:
    """A request of whoever is at this address, without a token; its status."""
    there = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
    there.request(method, "/DEFAULT/controller/v1/neighbour", b"{}" if method != "GET" else None,
                  {"Content-Type": "application/json", "X-Forwarded-For": address})
    status = there.getresponse().status
    there.close()
    return status
