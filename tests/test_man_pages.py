# SPDX-License-Identifier: Apache-2.0
"""The man pages say what the tables in the code say.

`python3 tests/test_man_pages.py --write` writes the lists of keys in keelboot-system.conf.5 and
keelboot-init.8 anew from lib/conf_keys.c and kernel-cmdline/cmdline_keys.c; the text around them
is written by hand. So are the lists of options in keelboot-mkinitramfs.8, keelboot-bundle.1 and
keelboot-key.1 and keelboot-image-test.1, from the programs' own help.
"""

import os
import re
import shutil
import sys
import tempfile

import pytest
from conftest import TOP    # and the folders of the other modules
import test_cmdline_keys
from cli_device import OK, call, run

MAN = TOP / "docs" / "man"
BEGIN, END = '.\\" BEGIN KEYS: made from the code\n', '.\\" END KEYS\n'
DUMP = r"""
#include "lib/conf_keys.h"
#include <stdio.h>
int main(void)
{
	for (const struct conf_key *k = conf_keys; k->section != NULL; k++)
		printf("%s\t%s\t%s\t%s\t%s\n", k->section, k->key, k->values, k->def, k->meaning);
	return 0;
}
"""
# What stands as example where the default would teach nothing. Other keys show their default.
EXAMPLES = {
    ("system", "compatible"): "acme-gateway-2",
    ("system", "disk"): "/devices/platform/soc/fe340000.mmc/*",
    ("system", "count"): "always",
    ("system", "cookie"): "/dev/mtd0",
    ("system", "timeout"): "60",
    ("system", "commit-deadline"): "900",
    ("system", "shutdown-deadline"): "120",
    ("system", "tries"): "5",
    ("system", "verify-slot"): "boot",
    ("system", "init"): "/usr/lib/systemd/systemd",
    ("system", "command-line"): "quiet,panic,keelboot.log",
    ("system", "root-filesystem"): "squashfs",
    ("system", "mount-options"): "noatime",
    ("system", "root-overlay"): "PARTLABEL=overlay",
    ("system", "root-overlay-size"): "64M",
    ("state", "partition"): "PARTUUID=5f0c6a2e-01",
    ("source.data", "enabled"): "no",
    ("source.data", "partition"): "LABEL=userdata",
    ("source.data", "filesystem"): "f2fs",
    ("source.data", "stage"): "updates",
    ("source.data", "mount"): "/var/lib/device",
    ("data", "paths"): "app,etc/network",
    ("data", "keep"): "ids,etc/keys",
    ("data", "template"): "/usr/share/acme/data",
    ("source.media", "enabled"): "sd",
    ("source.media", "settle"): "3",
    ("install", "progress-deadline"): "20",
    ("watchdog", "device"): "/dev/watchdog1",
    ("watchdog", "timeout"): "30",
    ("watchdog", "handover"): "keeper",
    ("watchdog", "bootstatus"): "ignore",
    ("loader", "layout"): "0x27031977:1024,a=system0:0:4,b=system1:8:12",
    ("loader", "kind"): "grub",
    ("loader", "counter"): "u-boot",
    ("loader", "environment"): "PARTLABEL=grubenv",
    ("loader", "copies"): "/dev/mmcblk0",
    ("measure", "pcr"): "13",
    ("measure", "required"): "yes",
    ("hooks", "timeout"): "30",
    ("health", "timeout"): "120",
    ("guard", "bad"): "bootc rollback",
    ("guard", "good"): "logger $KEELBOOT_DEPLOYMENT is good",
    ("guard", "deployment"): "cat /usr/share/acme/build-id",
    ("guard", "trial"): "test -e /var/lib/acme/trial",
    ("fleet", "server"): "https://updates.example.com",
    ("fleet", "channel"): "https://cdn.example.com/acme/stable.channel",
    ("fleet", "attributes"): "site=lab model=x2",
    ("fleet", "attributes-file"): "/data/attributes",
    ("fleet", "report"): "https://updates.example.com/reports",
    ("fleet", "omit"): "kernel hardware",
    ("fleet", "reboot-window"): "02:00-04:30",
    ("fleet", "reboot-inhibit"): "/run/app/busy /run/app/locks/",
    ("fleet", "reboot-consent"): "/usr/lib/app/may-reboot",
    ("fleet", "confirm"): "/usr/lib/app/may-update",
    ("fleet", "partial"): "require",
    ("fleet", "bandwidth"): "256K",
    ("fleet", "daily-bytes"): "20M",
    ("fleet", "max-bytes"): "100M",
    ("fleet", "id"): "gateway-17",
    ("fleet", "id-file"): "/data/keelboot/id",
    ("fleet", "token-file"): "/data/keelboot/token",
    ("fleet", "gateway-token-file"): "/data/keelboot/gateway-token",
    ("fleet", "ca-file"): "/etc/keelboot/fleet-ca.pem",
    ("fleet", "certificate"): "/data/keelboot/device.pem",
    ("fleet", "private-key"): "/data/keelboot/device.key",
    ("fleet", "distribution"): "gateway",
    ("keyring", "path"): "/usr/share/acme/keys",
}
# For a key that has neither an example above nor a default: by how its values are described.
SAMPLES = {"NAME": "name", "GLOB": "*", "OPTIONS": "noatime", "PATH": "/path", "FOLDER": "folder",
           "PARTITION": "PARTLABEL=name"}


