# SPDX-License-Identifier: Apache-2.0
"""goosebit 0.2, which also takes Keelboot's bundles. `make check-fleet` tests with it.

goosebit knows two formats by their first bytes, and has no way to add one but to stand in front of its parser. It is
started by the Python that has goosebit; goosebit.yaml, or GOOSEBIT_…, sets it up as ever. Without a HOST it listens
on the loopback alone: put a proxy with TLS before it.

Example: python3 goosebit_keel.py 60053 [HOST]
"""
import hashlib
import sys

import uvicorn
from goosebit import app
from goosebit.db.config import TORTOISE_CONF
from goosebit.db.models import SoftwareImageFormat
from goosebit.updates import swdesc
from goosebit.util.version import Version
from tortoise import Tortoise, run_async

MAGIC = b"KEELBNDL"
theirs = swdesc.parse_file


async def parse_file(file):
    """What it wants to know of an update."""
    data = await file.read_bytes()
    if data[:8] != MAGIC:
        return await theirs(file)
    return {"version": Version.parse(version_of(data)), "size": len(data), "hash": hashlib.sha1(data).hexdigest(),
            "image_format": SoftwareImageFormat.SWU,
            "compatibility": [{"hw_model": "default", "hw_revision": "default"}]}


def version_of(data) -> str:
    """Of the manifest, which lies unpacked near the beginning."""
    begin = data.index(b"version=") + len(b"version=")
    return data[begin:data.index(b"\n", begin)].decode()


async def make_tables():
    await Tortoise.init(config=TORTOISE_CONF)
    await Tortoise.generate_schemas()
    await Tortoise.close_connections()


if __name__ == "__main__":
    swdesc.parse_file = parse_file
    run_async(make_tables())
    uvicorn.run(app, host=(sys.argv[2:] or ["127.0.0.1"])[0], port=int(sys.argv[1]))
