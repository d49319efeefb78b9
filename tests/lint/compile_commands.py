#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints compile_commands.json for the sources named; the compiler's flags are standard input.

Called by `make compile_commands`.
"""

import json
import shlex
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    flags = shlex.split(sys.stdin.read())
    commands = [{"directory": str(TOP), "file": name,
                 "arguments": ["gcc", *flags, "-c", "-o", f"build/obj/{name[:-2]}.o", name]}
                for name in sys.argv[1:]]
    print(json.dumps(commands, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
