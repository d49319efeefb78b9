# SPDX-License-Identifier: Apache-2.0
"""libkeelboot as others use it: installed, found by pkg-config, compiled as C and as C++, linked shared and static,
with the real command behind it. tests/unit/libkeelboot_test.c has what a command may do to it."""
import errno
import os
import re
import shlex
import subprocess

import pytest
from conftest import TOP
from cli_device import KEELBOOT, call, let_others_in

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
STANDARDS = {"c99": ("gcc", "c"), "c17": ("gcc", "c"), "c++11": ("g++", "c++"), "c++20": ("g++", "c++")}
HEADER = TOP / "libkeelboot/keelboot.h"
# For both languages. AGENT PROGRAM VERB [ARGUMENT] -- OPTIONS…
AGENT = r"""
#include <keelboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show(void *data, const char *phase, uint64_t done, uint64_t total)
{
	unsigned *calls = (unsigned *)data;

	++*calls;
	printf("progress=%s %d\n", phase, total > 0 && done == total);
	return 0;
}

static void facts(struct keelboot *kb)
{
	uint64_t sequence;
	int i, known;

	printf("refresh=%d\n", keelboot_refresh(kb));
	printf("slot=%d trial=%d tier=%s count=%d next=%d pending=%d\n", keelboot_booted_slot(kb), keelboot_on_trial(kb),
	       keelboot_booted_tier(kb), keelboot_slot_count(kb), keelboot_next_slot(kb), keelboot_pending(kb));
	for (i = 'a'; i <= 'b'; i++) {
		sequence = 0;
		known = keelboot_slot_sequence(kb, i, &sequence);
		printf("%c=%d tries=%d version=%s sequence=%d %lu reason=%s\n", i, keelboot_slot_state(kb, i),
		       keelboot_slot_tries(kb, i), keelboot_slot_version(kb, i), known, (unsigned long)sequence,
		       keelboot_slot_reason(kb, i));
	}
	printf("running=%s reason=%s\n", keelboot_slot_version(kb, KEELBOOT_BOOTED), keelboot_booted_reason(kb));
	for (i = 0; keelboot_warning(kb, (unsigned)i) != NULL; i++)
		printf("warning=%s\n", keelboot_warning(kb, (unsigned)i));
}

int main(int argc, char **argv)
{
	struct keelboot *kb;
	unsigned calls = 0;
	int err = 0;

	if (keelboot_new(&kb) != 0 || keelboot_set_program(kb, argv[1]) != 0 ||
	    keelboot_set_options(kb, (const char *const *)argv + 5) != 0 || argc < 5)
		return 3;
	printf("version=%s booted=%d\n", keelboot_library_version(), keelboot_is_booted());
	if (strcmp(argv[2], "good") == 0)
		err = keelboot_mark_good(kb, argv[3][0]);
	else if (strcmp(argv[2], "bad") == 0)
		err = keelboot_mark_bad(kb, KEELBOOT_BOOTED, argv[3]);
	else if (strcmp(argv[2], "stage") == 0)
		err = keelboot_stage(kb, argv[3], show, &calls);
	else if (strcmp(argv[2], "unstage") == 0)
		err = keelboot_unstage(kb);
	printf("err=%d error=%s\n", err, keelboot_error(kb));
	if (strcmp(argv[2], "stage") == 0 && err == 0 && calls == 0)
		return 4;
	facts(kb);
	keelboot_free(kb);
	return 0;
}
"""


class Installed:
    """What `make install-dev` puts below a folder."""

    def __init__(self, root):
        self.root, self.lib = root, root / "usr/lib"
        call("make", "-s", "-C", TOP, "install-dev", f"DESTDIR={root}")

    def flags(self, *options):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig"),
                       "PKG_CONFIG_SYSROOT_DIR": str(self.root)}
        return shlex.split(call("pkg-config", *options, "--cflags", "--libs", "libkeelboot", env=environment).stdout)

    def build(self, text, out, standard="c99", static=False):
        compiler, language = STANDARDS[standard]
        call(compiler, f"-std={standard}", *STRICT, *(["-static"] if static else []), "-x", language, "-o", out, "-",
             "-x", "none", *self.flags(*(["--static"] if static else [])), input=text)
        return out


