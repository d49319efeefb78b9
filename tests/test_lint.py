# SPDX-License-Identifier: Apache-2.0
"""Every check of lint finds what it is there for: a violation is planted in a small tree that is
clean, and the check has to name its file and line. A check that cannot fail is worth nothing."""

import shutil
from pathlib import Path

import pytest

import analysis
import cli_device
import libc
import lint
from cli_device import TOP
from tree import LintError, without_comments

LINT = TOP / "tests/lint/lint.py"
C = "/* SPDX-License-Identifier: Apache-2.0 */\n"
HASH = "# SPDX-License-Identifier: Apache-2.0\n"
CLEAN = {
    "Makefile": HASH
    + "OF_UPDATE := update/apply update/keys update/wire selector lib\n"
      "OF_INIT := initramfs initramfs/disks selector lib\nOF_COMMAND := cli cli/key $(OF_UPDATE)\n"
    + "print-cflags:\n\t@echo '-std=gnu11 -I. -Wall -Wextra -Wshadow -Wswitch-enum "
                       "-Wvla -Wmissing-prototypes -O2'\n",
    "lib/err.h": C + "#pragma once\n\nint err_text(int e);\n",
    "lib/err.c": C + '#include "lib/err.h"\n\nint err_text(int e)\n{\n\treturn e + 1;\n}\n',
    "selector/plan.h": C + '#pragma once\n\n#include "lib/err.h"\n\nint plan_make(int a);\n',
    "selector/plan.c": C + '#include "selector/plan.h"\n\n#include <stdio.h>\n\n'
                           'static const char *const names[] = { "a", "b" };\n\n'
                           "int plan_make(int a)\n{\n\tchar b[8];\n\n"
                           '\treturn snprintf(b, sizeof(b), "%s", names[err_text(a) & 1]);\n}\n',
    "initramfs/init.c": C + '#include "selector/plan.h"\n\n#include <stdio.h>\n\nextern char **environ;\n\n'
                            'int main(void)\n{\n\tfputs("init\\n", stderr);\n'
                            "\treturn plan_make(environ != NULL);\n}\n",
    "tests/tool.py": HASH + "import sys\nprint(sys.argv)\n",
    "tests/tool": "#!/bin/sh\n" + HASH + 'echo "$1"\n',
    "build/init.map": "Archive member included\n\nbuild/archives/selector.a(plan.o)\n"
                      "                              build/obj/initramfs/init.o (plan_make)\n"
                      "build/archives/lib.a(err.o)\n                build/archives/selector.a(plan.o) (err_text)\n\n"
                      "Memory Configuration\n\nLOAD build/obj/initramfs/init.o\n",
}


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.fixture
def tree(tmp_path):
    for name, text in CLEAN.items():
        put(tmp_path, name, text)
    shutil.copy(TOP / ".clang-format", tmp_path)
    return tmp_path


def says(root: Path, check: str, *parts: str) -> None:
    """One of the check's messages has all parts."""
    messages = lint.check(root, [check])[check]
    assert any(all(part in message for part in parts) for message in messages), messages


def silent(root: Path, check: str) -> None:
    assert lint.check(root, [check])[check] == []


def append(root: Path, name: str, text: str) -> int:
    """Adds text; returns the number of its first line."""
    old = (root / name).read_text()
    (root / name).write_text(old + text)
    return old.count("\n") + 1


def test_a_clean_tree_is_clean(tree):
    assert {name: found for name, found in lint.check(tree, list(lint.CHECKS)).items() if found} == {}


def test_exit_code_and_form_of_messages(tree):
    cli_device.call(LINT, "--root", tree)
    append(tree, "lib/err.c", "// TO" "DO\n")
    said = cli_device.call(LINT, "--root", tree, "--only", "unfinished", code=1).stdout
    assert "lib/err.c:8: TO" "DO: " in said and "1 complaint " in said
    cli_device.call(LINT, "--root", tree, "--only", "licence")
    assert cli_device.call(LINT, "--root", tree, "--only", "nonsense", code=None).returncode != 0


def test_the_hook_takes_seconds_and_finds_what_changed(tree):
    """It looks for all that compiles nothing; of the slow tools' files, at those that changed."""
    for command in (["init", "-q", "."], ["add", "-A"],
                    ["-c", "user.name=A", "-c", "user.email=a@localhost", "commit", "-q", "-m", "a"]):
        cli_device.call("git", *command, cwd=tree)
    cli_device.call(LINT, "--root", tree, "--quick")
    put(tree, "tests/tool.py", CLEAN["tests/tool.py"] + "import os\n")
    put(tree, "lib/err.c", CLEAN["lib/err.c"] + "// TO" "DO\n")
    said = cli_device.call(LINT, "--root", tree, "--quick", code=1).stdout
    assert "[python]" in said and "[unfinished]" in said
    assert set(lint.SLOW) < set(lint.CHECKS)


# ---------------------------------------------------------------- prose

LONG = "It " + "and ".join(["goes "] * 45) + "on.\n"


