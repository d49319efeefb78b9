# SPDX-License-Identifier: Apache-2.0
"""A web server with a channel file and its bundles, and who publishes there, for tests."""

import hashlib
import json
import os
import struct
import tempfile
from pathlib import Path

from cli_device import OK, call, run
from ddi_server import send_file
from keelreader import crc32c
from loopback import Loopback, Visit


class Site(Loopback):
    """files: by name; so are on and seen."""

    def __init__(self, tls=None):
        super().__init__(Visitor, tls)
        self.files, self.reports = {}, []


class Visitor(Visit):
    """One connection."""
    server: Site

    def do_GET(self):
        name = self.path.lstrip("/").partition("?")[0]
        self.server.seen.append((name, dict(self.headers)))
        other, data = self.other(name), self.server.files.get(name)
        if other:
            other(self)
        elif data is None:
            self.reply(404, b"no such file")
        else:
            etag = f'"{hashlib.sha1(data).hexdigest()}"'
            if self.headers.get("If-None-Match") == etag:
                self.reply(304, headers={"ETag": etag})
            else:
                send_file(self, data, etag)

    def do_POST(self):
        name = self.path.lstrip("/")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((name, dict(self.headers)))
        other = self.other(name)
        if other:
            other(self)
        else:
            self.server.reports.append(json.loads(body))
            self.reply(204)


class Publisher:
    """Whoever has the key: makes a channel file of bundles, and puts it and them on the site."""

    def __init__(self, site, folder: Path, key: Path):
        self.site, self.folder, self.key, self.sequence = site, folder, key, 0

    def document(self, *releases, name="stable", sequence=None, created=None, **options):
        """releases: bundles, or (bundle, option, …)."""
        self.sequence = sequence or self.sequence + 1
        path = self.folder / f"{name}.json"
        words = ["--name", name, "--sequence", self.sequence, "-o", path]
        for option, value in options.items():
            words += [f"--{option}", value]
        for release in releases:
            bundle, *more = release if isinstance(release, tuple) else (release,)
            words += [*more, bundle]
            self.site.files[bundle.name] = bundle.read_bytes()
        env = {} if created is None else {"SOURCE_DATE_EPOCH": str(created)}
        run("channel", "create", *words, code=OK, env=env)
        return path

    def sign(self, document, key=None, out=None):
        out = out or self.folder / f"{document.stem}.channel"
        run("channel", "sign", document, "--key", key or self.key, "-o", out, code=OK)
        return out

    def __call__(self, *releases, key=None, **options):
        """The channel file, which is on the site then."""
        file = self.sign(self.document(*releases, **options), key)
        self.site.files[file.name] = file.read_bytes()
        return file


def seal(document: bytes, key: Path, magic=b"KEELCHAN", domain=b"keelboot channel 1", room=1024, length=None) -> bytes:
    """A channel file, as docs/CHANNEL.md says; or what is almost one. Ed25519 keys only."""
    begin = 512 + room
    end = begin + (len(document) if length is None else length)
    header = bytearray(512)
    struct.pack_into("<8sHHI16xQIIQQQQQ32s", header, 0, magic, 1, 1, 512, end, room, end - begin, begin, end, 0, end, 0,
                     hashlib.sha256(document).digest())
    struct.pack_into("<I", header, 508, crc32c(bytes(header[:508])))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data").write_bytes(domain + b"\0" + header)
        done = call("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", Path(folder, "data"), text=False)
        spki = call("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER", text=False).stdout
    value = b"\x01\0" + hashlib.sha256(spki).digest()[:16] + done.stdout
    area = struct.pack("<HH", 1, len(value)) + value
    return bytes(header) + area.ljust(room, b"\0") + document


def private_key(factory):
    return Path(os.path.splitext(factory.public)[0] + ".key")
