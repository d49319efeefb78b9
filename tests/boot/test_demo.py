# SPDX-License-Identifier: Apache-2.0
"""The demo, as a visitor plays it; README.md shows what it prints."""

import subprocess

from conftest import TOP


def test_demo_passes_and_readme_says_what_it_prints(tmp_path):
    done = subprocess.run([TOP / "qemu/demo", "--check-readme", "--work", tmp_path], text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