@pytest.mark.parametrize("name, text, line", [
    ("docs/A.md", "# A\n\nShort.\n" + LONG, 4),
    ("docs/A.md", "# A\n\n- short\n- " + LONG, 4),
    ("docs/A.md", "# A\n\n| a | " + LONG.strip() + " |\n", 3),
    ("docs/A.md", "# A\n\nThe slot\nis passed over.\n", 4),
    ("docs/A.md", "# A\n\n## The slot is passed over\n", 3),
    ("docs/A.md", "# A\n\n<!-- made by x -->\n| it is left alone |\n<!-- end -->\n", 4),
    ("docs/A.md", "# A\n\nThey enter by\nthemselves.\n", 3),
    ("docs/man/a.1", ".Sh A\nShort.\nThat has to be.\n", 3),
    ("docs/man/a.1", ".Sh A\n.Cm x\n" + LONG, 2),
])
def test_prose(tree, name, text, line):
    put(tree, name, text)
    says(tree, "prose", f"{name}:{line}: ")


@pytest.mark.parametrize("name, text", [
    ("docs/A.md", "# A\n\n```\n" + LONG + "```\n"), ("docs/A.md", "# A\n\n    " + LONG),
    ("docs/A.md", "A `key that has to be` here.\n"), ("docs/A.md", ("Short one. " * 10 + "\n") * 3),
    ("docs/A.md", "| a b | " * 30 + "|\n"),
    ("docs/man/a.1", ".Sh SYNOPSIS\n" + LONG + ".Sh A\n.Bd -literal\n" + LONG + ".Ed\n"),
    ("lib/err.c", CLEAN["lib/err.c"] + 'const char *const err_help = "' + "  -o FILE  write there\\n" * 30 + '";\n')])
def test_what_is_no_prose_is_left_out(tree, name, text):
    put(tree, name, text)
    silent(tree, "prose")


def test_strings_are_prose(tree):
    line = append(tree, "lib/err.c", 'const char *const err_text = "it was "\n\t"passed over";\n')
    says(tree, "prose", f"lib/err.c:{line}: ", '"passed over"')
    line = append(tree, "lib/err.c", 'const char *const err_long = "' + LONG.strip() + '";\n')
    says(tree, "prose", f"lib/err.c:{line}: ")


@pytest.mark.parametrize("name, text, line", [
    ("lib/err.h", C + "/* short */\n/*\n * It is\n * passed over.\n */\n", 5),
    ("lib/err.c", C + "int a; /* first */ // it is left alone\n", 2),
    ("lib/err.c", C + "/*\n * " + LONG + " */\n", 3),
    ("lib/err.c", C + "/* KB_X: it fails; give one. */\n", 2),
    ("qemu/x.py", HASH + '"""A.\n\nIt is passed over."""\n', 4),
    ("qemu/x.py", HASH + "def x():\n    # It is\n    # left alone.\n    pass\n", 4),
    ("qemu/x.py", HASH + "x = 1  # it is left alone\n", 2),
    ("hooks/x.sh", HASH + "a=1\n# It is\n# passed over.\n", 4),
    ("initramfs/x", "#!/bin/sh\n" + HASH + "echo 'it is left alone'\n", 3),
    ("initramfs/x", "#!/bin/sh\n" + HASH + "cat <<END\nShort.\n" + LONG + "END\n", 5),
])
def test_comments_and_scripts_are_prose(tree, name, text, line):
    put(tree, name, text)
    says(tree, "prose", f"{name}:{line}: ")


def test_lines_of_pages_have_at_most_150_columns(tree):
    put(tree, "docs/A.md", "# A\n\n" + "Short. " * 22 + "\n\n| " + "Short. " * 30 + "|\n\n    " + "Short. " * 30
        + "\n\n```\n" + "Short. " * 30 + "\n```\n" + "Short. " * 21 + "\n")
    assert lint.check(tree, ["prose"])["prose"] == ["docs/A.md:3: 154 columns, at most 150"]


@pytest.mark.parametrize("name, text", [
    ("lib/err.h", C + "/*\n * Keys:\n" + " *   key_a  one of the many that are here, and so on\n" * 9 + " */\n"),
    ("lib/err.h", C + "/* " + "err_text() says so. " * 20 + "*/\n"), ("tests/x.sh", HASH + "# It is passed over.\n"),
    ("hooks/x", "#!/bin/sh\n" + HASH + "# stage: b\n# order: 20\n# conf: c\n# Short.\ncat <<END\n"
     + "word   and what it means to a reader\n" * 9 + "END\n"),
])
def test_terms_and_identifiers_are_no_long_sentences(tree, name, text):
    put(tree, name, text)
    silent(tree, "prose")