def dump_conf() -> list:
    """The rows of conf_keys, as the compiled code has them."""
    none, own = "#define MEANING(text) NULL", "#define MEANING(text) text"
    source = (TOP / "lib/conf_keys.c").read_text()
    assert none in source
    with tempfile.NamedTemporaryFile("w", suffix=".c") as copy:
        copy.write(source.replace(none, own))
        copy.flush()
        return test_cmdline_keys.printed_rows(DUMP, [copy.name])


def example(row: list) -> str:
    section, key, values, default, _ = row
    return EXAMPLES.get((section, key)) or default or SAMPLES.get(values.split(" ")[0], values)


def mdoc(text: str) -> str:
    """Text that no macro and no request can begin in."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "...")


def sentence_lines(text: str) -> str:
    """A new sentence begins a new line, as mdoc wants it."""
    return mdoc(text).replace(". ", ".\n") + "\n"


def render_conf(rows: list) -> str:
    out, section = "", None
    for row in rows:
        if row[0] != section:
            out += ".El\n" if section else ""
            section = row[0]
            out += f".Ss [{section}]\n.Bl -tag -width 4n\n"
        _, key, values, default, meaning = row
        # groff breaks no list of words that is longer than a line.
        words = values.split("|") if len(values) > 60 and "|" in values else []
        out += f".It Ic {mdoc(key)} Ns = Ns Ar {'WORD' if words else mdoc(values)}\n"
        out += f".Ar WORD\nis {mdoc(', '.join(words[:-1]))} or {mdoc(words[-1])}.\n" if words else ""
        out += sentence_lines(meaning)
        out += f"Default: {mdoc(default) if default else 'none'}.\n"
        out += f"Example:\n.Li {mdoc(key)}={mdoc(example(row))}\n"
    return out + ".El\n"


def render_cmdline(rows: list) -> str:
    out = ""
    for title, ours in (("Keelboot's keys", True), ("Keys of the kernel that are heeded", False)):
        out += f".Ss {title}\n.Bl -tag -width 4n\n"
        for name, values, default, meaning in rows:
            if name.startswith("keelboot.") != ours:
                continue
            out += f".It Ic {mdoc(name)}{f' Ns = Ns Ar {mdoc(values)}' if values else ''}\n"
            out += sentence_lines(meaning)
            out += f"Default: {mdoc(default)}.\n" if default else ""
        out += ".El\n"
    return out


def tool_options(program: str) -> list:
    """(letter, option, value, meaning) as the help of a program in Python has them."""
    done = call(TOP / program, "--help", env={**os.environ, "COLUMNS": "1000"})
    found = re.findall(r"^  (?:(-\w)(?: \S+)?, )?--([a-z-]+)(?: (\S+(?: [A-Z]\S+)?))?(?:  +|\n {10,})(\S.*)$",
                       done.stdout, re.M)
    # Where the programs lie is this checkout's affair.
    return [(letter, name, value, text.replace(f"{TOP}/build", "/usr/lib/keelboot"))
            for letter, name, value, text in found]


def render_options(rows: list) -> str:
    out = ".Bl -tag -width 4n\n"
    for letter, name, value, text in rows:
        out += f".It {f'Fl {letter[1:]} , ' if letter else ''}Fl -{name}"
        out += f" Ar {mdoc(value.strip('{}').replace(',', ' | ') if '{' in value else value)}\n" if value else "\n"
        out += sentence_lines(text)
    return out + ".El\n"


def command_options(*verb) -> list:
    """(names, meaning) as the help of one of the command's verbs has them."""
    told = run(*verb, "--help", code=OK)
    rows = []
    for line in told.stdout.split("\nOptions:\n")[1].split("\n\n")[0].splitlines():
        if re.match(r" {2,6}-", line):
            rows.append(re.split(r"  +", line.strip(), maxsplit=1))
        else:
            rows[-1][1] += " " + line.strip()
    return rows


def render_command(rows: list) -> str:
    out = ".Bl -tag -width 4n\n"
    for names, text in rows:
        items = [re.sub(r"^-(\S+) ?(.*)", lambda m: f"Fl {m[1]}" + (f" Ar {mdoc(m[2])}" if m[2] else ""),
                        name) for name in names.split(", ")]
        out += f".It {' , '.join(items)}\n{mdoc(text)}\n"
    return out + ".El\n"


def of_command(*verbs) -> list:
    return [render_command(command_options(*verb.split())) for verb in verbs]


# The lists of each page, in their order.
PAGES = {
    "keelboot-bundle.1": lambda: of_command(
        *(f"bundle {verb}" for verb in ("create", "sign", "verify", "inspect", "extract"))),
    "keelboot-channel.1": lambda: of_command(*(f"channel {verb}" for verb in ("create", "sign", "inspect"))),
    "keelboot-key.1": lambda: of_command("key"),
    "keelboot-image-test.1": lambda: [render_options(tool_options("qemu/imagetest"))],
    "keelboot-mkinitramfs.8": lambda: [render_options(tool_options("initramfs/mkinitramfs"))],
    "keelboot-system.conf.5": lambda: [render_conf(dump_conf())],
    "keelboot-init.8": lambda: [render_cmdline(test_cmdline_keys.dump_table())],
}


