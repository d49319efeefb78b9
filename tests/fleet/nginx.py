# SPDX-License-Identifier: Apache-2.0
"""nginx itself, on the loopback, with a folder and a configuration of its own; and what a person sets up there."""
import contextlib
import http.client
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import MutableMapping
from pathlib import Path

from hawkbit import free_ports
from loopback import stop

PROGRAM = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
HEADERS = ("Range", "If-Range", "If-None-Match", "Authorization", "Accept-Encoding", "Host")
SEEN = ",".join([r'"name":"$uri","status":"$status","sent":"$body_bytes_sent","seconds":"$request_time","end":"$msec"',
                 r'"agent":"$http_user_agent","etag":"$sent_http_etag"',
                 r'"protocol":"$server_protocol","verify":"$ssl_client_verify"',
                 *(f'"{name}":"$http_{name.lower().replace("-", "_")}"' for name in HEADERS)])
LIMIT = "limit_req_zone $uri zone=one:1m rate=6r/m;"      # of each file, one in ten seconds
CONF = """\
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    log_format seen escape=json '{{{seen}}}';
    access_log {folder}/access.log seen;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ }}
    default_type application/octet-stream;
    {http}
    server {{ listen 127.0.0.1:{control}; location /control/ {{ return 204; }} }}
    server {{
        listen 127.0.0.1:{port}{listen};
        root {folder}/www;
        {server}
        location / {{ {every} }}
        location ~ [.]keel$ {{ {every} {bundles} }}
    }}
}}
"""


class Files(MutableMapping):
    """Its folder, by name. Each file takes the place of the old one at once, as rsync has it; and none has the time of
    another, since nginx makes its ETags of time and size."""
    times = itertools.count(1_700_000_000)

    def __init__(self, folder):
        self.folder = folder

    def __setitem__(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(data)
        at = next(self.times)
        os.utime(new, (at, at))
        new.rename(path)

    def disguise(self, name, data):
        """Other bytes, of the same size and time."""
        at = (self.folder / name).stat().st_mtime
        (self.folder / name).write_bytes(data)
        os.utime(self.folder / name, (at, at))

    def __getitem__(self, name):
        return (self.folder / name).read_bytes()

    def __delitem__(self, name):
        (self.folder / name).unlink()

    def __iter__(self):
        return (str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def __len__(self):
        return len(list(iter(self)))


class Nginx:
    """Words are those of own_web.Web. What stands behind it, if anything: upstream."""
    name = "channel"

    def __init__(self, folder: Path, tls=None, client=False, http2=False, upstream=None):
        """tls: a folder of authority.py; client: devices show a certificate."""
        self.folder, self.tls, self.client, self.http2, self.upstream = folder, tls, client, http2, upstream
        (self.port, self.control), self.modes = free_ports(2), {}
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        (folder / "www").mkdir(parents=True)
        self.files, self.marks, self.process = Files(folder / "www"), itertools.count(1), None

    # ------------------------------------------------------------ its configuration

    def _tls(self):
        if not self.tls:
            return []
        name = f"{self.tls}/{self.modes.get('certificate', 'server')}"
        lines = [f"ssl_certificate {name}.pem;", f"ssl_certificate_key {name}.key;",
                 "ssl_protocols TLSv1.2 TLSv1.3;"]
        if self.client:
            wanted = "optional" if self.client == "optional" else "on"
            lines += [f"ssl_client_certificate {self.tls}/ca.pem;", f"ssl_verify_client {wanted};"]
        return lines

    def _every(self):
        m, lines = self.modes, []
        if m.get("gzip"):
            lines += ["gzip on;", "gzip_types *;", "gzip_min_length 1;", "gzip_proxied any;"]
        if m.get("packed"):
            lines += ["gzip_static always;"]
        if m.get("ranges") is False:
            lines += ["max_ranges 0;"]
        if m.get("limit"):
            lines += ["limit_req zone=one;", f"limit_req_status {m['limit']};"]
        if self.upstream:
            lines += [f"proxy_pass {self.upstream};", "proxy_set_header Host $http_host;",
                      "proxy_set_header X-Forwarded-Proto $scheme;", "proxy_set_header X-Forwarded-Port $server_port;",
                      *m.get("proxy", ())]
        return lines

    def _bundles(self):
        m, lines = self.modes, []
        if m.get("speed"):
            lines += [f"limit_rate {m['speed']};"]
        if m.get("redirect"):
            lines += [f"return {m.get('status', 302)} {m['redirect']}$request_uri;"]
        return lines

    def configuration(self):
        listen = " ssl" * bool(self.tls) + " http2" * bool(self.http2)
        server = "\n        ".join([*self._tls(), *self.modes.get("server", ())])
        return CONF.format(folder=self.folder, seen=SEEN, control=self.control, port=self.port, listen=listen,
                           http=f"{LIMIT} {self.modes.get('http', '')}", server=server,
                           every=" ".join(self._every()), bundles=" ".join(self._bundles()))

    # ------------------------------------------------------------ its life

    def start(self):
        (self.folder / "nginx.conf").write_text(self.configuration())
        with open(self.folder / "error.log", "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-p", self.folder, "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.control), 5):
                return
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "error.log").read_text()
            time.sleep(0.02)

    def stop(self):
        stop(self.process)

    def set(self, **modes):
        """gzip, packed, ranges=False, limit=STATUS, redirect=URL, speed=BYTES: as own_web.Web has them. certificate:
        whose."""
        self.modes = modes
        self.stop()
        self.start()

    @contextlib.contextmanager
    def running(self):
        self.start()
        try:
            yield self
        finally:
            self.stop()

    # ------------------------------------------------------------ what it saw

    @property
    def log(self):
        """Its one worker writes a line at the end of each request; all that ended before are there."""
        mark = f"/control/{next(self.marks)}"
        there = http.client.HTTPConnection("127.0.0.1", self.control, timeout=30)
        there.request("GET", mark)
        there.getresponse().read()
        there.close()
        end = time.monotonic() + 30
        while f'"{mark}"' not in (text := (self.folder / "access.log").read_text()):
            assert time.monotonic() < end
            time.sleep(0.01)
        rows = [json.loads(line) for line in text.splitlines()]
        return [row for row in rows if not row["name"].startswith("/control/")]

    def requests(self, name):
        """Headers of each request for this file; "status" is that of the answer, "etag" what it was called there."""
        return [{key: value for key, value in row.items() if value not in ("", "-")}
                for row in self.log if row["name"] == f"/{name}"]

    def answers(self, name):
        return [int(row["status"]) for row in self.requests(name)]

    @property
    def sent(self):
        """Bytes of files."""
        return sum(int(row["sent"]) for row in self.log if row["status"][0] == "2")


@contextlib.contextmanager
def running_or_skipped(folder, **how):
    import pytest
    if PROGRAM is None:
        pytest.skip("no nginx here: qemu/deps fleet")
    with Nginx(folder, **how).running() as server:
        yield server