@pytest.mark.parametrize("name, text, line", [
    ("docs/A.md", "# A\n\nSee docs/B.md.\n", 3), ("docs/A.md", "See B_OF.md and DESIGN.md.\n", 1),
    ("docs/A.md", "A list,\nas the design has it.\n", 2),
    ("docs/A.md", "It keeps I1.\n", 1), ("lib/err.c", CLEAN["lib/err.c"] + "/* tests/unit/no_test.c */\n", 8),
    ("lib/err.c", CLEAN["lib/err.c"] + "/* That\n * is I4. */\n", 9)])
def test_what_is_cited_is_there(tree, name, text, line):
    put(tree, name, text)
    says(tree, "cited", f"{name}:{line}: ")


def test_what_is_there_may_be_cited(tree):
    put(tree, "docs/PROOF.md", "| I4 | a healthy boot writes nothing |\n\nlib/err.c keeps it.\n")
    put(tree, "docs/A.md", "Name it tests/unit/NAME_test.c.\n")
    append(tree, "lib/err.c", '/* I4 of docs/PROOF.md, as PROOF.md says */\nconst char *err_b = "docs/NO.md I9";\n')
    silent(tree, "cited")


# ---------------------------------------------------------------- warnings

@pytest.mark.parametrize("code, warning", [
    ("static int unused;\n", "unused"),                                                 # both
    ("int err_b(int n);\nint err_b(int n)\n{\n\tint a[n];\n\n\treturn a[0];\n}\n", "vla"),
    ("int err_c(char *b, const char *s);\nint err_c(char *b, const char *s)\n{\n"       # gcc, -O2
     '\tchar c[4];\n\t(void)s;\n\treturn __builtin_snprintf(c, 4, "%s", "longer") + b[0];\n}\n',
     "truncat"),
    ('int err_d(long n);\nint err_d(long n)\n{\n\treturn ("abc" + n)[0];\n}\n', "clang"),
    ("int err_e(int n)\n{\n\treturn n;\n}\n", "prototype"),
    ("nonsense\n", "error"),
])
def test_warnings(tree, code, warning):
    append(tree, "lib/err.c", code)
    if warning == "clang":      # gcc 12 says nothing about it
        says(tree, "warnings", "lib/err.c:", "string-plus-int")
    else:
        says(tree, "warnings", "lib/err.c:", warning)


def test_warnings_need_their_flags(tree):
    put(tree, "Makefile", CLEAN["Makefile"].replace("-Wshadow", ""))
    says(tree, "warnings", "Makefile:1", "lack -Wshadow")
    put(tree, "Makefile", HASH)
    with pytest.raises(LintError):
        lint.check(tree, ["warnings"])


# ---------------------------------------------------------------- text

def test_clang_format(tree):
    line = append(tree, "lib/err.h", "int  err_b(int e);\n")
    says(tree, "clang-format", f"lib/err.h:{line}")


def test_shellcheck(tree):
    append(tree, "tests/tool", "echo $2\n")
    says(tree, "shellcheck", "tests/tool:4:", "quote")
    put(tree, "tests/other", "#!/usr/bin/env bash\n" + HASH + "cd $1\n")
    says(tree, "shellcheck", "tests/other:3:")


def test_python(tree):
    append(tree, "tests/tool.py", "import os\n")
    says(tree, "python", "tests/tool.py:4:", "imported but unused")
    put(tree, "tests/script", "#!/usr/bin/python3\n" + HASH + "print(x)\n")
    says(tree, "python", "tests/script:3:", "undefined name")
    append(tree, "tests/tool.py", "#" + "x" * 120 + "\n")
    says(tree, "python", "tests/tool.py:5:", "120 columns")


def test_function_length(tree):
    append(tree, "lib/err.c", "int err_b(int e);\nint err_b(int e)\n{\n" + "\te++;\n" * 56 + "\treturn e;\n}\n")
    silent(tree, "function-length")
    put(tree, "lib/err.c", CLEAN["lib/err.c"] + "int err_b(int e)\n{\n" + "\te++;\n" * 57 + "\treturn e;\n}\n")
    says(tree, "function-length", "lib/err.c:8:", "err_b has 61 lines")
    append(tree, "tests/tool.py", "\n\ndef f():\n" + "    print()\n" * 60)
    says(tree, "function-length", "tests/tool.py:6:", "f has 61 lines")


def test_file_length(tree):
    append(tree, "lib/err.h", "\n" * (400 - CLEAN["lib/err.h"].count("\n")))
    silent(tree, "file-length")
    append(tree, "lib/err.h", "\n")
    says(tree, "file-length", "lib/err.h:401:", "401 lines")


@pytest.mark.parametrize("name, include", [
    ("lib/err.c", "selector/plan.h"), ("selector/plan.c", "update/keys/x.h"), ("update/keys/x.c", "update/apply/x.h"),
    ("update/apply/x.c", "initramfs/x.h"), ("initramfs/x.c", "update/keys/x.h"), ("initramfs/x.c", "cli/x.h"),
    ("initramfs/disks/x.c", "initramfs/x.h"), ("cli/key/x.c", "cli/x.h"), ("cli/x.c", "initramfs/x.h"),
    ("cli/x.c", "tests/x.h"), ("cli/x.c", "x.h"), ("cli/x.h", "../lib/err.h"),
])
def test_include_direction(tree, name, include):
    put(tree, name, C + f'#include "{include}"\n')
    says(tree, "include-direction", f"{name}:2:", include)


