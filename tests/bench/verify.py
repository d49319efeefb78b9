# SPDX-License-Identifier: Apache-2.0
"""What it takes to verify the manifest of the slot that boots, before its root is entered: instructions of the
processor, which valgrind counts.
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/format"), str(TOP / "qemu")]

from cli_device import HELPER, KEELBOOT, Device         # noqa: E402
from kbdevice import run             # noqa: E402

KEYS = {"Ed25519": "ed25519", "P-256": "p256"}


class NotCounted(Exception):
    """Says what valgrind, or the program, said."""


def instructions(work: Path, bundle: Path, root: Path) -> int:
    """Of keelboot-verify, on a slot that this bundle brought. root: the folder whose etc/keelboot trusts its key."""
    state, link = work / "verify.state", work / "keelboot-verify"
    run(KEELBOOT, "state", "init", "--force", state, "--slots", "2", "--trial", "a", "--bundle", bundle)
    if not link.exists():
        link.symlink_to(HELPER)
    done = subprocess.run(["bash", "-c", 'valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 3>/dev/null',
                           "sh", link, "--state", state, "--slot", "a", "--root", root], check=False, text=True,
                          capture_output=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise NotCounted(f"keelboot-verify under valgrind: exit {done.returncode}\n{done.stderr[-2000:]}")
    return int(found[1])


def of_key(key: str, work: Path) -> int:
    """Of a bundle that a key of that kind has signed."""
    image, bundle = work / "image", work / "x.keel"
    image.write_bytes(bytes(1 << 20))
    run(KEELBOOT, "key", "generate", "-o", work / "k", "--type", KEYS[key])
    run(KEELBOOT, "bundle", "create", "-o", bundle, "--compatible", "test-board", "--version", "1.0", "--sequence", 1,
        "--image", f"root={image},fs=ext4", "--key", work / "k.key")
    device = Device(work / "device")
    device.trust(work / "k.pem")
    return instructions(work, bundle, work / "device/root")
