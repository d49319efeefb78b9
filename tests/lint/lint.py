#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The style guide, made executable: one line FILE:LINE: MESSAGE for each thing that is not as it
should be. `make lint` runs all checks; tests/test_lint.py plants a violation of each.
"""

import argparse
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(TOP / "tests/mutants"))

import analysis  # noqa: E402
import bounds  # noqa: E402
import circles  # noqa: E402
import object_checks  # noqa: E402
import prose  # noqa: E402
import seam  # noqa: E402
import text_checks  # noqa: E402
from tree import LintError, Tree  # noqa: E402

CHECKS = {
    "warnings": object_checks.compilers,
    "clang-format": text_checks.clang_format,
    "shellcheck": text_checks.shellcheck,
    "python": text_checks.python,
    "function-length": text_checks.function_length,
    "file-length": text_checks.file_length,
    "exported-names": object_checks.exported_names,
    "no-allocation": object_checks.process_1_calls,
    "include-direction": text_checks.include_direction,
    "circles": circles.circles,
    "pure": object_checks.pure,
    "seam": seam.seam,
    "unfinished": text_checks.unfinished,
    "forbidden-c": text_checks.forbidden_c,
    "licence": text_checks.licence,
    "places": text_checks.places,
    "unique-names": text_checks.unique_names,
    "shared-names": text_checks.shared_names,
    "error-names": text_checks.error_names,
    "member-comments": text_checks.member_comments,
    "prose": prose.prose,
    "cited": prose.cited,
    "planted": text_checks.planted_bugs,
    "bounded": bounds.bounded,
    "gcc-analyzer": analysis.gcc,
    "clang-analyzer": analysis.clang,
    "cppcheck": analysis.cppcheck,
}
# These compile, or take long: tests/lint/pre-commit runs the others.
SLOW = ("warnings", "function-length", "exported-names", "no-allocation", "circles", "pure", "seam", "shared-names",
        "bounded", "gcc-analyzer", "clang-analyzer", "cppcheck")


def check(root: Path, names: list, changed: bool = False) -> dict:
    """{check: messages}; changed: only of files that differ from the last commit, where a tool is slow."""
    tree = Tree(root, changed)
    try:
        return {name: sorted(set(CHECKS[name](tree))) for name in names}
    finally:
        tree.close()


def parse(argv: list) -> argparse.Namespace:
    listing = "\n".join(f"  {name:<18} {function.__doc__.splitlines()[0]}" for name, function in CHECKS.items())
    parser = argparse.ArgumentParser(
        prog="tests/lint/lint.py", description=__doc__, epilog=f"checks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="CHECK", choices=list(CHECKS),
                        help="make this check; may be repeated")
    parser.add_argument("--quick", action="store_true", 
                        help="make those that compile nothing; of changed files only, where a tool is slow")
    parser.add_argument("--root", type=Path, default=TOP, help="another tree")
    return parser.parse_args(argv)


def main(argv=None) -> int:
    args = parse(argv)
    start = time.monotonic()
    names = args.only or [name for name in CHECKS if not (args.quick and name in SLOW)]
    try:
        result = check(args.root, names, args.quick)
    except LintError as error:
        print(f"lint: {error}", file=sys.stderr)
        return 2
    for name, messages in result.items():
        for message in messages:
            print(f"{message} [{name}]")
    total = sum(map(len, result.values()))
    print(f"lint: {len(names)} checks, {total or 'no'} complaint{'' if total == 1 else 's'} "
          f"({time.monotonic() - start:.0f} s)")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