@pytest.mark.parametrize("name, include", [
    ("initramfs/x.c", "initramfs/disks/x.h"), ("initramfs/x.c", "initramfs/guardian/guardian.h"),
    ("cli/key/x.c", "cli/verbs.h"),
    ("cli/x.c", "cli/key/x.h"), ("update/apply/x.c", "update/keys/x.h"), ("update/keys/x.c", "lib/err.h"),
    ("update/keys/x.c", "update/keys/x.h"), ("tests/x.c", "cli/x.h"),
])
def test_include_direction_lets_pass(tree, name, include):
    put(tree, name, C + f'#include "{include}"\n')
    silent(tree, "include-direction")


def test_each_folder_belongs_to_a_program(tree):
    put(tree, "update/x.c", C)
    says(tree, "include-direction", "update/x.c:1:", "update/ is in no OF_ list")


@pytest.mark.parametrize("word", ["TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK"])
def test_unfinished(tree, word):
    line = append(tree, "lib/err.h", f"/* {word}: later */\n")
    says(tree, "unfinished", f"lib/err.h:{line}:", word)
    put(tree, "lib/err.h", "mktemp /tmp/a.X" "XXXXX\n")
    silent(tree, "unfinished")


def test_forbidden_c(tree):
    line = append(tree, "lib/err.c", "void f(void)\n{\n\tgoto out;\nout:;\n}\n")
    says(tree, "forbidden-c", f"lib/err.c:{line + 2}:", "goto")
    for number, word in enumerate(("#ifdef X", "#if 0", "#ifndef X", "  # if X")):
        put(tree, "lib/err.c", C + "\n" * number + word + "\n#endif\n")
        says(tree, "forbidden-c", f"lib/err.c:{number + 2}:", "conditional")
    (tree / "lib/err.c").rename(tree / "lib/os_err.c")
    silent(tree, "forbidden-c")
    put(tree, "lib/err.c", C + '/* goto\n#if 0 */ char a[] = "goto"; // goto\n')
    silent(tree, "forbidden-c")


def test_comments_are_blanked_in_place():
    text = 'a /* x\ny */ "b/*" \'"\' // c\nd'
    assert without_comments(text) == 'a \n "" \'\'  \nd'


@pytest.mark.parametrize("name, text, line", [
    ("lib/x.c", "int a;\n", 1), ("lib/x.h", "\n" + C, 1), ("tests/x.py", '"""x"""\n' + HASH, 1),
    ("tests/x", "#!/bin/sh\necho\n", 2), ("Makefile", "all:\n", 1), ("lib/y.c", "", 1),
])
def test_licence(tree, name, text, line):
    put(tree, name, text)
    says(tree, "licence", f"{name}:{line}:")


@pytest.mark.parametrize("text", [
    "/work" "/main/x", "/ro" "ot/.config", "/ho" "me/anna", "https:/" "/registry.example.org/x",
    "http:/" "/mirror.local/debian", "pypi" ".org", "--index" "-url",
])
def test_places(tree, text):
    put(tree, "docs/x.md", f"first\nsee {text}\n")
    says(tree, "places", "docs/x.md:2:")


def test_places_lets_pass(tree):
    put(tree, "docs/x.md", "/sysroot/etc https://www.kernel.org/doc /dev/vda /etc/keelboot\n")
    silent(tree, "places")


def test_unique_names(tree):
    put(tree, "update/plan.c", C)
    says(tree, "unique-names", "update/plan.c:1:", "selector/plan.c")
    (tree / "update/plan.c").unlink()
    put(tree, "tests/plan.c", C)
    silent(tree, "unique-names")


# ---------------------------------------------------------------- objects

@pytest.mark.parametrize("code", ["int text_err(void)\n{\n\treturn 0;\n}\n", "int errors;\n",
                                  "const char erratum[] = { 1 };\n",
                                  "__attribute__((weak)) void error(void)\n{\n}\n"])
def test_exported_names(tree, code):
    line = append(tree, "lib/err.c", code)
    says(tree, "exported-names", f"lib/err.c:{line}:", "call it err_")


def test_exported_names_of_the_parts_of_a_header(tree):
    put(tree, "lib/err_more.c", C + "void err_b(void)\n{\n}\n\nstatic int own;\n\n"
                                    "void err_more_c(void)\n{\n\town++;\n}\n")
    silent(tree, "exported-names")
    put(tree, "lib/erro_more.c", C + "void err_b(void)\n{\n}\n")
    says(tree, "exported-names", "lib/erro_more.c:2:", "call it erro_more_")


