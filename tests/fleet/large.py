# SPDX-License-Identifier: Apache-2.0
"""A genuine bundle of about a size, for tests of what comes as a whole; and room for it in the slots."""
import os

from channel_site import private_key
from cli_device import MIB, OK, run


def create(folder, name, key, data, *options):
    """Each byte of it is one of the bundle's."""
    (folder / "root.img").write_bytes(data)
    run("bundle", "create", "-o", folder / name, "--compatible", "test-board", "--version", "2.0", "--sequence", 20,
        "--compress", "none", "--sig-capacity", "1K", "--image", f"root={folder / 'root.img'}", "--key", key, *options,
        code=OK)
    (folder / "root.img").unlink()
    return folder / name


def enlarge(device, size):
    """All of it stays a hole."""
    for slot in device.slots.values():
        os.truncate(slot, size + 8 * MIB)


def make(fleet, factory, folder, size, *options):
    """Of as many random bytes, which this device would take."""
    enlarge(fleet.dev, size)
    return create(folder, "large.keel", private_key(factory), os.urandom(size), *options)
