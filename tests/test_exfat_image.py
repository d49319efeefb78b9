# SPDX-License-Identifier: Apache-2.0
"""The exFAT images of the tests are what exfatprogs takes for whole."""


from cli_device import call
from kbexfat import mkexfat


def fsck(image):
    return call("fsck.exfat", "-n", image, code=None)


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