def calling(call: str) -> str:
    """A function that makes this call in its last line but one."""
    names = ("dirent", "locale", "signal", "stdlib", "stdio", "string", "sys/random", "sys/stat", "sys/uio",
             "time", "unistd")
    headers = "".join(f"#include <{name}.h>\n" for name in names)
    return f"#define _GNU_SOURCE\n{headers}long err_b(void);\nlong err_b(void)\n{{\n\treturn (long){call};\n}}\n"


@pytest.mark.parametrize("symbol, call", [
    ("__openat64_2", "openat"), ("__isoc99_sscanf", "sscanf"), ("__isoc23_strtol", "strtol"), ("__read_chk", "read"),
    ("__fstat64_time64", "fstat"), ("fstat64", "fstat"), ("__pread64_chk", "pread"), ("__xpg_strerror_r", "strerror_r"),
    ("__strdup", "strdup"), ("_exit", "_exit"), ("dup2", "dup2"), ("umount2", "umount2"), ("pipe2", "pipe2"),
    ("json_object_get_int64", "json_object_get_int64"), ("__vsnprintf_chk", "vsnprintf"),
])
def test_variants_of_a_call_are_the_call(symbol, call):
    assert libc.plain(symbol) == call


@pytest.mark.parametrize("call", [
    "malloc(8)", "calloc(1, 8)", "realloc((void *)8, 8)", 'strdup("x")', 'opendir("/")',
    'popen("x", "r")', 'fopen("/x", "r")', 'setenv("a", "b", 1)', "getcwd(0, 0)",
    'puts("x")', "localtime(0)", 'newlocale(1, "C", 0)', 'dprintf(1, "%d", 1)', "preadv2(1, 0, 0, 0, 0)",
    "getrandom(0, 1, 0)", 'mknod("/x", 0, 0)', "signal(1, SIG_IGN)", "strerror(1)", 'sscanf("1", "%d", (int *)0)',
])
def test_no_allocation(tree, call):
    """What is not on the list of process 1's calls is found, whether it allocates or not."""
    line = append(tree, "lib/err.c", calling(call)) + calling(call).count("\n") - 2
    says(tree, "no-allocation", f"lib/err.c:{line}:", call.split("(")[0] + " is not on the list")


def test_no_allocation_is_about_process_1_only(tree):
    put(tree, "cli/big.c", C + "#include <stdlib.h>\nvoid *big(void)\n{\n\treturn malloc(8);\n}\n")
    silent(tree, "no-allocation")
    put(tree, "build/init.map", CLEAN["build/init.map"].replace("(err.o)", "(big.o)"))
    says(tree, "no-allocation", "cli/big.c:5:")
    put(tree, "initramfs/init.c", C + "#include <stdlib.h>\nint main(void)\n{\n\treturn !malloc(8);\n}\n")
    says(tree, "no-allocation", "initramfs/init.c:5:")


def test_what_process_1_does_not_use_yet_allocates_neither(tree):
    put(tree, "selector/big.c", C + "#include <stdlib.h>\nvoid *big(void)\n{\n\treturn malloc(8);\n}\n")
    says(tree, "no-allocation", "selector/big.c:5:")


def test_the_ends_that_others_use_are_no_part_of_process_1_until_it_links_them(tree):
    put(tree, "lib/os_file.c", C + "#include <stdio.h>\nint os_file(void);\nint os_file(void)\n{\n"
                                    "\treturn remove(0);\n}\n")
    silent(tree, "no-allocation")
    put(tree, "build/init.map", CLEAN["build/init.map"].replace("(err.o)", "(os_file.o)"))
    says(tree, "no-allocation", "lib/os_file.c:6:", "remove is not on the list")


@pytest.mark.parametrize("library", ["libm.a(sin.o)", "libcrypto.a(evp.o)", "libzstd.a(z.o)", "libblkid.a(p.o)"])
def test_process_1_links_no_foreign_code(tree, library):
    put(tree, "build/init.map", CLEAN["build/init.map"].replace(
        "\nMemory", f"/usr/lib/x86_64-linux-gnu/{library}\n   build/archives/lib.a(err.o) (x)\n\nMemory"))
    says(tree, "no-allocation", library.split("(")[0], "linked into /init")


def test_no_allocation_needs_the_map(tree):
    put(tree, "build/init.map", "Memory Configuration\n")
    says(tree, "no-allocation", "none of our objects")
    (tree / "build/init.map").unlink()
    with pytest.raises(LintError):
        lint.check(tree, ["no-allocation"])


FSYNC = C + "#include <unistd.h>\n\nint {0}(void);\nint {0}(void)\n{{\n\treturn fsync(1);\n}}\n"


def test_seam(tree):
    """Also where the compiler has a checked variant of the call."""
    put(tree, "update/keys/keyring.c", FSYNC.format("keyring"))
    says(tree, "seam", "update/keys/keyring.c:7:", "fsync() goes past the seam")
    checked = "int __openat64_2(int, const char *, int);\nint keyring(void);"
    put(tree, "update/keys/keyring.c", FSYNC.format("keyring").replace("int keyring(void);", checked).replace(
        "fsync(1)", '__openat64_2(1, "x", 0)'))
    says(tree, "seam", "update/keys/keyring.c:", "openat() goes past")


