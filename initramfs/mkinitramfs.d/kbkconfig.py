# SPDX-License-Identifier: Apache-2.0
"""What a kernel can do, by its configuration, else by its version: which compression of an initramfs it reads, and
whether it starts another kernel."""

import re
from pathlib import Path
from typing import NamedTuple

# Preferred first: docs/decisions/0002. Each kernel since 2.6.38 has all but lz4 (3.11) and zstd (5.9).
PREFERRED = ("zstd", "gzip", "xz", "lz4", "none")
OF_EACH = "gzip"        # what is taken where the kernel is not known
SINCE = {"zstd": (5, 9), "lz4": (3, 11)}
OPTION = re.compile(r"^CONFIG_RD_(\w+)=y$", re.M)
KEXEC = "CONFIG_KEXEC_FILE=y"
KEXEC_SINCE = (5, 6)    # openat2(): os_can_kexec() of lib/os_kexec.c


class ConfigError(Exception):
    """Says which kernel, and which compression to take."""


class Kernel(NamedTuple):
    """What is known of the kernel that is to read the image."""
    version: tuple      # (6, 1); () when unknown
    config: str         # its text; "" when it was not found
    name: str           # for messages

    @property
    def known(self) -> bool:
        return bool(self.version or self.config)

    def reads(self, form: str) -> bool:
        if form == "none":
            return True
        if self.config:
            return form.upper() in OPTION.findall(self.config)
        return self.version >= SINCE.get(form, ()) if self.version else True


def version_of(release: str) -> tuple:
    """(6, 1) of "6.1.0-18-amd64"."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else ()


def _places(modules, image, release: str) -> list:
    """Where distributions and builds leave the configuration of a kernel: by its module folder, or its own file."""
    places = []
    if modules:
        places = [modules / "config", modules / "build/.config", modules / "build/include/config/auto.conf"]
    if modules and release:
        places += [above / f"boot/config-{release}" for above in list(modules.parents)[1:4]]
    return places + ([image.parent / f"config-{release}"] if image and release else [])


def kernel_of(modules, image=None, release: str = "") -> Kernel:
    """modules: /lib/modules/VERSION, or None. image: the kernel itself, or None; release: what it says of itself, or
    a person of it. That of the modules counts first."""
    folder = Path(modules).resolve() if modules else None
    if folder and version_of(folder.name):
        release = folder.name
    version = version_of(release)
    for path in _places(folder, Path(image).resolve() if image else None, release):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if "CONFIG_" in text:
            return Kernel(version, text, str(path))
    return Kernel(version, "", f"Linux {release}" if release else "this kernel")


def choose(kernel: Kernel, wanted) -> str:
    """The compression to take; wanted: what the caller asked for, or None."""
    best = next(form for form in PREFERRED if kernel.reads(form)) if kernel.known else OF_EACH
    if wanted is None:
        return best
    if not kernel.reads(wanted):
        why = f"has no CONFIG_RD_{wanted.upper()}=y" if kernel.config else \
            f"is older than {'.'.join(map(str, SINCE[wanted]))}"
        raise ConfigError(f"--compress {wanted}: {kernel.name} {why}, so this kernel cannot read the image; "
                          f"use --compress {best}")
    return wanted


def why_starts_none(kernel: Kernel) -> str:
    """Why it can start no other kernel by kexec; "": it can, or its configuration is not known."""
    if not kernel.config:
        return ""
    if KEXEC not in kernel.config.splitlines():
        return f"{kernel.name} has no {KEXEC}"
    if kernel.version and kernel.version < KEXEC_SINCE:
        return f"{kernel.name} is older than {'.'.join(map(str, KEXEC_SINCE))}"
    return ""