@pytest.fixture(name="dev_files", scope="module")
def make_dev_files(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture(name="agent", scope="module")
def make_agent(dev_files):
    return dev_files.build(AGENT, dev_files.root / "agent")


def ask(dev_files, agent, device, verb="facts", argument="-", user=None):
    """What the agent prints, by lines."""
    done = subprocess.run([agent, KEELBOOT, verb, argument, "--", *map(str, device.options())], check=True, user=user,
                          group=user, extra_groups=[] if user else None, capture_output=True, text=True, timeout=120,
                          env={"LD_LIBRARY_PATH": str(dev_files.lib)})
    assert done.stderr == "", done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("static", (False, True), ids=("shared", "static"))
@pytest.mark.parametrize("standard", STANDARDS)
def test_a_program_is_built_by_pkg_config_and_learns_the_facts(dev_files, good, tmp_path, standard, static):
    built = dev_files.build(AGENT, tmp_path / "program", standard, static)
    told = ask(dev_files, built, good)
    assert told[:4] == [f"version={re.search(r'VERSION := (.*)', (TOP / 'Makefile').read_text())[1]} booted=0",
                        "err=0 error=", "refresh=0",
                        f"slot={ord('a')} trial=0 tier=normal count=2 next={ord('a')} pending=0"]
    assert told[4] == "a=4 tries=0 version=1.0 sequence=0 10 reason="
    assert "running=1.0 reason=" in told


def test_a_verdict_reaches_the_state(dev_files, agent, good):
    told = ask(dev_files, agent, good, "bad", "modem does not; register")
    assert told[1] == "err=0 error=" and told[4].startswith("a=5 ")
    assert told[4].endswith("reason=modem does not; register")
    assert good.slot("a")["state"] == "bad"
    assert ask(dev_files, agent, good, "good", "a")[1] == "err=0 error="
    assert good.slot("a")["state"] == "good"
    said = ask(dev_files, agent, good, "good", "h")[1]
    assert said.startswith(f"err={-errno.EIO} error=keelboot: ") and "h" in said


def test_a_bundle_is_staged_is_pending_and_is_forgotten(dev_files, agent, ready, factory):
    told = ask(dev_files, agent, ready, "stage", factory("2.0", 20))
    assert "progress=copy 1" in told and "progress=verify 1" in told and "err=0 error=" in told
    assert any(line.endswith("pending=1") for line in told)
    assert ready.json("status")["staged"]["next"] == "install"
    again = ask(dev_files, agent, ready, "stage", factory("2.0", 20))
    assert any(line.startswith("err=1 error=") and "already" in line for line in again)
    assert "err=0 error=" in ask(dev_files, agent, ready, "unstage")
    assert ready.json("status")["staged"] is None
    told = ask(dev_files, agent, ready, "unstage")
    assert told[1] == "err=1 error=keelboot: nothing is staged" and any(line.endswith("pending=0") for line in told)


def test_a_bundle_that_is_refused_has_its_error(dev_files, agent, ready, factory):
    def refused(bundle):
        said = next(line for line in ask(dev_files, agent, ready, "stage", bundle) if line.startswith("err="))
        number, _, text = said.partition(" error=")
        assert text, said
        return -int(number.partition("=")[2])

    assert refused(factory("2.0", 20, key="stranger")) == errno.EBADMSG
    assert refused(factory("2.0", 20, compatible="other")) == errno.EOPNOTSUPP
    assert refused(ready.path / "none.keel") == errno.EIO
    assert ready.json("status")["staged"] is None


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_without_rights_this_boot_is_known(dev_files, agent, good):
    user = let_others_in(good.path, dev_files.root, agent)
    good.state.chmod(0o600)
    told = ask(dev_files, agent, good, user=user)
    assert told[2:4] == ["refresh=0", f"slot={ord('a')} trial=0 tier=normal count={-errno.ENODATA} "
                                      f"next={-errno.ENODATA} pending={-errno.ENODATA}"]
    assert "running=1.0 reason=" in told
    assert ask(dev_files, agent, good, "bad", "x", user=user)[1].startswith(f"err={-errno.EIO} error=keelboot: ")


# ---------------------------------------------------------------- the ABI

def exported(library):
    lines = call("nm", "-D", "--defined-only", library).stdout.splitlines()
    return {line.split()[2] for line in lines if line.split()[1] == "T"}


def test_header_version_script_symbols_file_and_library_agree(dev_files):
    """A function that goes, or comes without a word, breaks programs or packages of others."""
    declared = set(re.findall(r"^(?! \*|/\*).*?\b(keelboot_\w+)\([^)]", HEADER.read_text(), re.M))
    script = (TOP / "libkeelboot/libkeelboot.map").read_text()
    symbols = (TOP / "debian/libkeelboot0.symbols").read_text()
    library, = dev_files.lib.glob("libkeelboot.so.*.*")
    assert len(declared) > 20
    assert {f"{name}@@KEELBOOT_0" for name in declared} == exported(library)
    assert declared == set(re.findall(r"^\t(keelboot_\w+);$", script, re.M))
    assert {f"{name}@KEELBOOT_0" for name in (*declared, "KEELBOOT_0")} == set(re.findall(r"^ (\S+) ", symbols, re.M))
    soname = re.search(r"SONAME.*\[(.*)\]", call("readelf", "-d", library).stdout)[1]
    assert symbols.startswith(f"{soname} libkeelboot0 #MINVER#\n")
    assert (dev_files.lib / soname).resolve() == (dev_files.lib / "libkeelboot.so").resolve() == library


def test_values_that_programs_were_compiled_with_stay():
    text = HEADER.read_text()
    values = {name: int(value) for name, value in re.findall(r"\b(KEELBOOT_[A-Z_]+) (?:= )?(\d+)", text)}
    assert values == {
        "KEELBOOT_BOOTED": 0, "KEELBOOT_SLOT_UNKNOWN": 0, "KEELBOOT_SLOT_EMPTY": 1, "KEELBOOT_SLOT_WRITING": 2,
        "KEELBOOT_SLOT_TRIAL": 3, "KEELBOOT_SLOT_GOOD": 4, "KEELBOOT_SLOT_BAD": 5, "KEELBOOT_PENDING_NOTHING": 0,
        "KEELBOOT_PENDING_INSTALL": 1, "KEELBOOT_PENDING_SLOT": 2}


def test_the_library_is_a_quiet_guest(dev_files):
    """No variable that outlives a call, no output, no end of the process, no more libraries than it says."""
    library, = dev_files.lib.glob("libkeelboot.so.*.*")
    needed = re.findall(r"NEEDED.*\[(.*)\]", call("readelf", "-d", library).stdout)
    assert sorted(name.split(".so")[0] for name in needed) == ["libc", "libjson-c"]
    undefined = call("nm", "-D", "--undefined-only", library).stdout.splitlines()
    wanted = {line.split()[-1].split("@")[0] for line in undefined}
    assert not wanted & {"exit", "abort", "printf", "puts", "fputs", "fwrite", "stdout", "stderr", "setenv", "putenv",
                         "signal", "system", "environ", "getenv", "setlocale", "strerror", "fork"}
    objects = call("nm", "-f", "sysv", dev_files.lib / "libkeelboot.a").stdout
    assert not [line for line in objects.splitlines() if re.search(r"\|\s*\.(data|bss)(\.(?!rel\.ro)\S*)?$", line)]


def test_each_program_of_the_man_page_compiles(dev_files, tmp_path):
    text = (TOP / "docs/man/keelboot.3").read_text()
    blocks = [block for block in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", text, re.S | re.M)
              if block.startswith("#include <keelboot.h>")]
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        source = block.replace(r"\e", "\\")
        for standard in ("c99", "c++11"):
            dev_files.build(source, tmp_path / f"example{number}", standard)


def test_the_man_page_knows_every_function_and_error():
    text = (TOP / "docs/man/keelboot.3").read_text()
    assert set(re.findall(r"^\.Fn (keelboot_\w+) ", text.split(".Sh DESCRIPTION")[0], re.M)) == \
        set(re.findall(r"^\t(keelboot_\w+);$", (TOP / "libkeelboot/libkeelboot.map").read_text(), re.M))
    code = "".join(path.read_text() for path in (TOP / "libkeelboot").glob("*.c"))
    given = set(re.findall(r"-(E[A-Z0-9]+)\b", code)) | {"ENOENT", "EACCES"}    # of access()
    assert set(re.findall(r"^\.It Fl (E[A-Z0-9]+)$", text, re.M)) == given