@pytest.mark.parametrize("call", [
    "signal(1, SIG_IGN)", 'mknod("/x", 0, 0)', 'dprintf(1, "%d", 1)', "preadv2(1, 0, 0, 0, 0)", "getrandom(0, 1, 0)",
    'puts("x")', 'fopen("/x", "r")', "localtime(0)", 'newlocale(1, "C", 0)', "getpid()",
])
def test_the_seam_knows_what_is_pure_and_nothing_else(tree, call):
    put(tree, "update/keys/keyring.c", C + calling(call))
    line = calling(call).count("\n")
    says(tree, "seam", f"update/keys/keyring.c:{line}:", call.split("(")[0] + "() goes past")


@pytest.mark.parametrize("call", ["malloc(8)", 'sscanf("1", "%d", (int *)0)', 'strlen("x")', "strerror(1)"])
def test_the_seam_lets_pass_what_is_pure(tree, call):
    put(tree, "update/keys/keyring.c", C + calling(call))
    silent(tree, "seam")


@pytest.mark.parametrize("call, passes", [
    ("EVP_DigestInit_ex", True), ("json_object_new_object", True), ("json_object_from_file", False),
    ("json_object_to_fd", False), ("BIO_new_file", False), ("PEM_read_PrivateKey", False),
])
def test_the_seam_holds_libraries_to_what_works_on_memory(tree, call, passes):
    put(tree, "update/keys/keyring.c", C + f"int {call}(void);\nint keyring(void);\nint keyring(void)\n{{\n"
                                             f"\treturn {call}();\n}}\n")
    if passes:
        silent(tree, "seam")
    else:
        says(tree, "seam", "update/keys/keyring.c:6:", f"{call}() goes past")


def test_seam_keeps_some_ends_from_process_1(tree):
    calls = C + "int os_file_x(void);\nint x(void);\nint x(void)\n{\n\treturn os_file_x();\n}\n"
    put(tree, "lib/os_file.c", C + "int os_file_x(void);\nint os_file_x(void)\n{\n\treturn 1;\n}\n")
    put(tree, "update/keys/x.c", calls)
    silent(tree, "seam")
    put(tree, "selector/x.c", calls)
    says(tree, "seam", "selector/x.c:6:", "os_file_x() is not for process 1")


def test_seam_has_real_ends_and_a_list_that_shrinks(tree):
    put(tree, "lib/os_file.c", FSYNC.format("os_file"))
    says(tree, "seam", "lib/os_file.c:7:", "fsync()")
    put(tree, "Makefile", (tree / "Makefile").read_text() + "REAL := lib/os_file.c\n")
    silent(tree, "seam")
    put(tree, "lib/util.c", C + "int util(void);\nint util(void)\n{\n\treturn 1;\n}\n")
    says(tree, "seam", "seam.py:1:", "lib/util.c does not use close")


@pytest.mark.parametrize("header", ["<unistd.h>", "<fcntl.h>", "<sys/stat.h>", "<time.h>",
                                    '"lib/os.h"', '"lib/log.h"', '"lib/bdev.h"', "<linux/fs.h>"])
def test_pure_includes(tree, header):
    put(tree, "selector/x.h", C + f"#include {header}\n")
    says(tree, "pure", "selector/x.h:2:", header.strip('<>"'))
    (tree / "selector/x.h").rename(tree / "selector/store_x.h")
    silent(tree, "pure")
    put(tree, "kernel-cmdline/x.h", C + f"#include {header}\n")
    says(tree, "pure", "kernel-cmdline/x.h:2:")


@pytest.mark.parametrize("variable", ["static int count;", "int plan_count;",
                                      "static int count = 3;",
                                      "static const char *more[] = { 0 };"])
def test_pure_keeps_nothing(tree, variable):
    name = variable.split("=")[0].replace("[]", "").split()[-1].strip("*;")
    line = append(tree, "selector/plan.c",
                  f"{variable}\nvoid *plan_x(void);\nvoid *plan_x(void)\n{{\n\treturn (void *)&{name};\n}}\n")
    says(tree, "pure", f"selector/plan.c:{line}:", name)


def test_pure_keeps_nothing_within_a_function(tree):
    append(tree, "selector/plan.c",
           "int plan_x(void);\nint plan_x(void)\n{\n\tstatic int calls;\n\n\treturn ++calls;\n}\n")
    says(tree, "pure", "selector/plan.c:17:", "calls")


@pytest.mark.parametrize("call", ['printf("x %d", 1)', "log_line(1)", 'fputs("x", stderr)',
                                  'getenv("X") != 0', "time(0) != 0", "bdev_flush()"])
def test_pure_calls(tree, call):
    line = append(tree, "selector/plan.c", "#include <stdlib.h>\nlong time(long *t);\n"
                                           "int log_line(int l);\nint bdev_flush(void);\n"
                                           "int plan_x(void);\nint plan_x(void)\n{\n"
                                           f"\treturn {call};\n}}\n") + 7
    says(tree, "pure", f"selector/plan.c:{line}:", call.split("(")[0])


