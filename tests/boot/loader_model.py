# SPDX-License-Identifier: Apache-2.0
"""The model of a boot loader that QEMU cannot start: a unit test, of which each story is a scenario."""

import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2] / "build/tests/unit"


def said_by(name: str) -> str:
    """What that test says of its stories."""
    program = TESTS / name
    if not program.exists():
        pytest.skip("make test-programs builds the model")
    done = subprocess.run([program], text=True, capture_output=True, timeout=900, check=False)
    return done.stdout + done.stderr


def is_passed(said: str, story: str) -> bool:
    return f"[       OK ] {story.replace(' ', '_')}\n" in said
