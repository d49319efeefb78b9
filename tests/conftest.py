# SPDX-License-Identifier: Apache-2.0
"""For every folder of tests: where the modules are that they share, and a device in a folder."""
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / folder) for folder in (
    "tests", "tests/format", "tests/hostile", "tests/lint", "tests/mutants", "tests/proof", "tests/soak", "qemu",
    "initramfs/mkinitramfs.d")]

from cli_device import make_device, make_factory, make_good, make_ready     # noqa: E402

__all__ = ["make_device", "make_factory", "make_good", "make_ready"]


def pytest_configure(config):
    config.addinivalue_line("markers", "threat(*numbers): a test of these threats, of tests/hostile/threats.py")
