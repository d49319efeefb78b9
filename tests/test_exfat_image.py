# SPDX-License-Identifier: Apache-2.0
"""The exFAT images of the tests are what exfatprogs takes for whole."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "qemu"))

from kbexfat import mkexfat     # noqa: E402


def fsck(image):
    return subprocess.run(["fsck.exfat", "-n", image], capture_output=True, text=True, check=False)


def test_an_image_with_files_is_clean(tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"\x5a" * 3_000_001)
    image = mkexfat(tmp_path / "x.img", "64M", {"keelboot/big.keel": big, "empty": b"",
                                                "keelboot/" + "long-" * 40: b"x",
                                                "a/b/c/deep.txt": b"deep"})
    result = fsck(image)
    assert result.returncode == 0 and "clean. directories 5, files 4" in result.stdout, result


def test_a_damaged_image_is_not(tmp_path):
    image = mkexfat(tmp_path / "x.img", "16M", {"a": b"x"})
    data = bytearray(image.read_bytes())
    data[100] ^= 1
    image.write_bytes(data)
    assert fsck(image).returncode != 0