# ---------------------------------------------------------------- circles

CALLS = C + "int {1}_a(void);\nint {0}_a(void);\nint {0}_a(void)\n{{\n\treturn {1}_a();\n}}\n"


def test_sources_that_call_each_other_in_a_circle_are_found(tree):
    for name, other in (("one", "two"), ("two", "six"), ("six", "one")):
        put(tree, f"update/keys/{name}.c", CALLS.format(name, other))
    says(tree, "circles", "update/keys/one.c:1: a circle of calls: update/keys/one.c -> update/keys/two.c (two_a) -> "
                          "update/keys/six.c (six_a) -> update/keys/one.c (one_a)")
    put(tree, "update/keys/six.c", C + "int six_a(void);\nint six_a(void)\n{\n\treturn 0;\n}\n")
    silent(tree, "circles")


def test_headers_that_include_each_other_are_found(tree):
    put(tree, "lib/err.h", CLEAN["lib/err.h"] + '#include "lib/low.h"\n')
    put(tree, "lib/low.h", C + '#include "lib/err.h"\n')
    says(tree, "circles", "lib/err.h:1: a circle of headers", "lib/low.h")


def test_a_call_upward_is_found_without_an_include(tree):
    put(tree, "lib/low.c", CALLS.format("low", "plan"))
    put(tree, "selector/plan.c", CLEAN["selector/plan.c"] + CALLS.format("plan", "other"))
    says(tree, "circles", "lib/low.c:1: lib/ may not call plan_a of selector/plan.c")


def test_folders_in_a_circle_are_found_though_their_files_are_in_none(tree):
    put(tree, "update/keys/one.c", CALLS.format("one", "two"))
    put(tree, "update/wire/two.c", CALLS.format("two", "none"))
    put(tree, "update/wire/six.c", CALLS.format("six", "ten"))
    put(tree, "update/keys/ten.c", CALLS.format("ten", "none"))
    says(tree, "circles", "update/keys:1: a circle of folders: update/keys -> update/wire "
                          "(update/keys/one.c calls two_a) -> update/keys (update/wire/six.c calls ten_a)")


def test_shared_names(tree):
    put(tree, "update/one.c", C + "static int check(int n)\n{\n\treturn n;\n}\n")
    put(tree, "update/keys/two.c", C + "static int check(int n)\n{\n\treturn n;\n}\n")
    put(tree, "initramfs/check.c", C + "static int check(int n)\n{\n\treturn n;\n}\n")
    put(tree, "update/one_none.c", C + "static int check(int n)\n{\n\treturn n;\n}\n")
    silent(tree, "shared-names")
    put(tree, "update/two.c", C + "\nstatic int check(int n)\n{\n\treturn n;\n}\n")
    says(tree, "shared-names", "update/two.c:3: check is also a function of update/one.c")


@pytest.mark.parametrize("code", ["enum kb_err e;", "\tenum kb_err e = KB_OK;", "int f(int a, enum kb_err e)",
                                  "enum kb_err one = KB_OK, e;", "for (int e = KB_OK; e < 3; e++)",
                                  "while ((e = ERR_get_error()) != 0)", "err_text((enum kb_err)e)"])
def test_error_names(tree, code):
    put(tree, "update/x.c", C + code + "\n")
    put(tree, "tests/unit/x_test.c", C + code + "\n")
    says(tree, "error-names", "update/x.c:2:", "call it err")
    says(tree, "error-names", "tests/unit/x_test.c:2:", "call it err")
    (tree / "tests/unit/x_test.c").unlink()
    put(tree, "update/x.c", C + "enum kb_err err, ended;\nenum kb_err each(struct entry *e);\n")
    silent(tree, "error-names")


def test_comments_of_members_stand_above_them(tree):
    behind = "struct x {\n\tint a; /* one */\n\tunion { /* either */\n\t\tint b; /* two */\n\t} c;\n};\n"
    put(tree, "lib/x.h", C + behind)
    for line in (3, 4, 5):
        says(tree, "member-comments", f"lib/x.h:{line}:", "above the member")
    put(tree, "lib/x.h", C + "struct x {\n\t/* one */\n\tint a;\n};\n"
        "static const struct x table[] = {\n\t{ 1 }, /* the first */\n};\nint f(void)\n{\n\tint n; /* of x */\n}\n")
    silent(tree, "member-comments")


# ---------------------------------------------------------------- memory

@pytest.mark.parametrize("call", ["malloc(n)", "calloc(n, 2)", "realloc(0, n)", "strdup(s)"])
def test_an_allocation_says_what_bounds_it(tree, call):
    head = "void *err_b(unsigned n, const char *s)"
    code = f"{head};\n{head}\n{{\n\treturn {call};\n}}\n"
    line = append(tree, "lib/err.c", code) + 3
    says(tree, "bounded", f"lib/err.c:{line}:", call.split("(")[0])
    insert(tree, "lib/err.c", line, "\t/* bound: n is at most 12 */")
    silent(tree, "bounded")


