# SPDX-License-Identifier: Apache-2.0
"""kernel-cmdline/keys.md says what the table in the code says.

`python3 tests/test_cmdline_keys.py --write` writes the page anew from the table.
"""

import sys
import tempfile

from cli_device import TOP, call

PAGE = TOP / "kernel-cmdline" / "keys.md"
DUMP = r"""
#include "kernel-cmdline/cmdline.h"
#include <stdio.h>
int main(void)
{
	for (const struct cmdline_key *k = cmdline_keys; k->name != NULL; k++)
		printf("%s\t%s\t%s\t%s\n", k->name, k->values, k->def, k->meaning);
	return 0;
}
"""
HEAD = """\
# Keys of the kernel command line

Words are split and unquoted as the kernel does it: spaces separate, `"` groups
(`"root=PARTLABEL=my root"` or `root="PARTLABEL=my root"`). In names `-` and `_` are the same. What
follows a bare `--` is init's. Of several values for one key the last one counts. No mistake here can
stop a boot: a bad value means the default and a warning in the log that names it, and a `keelboot.`
key that is not in this table a warning. The first 4096 bytes are read.

`MODULE.PARAMETER=VALUE` reaches a module that init loads, unless `[system] command-line=` of
system.conf has a list without `MODULE.PARAMETER`; a module that refuses it is loaded without it.

Two words are for the kernel alone, and belong on every line: `gpt`, without which it does not read the copy of a
GPT at the end of the disk when one sector of the first is bad, and `panic=10`.

For yes and no, `1|yes|on|y` and `0|no|off|n` are taken, and the bare name is yes.

This page is made from the table in `cmdline_keys.c` (`python3 tests/test_cmdline_keys.py --write`),
and a test compares them.

"""


def printed_rows(program: str, arguments) -> list:
    """The rows of a table, as the compiled code has them. arguments: of the compiler, the sources among them."""
    with tempfile.TemporaryDirectory() as temp:
        call("cc", f"-I{TOP}", "-D_GNU_SOURCE", "-std=gnu11", "-x", "c", "-", *arguments, "-o", f"{temp}/dump",
             input=program)
        return [line.split("\t") for line in call(f"{temp}/dump").stdout.splitlines()]


def dump_table() -> list:
    return printed_rows(DUMP, sorted((TOP / "kernel-cmdline").glob("*.c")))


def render(rows: list) -> str:
    def cell(text: str, code: bool) -> str:
        text = text.replace("|", r"\|")
        return f"`{text}`" if code and text else text

    def table(title: str, chosen: list) -> str:
        lines = [f"## {title}", "", "| key | values | default | meaning |", "|---|---|---|---|"]
        for name, values, default, meaning in chosen:
            lines.append(f"| `{name}` | {cell(values, True)} | {cell(default, True)} | {cell(meaning, False)} |")
        return "\n".join(lines) + "\n"

    ours = [row for row in rows if row[0].startswith("keelboot.")]
    kernels = [row for row in rows if not row[0].startswith("keelboot.")]
    return HEAD + table("Keelboot's", ours) + "\n" + table("The kernel's, which Keelboot heeds", kernels)


def test_keys_page_equals_the_table():
    assert PAGE.read_text() == render(dump_table())


def test_every_line_that_is_shown_has_the_words_that_belong_on_it():
    """Who copies a command line from a page or a help text gets the copy of the partition table as well."""
    pages = [TOP / "README.md", *TOP.glob("docs/*.md"), *TOP.glob("docs/man/*"), TOP / "qemu/run", TOP / "qemu/demo"]
    shown = [line for page in pages for line in page.read_text().splitlines() if "panic=10" in line]
    assert len(shown) > 5
    assert [line for line in shown if "gpt" not in line] == []


def test_table_is_fit_for_people():
    rows = dump_table()
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)) == len(rows)
    assert len(rows) >= 15
    for name, _, _, meaning in rows:
        assert meaning.endswith("."), name
        assert len(meaning) <= 100, name


def test_a_difference_is_noticed():
    rows = dump_table()
    rows[0][3] += "x"
    assert PAGE.read_text() != render(rows)
    assert PAGE.read_text() != render(dump_table()[1:])


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python3 tests/test_cmdline_keys.py --write")
    PAGE.write_text(render(dump_table()))
