# SPDX-License-Identifier: Apache-2.0
"""How the tools here are called, and read their command line: what is wrong with it ends them with 3,
as everywhere in Keelboot."""

import argparse
import os
import sys

EXIT_USAGE = 3
# Which verb of `keelboot image` is which tool here; cli/image/image.c has the same.
VERBS = {"run": "boot", "bootloop": "loop", "mkdisk": "disk", "kernel": "kernel",
         "imagetest": "test"}


def called(tool: str) -> str:
    """The name by which people call `tool`: the way in which they called this one."""
    return f"keelboot image {VERBS[tool]}" if os.environ.get("KEELBOOT_IMAGE") else f"qemu/{tool}"


def remedy(group: str) -> str:
    """What helps where a program is missing: `group` is that of qemu/deps, which is not installed."""
    return "install the package that has it" if os.environ.get("KEELBOOT_IMAGE") else f"run qemu/deps {group}"


class UsageParser(argparse.ArgumentParser):
    """Keeps the lines of the text that it is given."""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")
