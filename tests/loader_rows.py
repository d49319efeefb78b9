# SPDX-License-Identifier: Apache-2.0
"""The scenarios of `make check-loaders`, by the names that its report has; and of which code and script each was."""

import functools
import re

from distro_rows import TOP, collected, digest_of

FILES = [f"tests/boot/test_{name}.py" for name in (
    "loader_grub", "loader_uefi", "loader_tryboot", "loader_barebox", "loader_uboot_x86", "pairs_grub", "pairs_uefi",
    "pairs_sdboot", "pairs_type1", "pairs_efibootguard", "pairs_kexec", "pairs_uboot_x86")]
# Played on that processor.
ARM64 = ("loader_uboot", "pairs_uboot", "pairs_uefi_arm64", "pairs_sdboot_arm64", "pairs_grub_arm64")
NAMES = {"uboot": "u-boot", "sdboot": "systemd-boot", "type1": "systemd-boot-type1", "uboot-x86": "u-boot-x86",
         "sdboot-arm64": "systemd-boot-arm64"}


# Where the code of each begins, on any processor: headers lead to the rest of it, but loader.h, which has all of them.
# And its script.
CODE = {"grub": "loader_grub", "uefi": "loader_uefi", "systemd-boot": "loader_systemd",
        "systemd-boot-type1": "loader_systemd", "efibootguard": "loader_efibg",
        "u-boot": "loader_uboot", "tryboot": "loader_tryboot",
        "barebox": "loader_barebox"}
SCRIPTS = {"grub": "grub.cfg", "u-boot": "boot.cmd"}
PROCESSORS = re.compile("-(x86|arm64)$")
# What else only that loader has.
OWN = {"systemd-boot-type1": ("lib/bls.[ch]", "update/apply/apply_entry.[ch]")}


def sources(loader: str) -> set:
    """Its files in selector/loader/, or initramfs/kexec/, its script, what else is its own, and those that ask each
    of them: init's."""
    loader = PROCESSORS.sub("", loader)
    found = {path for pattern in OWN.get(loader, ()) for path in TOP.glob(pattern)}
    left = [CODE[loader]] if loader in CODE else []
    if loader not in CODE:
        return {*TOP.glob(f"initramfs/{loader}/*"), *TOP.glob(f"initramfs/pairs_{loader}.[ch]")}
    while left:
        files = {*TOP.glob(f"selector/loader/{left.pop()}.[ch]")} - found
        found |= files
        left += [name for path in files for name in re.findall(r'"selector/loader/(loader_\w+)\.h"', path.read_text())]
    return found | {TOP / "kernel-cmdline/loaders" / SCRIPTS[loader] for _ in range(loader in SCRIPTS)}


@functools.cache
def glue(loader: str) -> str:
    """Changes with these."""
    return digest_of(sources(loader))


def row(file: str, scenario: str, parameters: str) -> dict:
    """What a test is called: its file without .py, its name and its parameters."""
    loader = re.sub("^test_(loader|pairs)_", "", file).replace("_", "-")
    return {"loader": NAMES.get(loader, loader), "scenario": f"{scenario} {parameters}".strip()}


@functools.cache
def planned() -> list:
    """(loader, scenario) of each test that is there."""
    cases = collected(FILES) + collected([f"tests/boot/test_{name}.py" for name in ARM64], "--arch=arm64")
    return [(one["loader"], one["scenario"]) for one in (row(*case) for case in cases)]
