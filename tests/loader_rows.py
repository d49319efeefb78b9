# SPDX-License-Identifier: Apache-2.0
"""The scenarios of `make check-loaders`, by the names that its report has."""

import functools

from distro_rows import collected

FILES = [f"tests/boot/test_{name}.py" for name in (
    "loader_grub", "loader_uefi", "loader_tryboot", "loader_barebox", "loader_uboot_x86", "pairs_grub", "pairs_uefi",
    "pairs_sdboot", "pairs_efibootguard", "pairs_kexec", "pairs_uboot_x86")]
ARM64 = ("loader_uboot", "pairs_uboot")     # played on that processor
NAMES = {"uboot": "u-boot", "sdboot": "systemd-boot", "x86": "u-boot-x86"}


def row(file: str, scenario: str, parameters: str) -> dict:
    """What a test is called: its file without .py, its name and its parameters."""
    loader = file.rpartition("_")[2]
    return {"loader": NAMES.get(loader, loader), "scenario": f"{scenario} {parameters}".strip()}


@functools.cache
def planned() -> list:
    """(loader, scenario) of each test that is there."""
    cases = collected(FILES) + collected([f"tests/boot/test_{name}.py" for name in ARM64], "--arch=arm64")
    return [(one["loader"], one["scenario"]) for one in (row(*case) for case in cases)]