def split(page: str) -> list:
    """What stands around and in the lists: text, list, text, list, text."""
    return re.split(f"{re.escape(BEGIN)}(.*?){re.escape(END)}", (MAN / page).read_text(), flags=re.S)


def test_the_lists_of_keys_are_those_of_the_code():
    for page, render in PAGES.items():
        assert split(page)[1::2] == render(), f"{page} is behind the code: python3 tests/test_man_pages.py --write"


def test_what_a_key_means_is_said_in_sentences():
    for section, key, *_, meaning in dump_conf():
        assert meaning.endswith("."), (section, key)


def test_a_difference_is_noticed():
    rows = dump_conf()
    assert split("keelboot-system.conf.5")[1] != render_conf(rows[1:])
    rows[0][4] += "x"
    assert split("keelboot-system.conf.5")[1] != render_conf(rows)


@pytest.mark.parametrize("other", ["server", "channel"])
def test_every_example_is_a_good_value(tmp_path, other):
    """[fleet] server= and channel= exclude each other."""
    text, section = "", None
    for row in dump_conf():
        if row[0] != section:
            section = row[0]
            text += f"[{section}]\n"
        if row[:2] != ["fleet", other]:
            text += f"{row[1]}={example(row)}\n"
    file = tmp_path / "system.conf"
    file.write_text(text)
    run("check-config", file, code=OK)


def test_every_page_is_clean_mdoc():
    for page in sorted(MAN.glob("*.[13578]")):
        assert call("groff", "-mandoc", "-Tascii", "-ww", "-b", page).stderr == "", page


def test_mandoc_has_no_complaint():
    if shutil.which("mandoc") is None:
        pytest.skip("no mandoc here")
    assert call("mandoc", "-Tlint", "-Wwarning", *sorted(MAN.glob("*.[13578]"))).stdout == ""


def test_every_verb_has_a_synopsis():
    """`keelboot help` lists them; those with verbs of their own have their pages."""
    synopsis = (MAN / "keelboot.1").read_text().split(".Sh SYNOPSIS\n")[1].split(".Sh ")[0]
    verbs = re.findall(r"^  ([a-z][a-z-]*)  +\S", run("help", code=OK).stdout.split("\nAnywhere")[0], re.M)
    assert len(verbs) > 10
    for verb in verbs:
        assert re.search(rf"^\.(Cm|Op Cm) (\w+ \| )?{verb}\b", synopsis, re.M), verb


def test_the_page_of_hooks_knows_every_check_and_variable():
    text = (MAN / "keelboot-hooks.7").read_text()
    checks = {path.name for path in (TOP / "hooks" / "checks").iterdir()} - {"common.sh"}
    assert set(re.findall(r"^\.It Cm (\S+)$", text, re.M)) == checks
    variables = set(re.findall(r"`(KEELBOOT_\w+)`", (TOP / "docs" / "HOOKS.md").read_text()))
    assert "KEELBOOT_SLOT" in variables
    assert set(re.findall(r"^\.It Ev (KEELBOOT_\w+)$", text, re.M)) == variables


def test_no_page_takes_the_name_of_another_project():
    """system.conf(5) is the page of systemd and of D-Bus: a page of ours begins with our name, and its text agrees."""
    for page in MAN.glob("*.[13578]"):
        assert page.stem.partition("-")[0] == "keelboot", page
        text = page.read_text()
        assert f".Dt {page.stem.upper()} {page.suffix[1:]}\n" in text and f"\n.Nm {page.stem}\n" in text, page
    for page in [*MAN.glob("*.[13578]"), *TOP.glob("docs/*.md"), TOP / "README.md", *TOP.glob("cli/**/*.c")]:
        assert not re.search(r"(?<!keelboot-)(?<!systemd-)system\.conf(\(5\)| 5\b)", page.read_text()), page


def test_the_pages_name_each_other_rightly():
    here = {page.name for page in MAN.glob("*.[13578]")}
    others = {"reboot.8", "systemd.8", "systemd-sysupdate.8", "cpio.5", "veritysetup.8", "systemd-system.conf.5",
              "bash.1", "depmod.8", "sh.1", "openssl.1", "mke2fs.8", "mksquashfs.1", "mkfs.erofs.1", "fakeroot.1"}
    for page in here:
        for name, number in re.findall(r"^\.Xr (\S+) (\d)", (MAN / page).read_text(), re.M):
            assert f"{name}.{number}" in here | others, page


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python3 tests/test_man_pages.py --write")
    for name, make in PAGES.items():
        parts = split(name)
        lists = make()
        assert len(parts) == 2 * len(lists) + 1, name
        parts[1::2] = [BEGIN + one + END for one in lists]
        (MAN / name).write_text("".join(parts))
