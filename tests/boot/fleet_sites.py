# SPDX-License-Identifier: Apache-2.0
"""What devices in QEMU meet by https, in the same words: our own server, or hawkBit itself behind nginx. Its manners
change while a device asks. Beside it is another host, with certificates of the same authority."""
import contextlib
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

import authority                                                                  # noqa: E402
import hawkbit                                                                    # noqa: E402
import nginx                                                                      # noqa: E402
import own_shop                                                                   # noqa: E402
import own_web                                                                    # noqa: E402
from ddi_server import Server                                                     # noqa: E402
from way import Way                                                               # noqa: E402

ELSEWHERE = "store.example.com"         # a name of the same machine, where the device looks names up
HOSTS = f"IP:10.0.2.2,DNS:{ELSEWHERE}"
PATHS = {"poll": "/controller/v1/[^/]+$", "feedback": "/feedback$", "artifact": "[.]keel$"}


class Site:
    """shop: what a person does there. way: behind TLS, before the server. store: the other host. port: of this one.
    folder: of authority.py."""

    def __init__(self, shop, way, store, port, folder):
        self.shop, self.way, self.store, self.port, self.folder = shop, way, store, port, folder

    @property
    def elsewhere(self):
        """By whom the other host is asked: (path, headers) of each request."""
        return [(f"/{name}", headers) for name, headers, *_ in self.store.seen]

    @property
    def url_elsewhere(self):
        return f"https://{ELSEWHERE}:{self.store.url.rpartition(':')[2]}"


class Own(Site):
    """Our own server."""

    def __init__(self, shop, way, store, folder):
        super().__init__(shop, way, store, way.server_port, folder)

    @contextlib.contextmanager
    def certificate(self, name):
        """It shows this one meanwhile."""
        self.way.exchange(authority.secure(self.folder, name))
        try:
            yield
        finally:
            self.way.exchange(authority.secure(self.folder))

    @contextlib.contextmanager
    def redirect(self, kind):
        """Requests of this kind are led to the other host meanwhile."""
        self.way.redirect = {kind: self.url_elsewhere}
        try:
            yield
        finally:
            self.way.redirect = {}


class Behind(Site):
    """hawkBit behind nginx, which shows the certificate and redirects."""

    def __init__(self, shop, way, store, front, folder):
        super().__init__(shop, way, store, front.port, folder)
        self.front = front

    @property
    def elsewhere(self):
        return [(row["name"], {key: value for key, value in row.items() if value}) for row in self.store.log]

    @contextlib.contextmanager
    def _set(self, **modes):
        self.front.set(**modes)
        try:
            yield
        finally:
            self.front.set()

    @contextlib.contextmanager
    def certificate(self, name):
        with self._set(certificate=name):
            yield

    @contextlib.contextmanager
    def redirect(self, kind):
        with self._set(server=[f"location ~ {PATHS[kind]} {{ return 302 {self.url_elsewhere}$request_uri; }}"]):
            yield


@contextlib.contextmanager
def own(folder):
    certificates = authority.make(folder, HOSTS)
    with Server("gateway-1").running() as server, own_web.running(folder, tls=certificates) as store, \
            Way(server.url, tls=authority.secure(certificates)).running() as way:
        yield Own(own_shop.Shop(server, hawkbit.QUOTA), way, store, certificates)


@contextlib.contextmanager
def behind(folder):
    certificates = authority.make(folder, HOSTS)
    with nginx.running_or_skipped(folder / "store", tls=certificates) as store, \
            hawkbit.running_or_skipped(folder / "hawkbit") as server, Way(server.url).running() as way, \
            nginx.running_or_skipped(folder / "front", tls=certificates, upstream=way.url) as front:
        yield Behind(hawkbit.Shop(server), way, store, front, certificates)


SITES = {"own": own, "hawkbit": behind}
