# SPDX-License-Identifier: Apache-2.0
"""How the tools here read their command line: what is wrong with it ends them with 3, as
everywhere in Keelboot."""

import argparse
import sys

EXIT_USAGE = 3


class UsageParser(argparse.ArgumentParser):
    """Keeps the lines of the text that it is given."""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")