def test_the_stack_is_not_allocated_from(tree):
    line = append(tree, "lib/err.c", "\t/* bound: nothing helps it */\n\tchar *p = alloca(3);\n") + 1
    says(tree, "bounded", f"lib/err.c:{line}:", "alloca")


# ---------------------------------------------------------------- analyzers

HEAP = "#include <stdlib.h>\n"
# Source, the id of the finding, and the line of the source that it is found in.
FOUND = {
    "gcc-analyzer": (HEAP + "int err_b(void);\nint err_b(void)\n{\n\tint *p = malloc(sizeof(int));\n\n"
                     "\tfree(p);\n\tfree(p);\n\treturn 0;\n}\n", "-Wanalyzer-double-free", 8),
    "clang-analyzer": ("int err_b(int n);\nint err_b(int n)\n{\n\tint *p = n > 3 ? &n : 0;\n\n"
                       "\treturn *p;\n}\n", "core.NullDereference", 6),
    "cppcheck": ("int err_b(int n);\nint err_b(int n)\n{\n\tint a[4] = { 0 };\n\n\treturn n > 2 ? a[4] : 0;\n}\n",
                 "arrayIndexOutOfBounds", 6),
}


def finding(tree, check: str) -> tuple:
    """Plants the finding; (file and line as lint names them, number of the line, id)"""
    source, ident, line = FOUND[check]
    number = append(tree, "lib/err.c", source) + line - 1
    return f"lib/err.c:{number}:", number, ident


def insert(root: Path, name: str, number: int, text: str) -> None:
    lines = (root / name).read_text().split("\n")
    lines.insert(number - 1, text)
    (root / name).write_text("\n".join(lines))


@pytest.mark.parametrize("check", FOUND)
def test_a_finding_is_silenced_with_a_reason_and_no_longer_than_it_is_there(tree, check):
    at, number, ident = finding(tree, check)
    says(tree, check, at, ident)
    insert(tree, "lib/err.c", number, f"\t/* lint: {ident}: planted by a test,\n\t * of lint */")
    silent(tree, check)
    put(tree, "lib/err.c", (tree / "lib/err.c").read_text().replace(f"{ident}: planted by a test,", ident))
    says(tree, check, f"lib/err.c:{number}:", "without a reason")
    put(tree, "lib/err.c", CLEAN["lib/err.c"] + f"/* lint: {ident}: it was here once */\n")
    says(tree, check, "lib/err.c:8:", "not found there any more")


def test_what_cppcheck_does_not_know_of_cleanup_is_no_finding(tree):
    put(tree, "lib/util.h", C + "#pragma once\n\nvoid util_close(int *fd);\n\n"
        "#define KB_CLEANUP_FD __attribute__((cleanup(util_close)))\n")
    opens = ('#include "lib/util.h"\n\n#include <fcntl.h>\n\nint err_b(void);\nint err_b(void)\n{\n'
             '\tKB_CLEANUP_FD int fd = open("/", O_RDONLY);\n\n\treturn fd < 0;\n}\n')
    append(tree, "lib/err.c", opens)
    silent(tree, "cppcheck")
    put(tree, "lib/err.c", (tree / "lib/err.c").read_text().replace("KB_CLEANUP_FD int", "int"))
    says(tree, "cppcheck", "lib/err.c:", "resourceLeak")


def test_what_was_found_is_remembered_until_the_source_or_a_header_changes(tree, monkeypatch):
    at, _, ident = finding(tree, "cppcheck")
    says(tree, "cppcheck", at, ident)
    calls = []
    real = analysis.run
    monkeypatch.setattr(analysis, "run", lambda command, *rest: calls.append(command[-1]) or real(command, *rest))
    says(tree, "cppcheck", at, ident)
    assert calls == ["--version"]
    append(tree, "lib/err.h", "int err_c(int e);\n")
    says(tree, "cppcheck", at, ident)
    assert sorted(calls[1:]) == ["--version", "initramfs/init.c", "lib/err.c", "selector/plan.c"]


BUG = ("bug: what\nKilled by: unit/plan_test\nIn plan_make of plan.c:\n"
       "  replace `names[err_text(a) & 1]` by `names[0]`\n")


def test_planted(tree):
    put(tree, "tests/mutants/planted/a.bugs", f"# comment\n\n{BUG}")
    silent(tree, "planted")
    put(tree, "tests/mutants/planted/a.bugs", f"# comment\n\n{BUG.replace('& 1', '& 2')}")
    says(tree, "planted", "a.bugs:3:", "bug:", "selector/plan.c", "`names[err_text(a) & 2]`", "no time")


def test_every_check_has_a_test():
    text = Path(__file__).read_text()
    for name in lint.CHECKS:
        assert name in FOUND or f'says(tree, "{name}"' in text, name
