# SPDX-License-Identifier: Apache-2.0
"""initramfs/mkinitramfs: what it packs, in which order, and what it says when it cannot."""

import base64
import gzip
import lzma
import os
import re
import shutil
import stat
import struct
from pathlib import Path

import pytest

import kbaliases
import kbcheck
import kbcompress
import kbconf
import kbcpio
import kbimage
import kbkernel
import kbmodules
from cli_device import TOP, call
from test_cli_config import UNOPENED

PROGRAM = TOP / "initramfs" / "mkinitramfs"

KEY = ("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAEUZSbjJrgnwXLuMHkHmdtVMnVutSBZKha9lDNQaRvGQ=\n"
       "-----END PUBLIC KEY-----\n")
P256 = KEY.replace(KEY.split("\n")[1], """MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGj6XSMRNUZpw00owd+1R5REs2Hv/
njY0s31GGnrXOsANXAdCn1MDb8w6EVPgEW6Rf8rlCznlee35wEu6Q4s5bQ==""")


@pytest.fixture(scope="session")
def static(tmp_path_factory):
    """A static program, a dynamic one."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    call("cc", "-static", "-s", "-o", folder / "static", folder / "main.c")
    call("cc", "-o", folder / "dynamic", folder / "main.c")
    return folder


def add_modules(modules: Path, dep: str) -> None:
    """Modules, by their lines of modules.dep."""
    lines = [line.strip() + "\n" for line in dep.strip().splitlines()]
    for path in (line.partition(":")[0] for line in lines):
        (modules / path).parent.mkdir(parents=True, exist_ok=True)
        (modules / path).write_bytes(b"\x7fELF" + path.encode())
    with open(modules / "modules.dep", "a", encoding="ascii") as file:
        file.writelines(lines)


def fake_kernel(folder: Path) -> Path:
    """A module folder with every oddity that depmod's files can have."""
    modules = folder / "lib" / "modules" / "6.1.2"
    add_modules(modules, """
        kernel/a/base.ko:
        kernel/a/mid-dle.ko: kernel/a/base.ko
        kernel/fs/top.ko: kernel/a/mid-dle.ko kernel/a/base.ko
        kernel/w/watchdog.ko:
        kernel/w/softdog.ko: kernel/w/watchdog.ko
        kernel/c/crc_generic.ko:
        kernel/c/crc_fast.ko:
        kernel/c/late.ko: kernel/a/base.ko
        kernel/fs/ring1.ko:
        kernel/fs/ring2.ko:
    """)
    (modules / "modules.softdep").write_text(
        "# comment\nsoftdep top pre: crypto-crc nonesuch post: late\n"
        "softdep ring1 pre: ring2\nsoftdep ring2 pre: ring1\n")
    (modules / "modules.alias").write_text(
        "alias crypto-crc crc_fast\nalias crypto-crc crc_generic\nalias pci:v00008086d* top\n")
    (modules / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio_pci.ko\n")
    return modules


@pytest.fixture
def modules(tmp_path):
    return fake_kernel(tmp_path)


@pytest.fixture
def make(static, tmp_path):
    """make(options…) runs mkinitramfs and returns the result, with .image as its output, which is not compressed."""
    def run(*options, expect=0, env=None, name="out.img", init="static"):
        out = tmp_path / name
        form = [] if "--compress" in options else ["--compress", "none"]
        result = call(PROGRAM, "-o", out, "--init", static / init, "--helper", static / "static", "--guardian",
                      static / "static", *form, *options, env={**os.environ, **(env or {})}, code=expect)
        assert "Traceback" not in result.stderr
        assert expect == 0 or not out.exists()
        result.image = out
        return result
    return run


def listing(image: Path) -> dict:
    """{path: (mode string, owner, group, size or device, date, target)}, as cpio has it."""
    env = dict(os.environ, TZ="UTC", LC_ALL="C")
    result = {}
    for line in call("cpio", "-itv", "--quiet", stdin=open(image, "rb"), env=env).stdout.splitlines():
        words = line.split()
        if words[0][0] == "c":
            words[4:6] = [words[4] + words[5]]
        result[words[8]] = (words[0], words[2], words[3], words[4], " ".join(words[5:8]), words[-1])
    return result


def content(image: Path, path: str) -> bytes:
    return call("cpio", "-i", "--quiet", "--to-stdout", path, stdin=open(image, "rb"), text=False).stdout


def order(image: Path) -> list:
    return [line.split("/")[-1].split(".ko")[0] for line in
            content(image, "etc/keelboot/modules").decode().splitlines()]


# ---------------------------------------------------------------- content

def table(image: Path) -> list:
    """The lines of the table of aliases, but for the end."""
    lines = content(image, "etc/keelboot/aliases").decode().splitlines()
    data = "".join(line + "\n" for line in lines[:-1]).encode()
    assert lines[-1] == f"end {len(lines) - 1} {kbaliases.crc32c(data):08x}"
    assert lines[:-1] == sorted(lines[:-1])
    return lines[:-1]


def test_the_sum_of_the_table_is_that_of_init():
    assert kbaliases.crc32c(b"123456789") == 0xe3069283     # as in tests/unit/bytes_test.c


def test_table_says_what_asks_for_a_module_and_what_it_needs(make, modules):
    """Those that are named singly are loaded always, and so is what nothing could ask for."""
    with open(modules / "modules.alias", "a", encoding="ascii") as file:
        file.write("alias fs-ring ring1\nalias cpu:type:x86* crc_fast\nalias of:N*T*Cacme,x-y mid_dle\n")
    image = make("--modules-dir", modules, "--module", "top", "--module", "softdog", "--module", "ring1").image
    assert table(image) == [
        "always top softdog ring1",
        "fs-ring ring1",
        "needs:late base",
        "needs:mid_dle base",
        "needs:ring1 ring2",
        "needs:ring2 ring1",
        "needs:softdog watchdog",
        "needs:top crc_generic base mid_dle late",
        "of:N*T*Cacme,x-y mid_dle",
        "pci:v00008086d* top",
    ]


def test_table_of_sets_tells_watchdogs_file_systems_and_what_looks_for_itself(make, tmp_path):
    modules = fake_kernel(tmp_path / "other")
    add_modules(modules, """
        kernel/drivers/watchdog/i6300esb.ko: kernel/w/watchdog.ko
        kernel/drivers/watchdog/it87_wdt.ko: kernel/w/watchdog.ko
        kernel/drivers/char/ipmi/ipmi_si.ko:
        kernel/drivers/char/ipmi/ipmi_watchdog.ko:
        kernel/drivers/mfd/kempld-core.ko:
        kernel/drivers/watchdog/kempld_wdt.ko: kernel/drivers/mfd/kempld-core.ko kernel/w/watchdog.ko
        kernel/fs/vfat.ko:
        kernel/fs/nls_utf8.ko:
        kernel/drivers/md/dm-verity.ko:
        kernel/crypto/sha256.ko:
        kernel/fs/pstore/ramoops.ko:
    """)
    with open(modules / "modules.alias", "a", encoding="ascii") as file:
        file.write("alias pci:v00008086d000025AB* i6300esb\nalias acpi*:IPI0001:* ipmi_si\nalias fs-vfat vfat\n"
                   "alias acpi*:KEM0001:* kempld_core\nalias cpu:type:x86*sha* sha256\n")
    image = make("--modules-dir", modules, "--module-set", "vfat,verity,pstore,watchdog,watchdog-server").image
    lines = table(image)
    for line in ("given ramoops", "blind it87_wdt", "dm-verity sha256 dm_verity", "fs-vfat vfat nls_utf8",
                 "acpi*:IPI0001:* ipmi_si ipmi_watchdog", "acpi*:KEM0001:* kempld_core kempld_wdt",
                 "first ipmi_si ipmi_watchdog watchdog i6300esb kempld_core kempld_wdt it87_wdt",
                 "watchdog ipmi_watchdog i6300esb kempld_wdt"):
        assert line in lines
    assert not any("cpu:" in line for line in lines)


def test_hooks_of_the_maker_find_the_file_systems_loaded(make, modules, static, tmp_path):
    (tmp_path / "hooks/pre-mount.d").mkdir(parents=True)
    shutil.copy(static / "static", tmp_path / "hooks/pre-mount.d/10-look")
    with open(modules / "modules.alias", "a", encoding="ascii") as file:
        file.write("alias fs-vfat vfat\n")
    add_modules(modules, "kernel/fs/vfat.ko:")
    assert "always vfat" not in table(make("--modules-dir", modules, "--module-set", "vfat").image)
    image = make("--modules-dir", modules, "--module-set", "vfat", "--hooks", tmp_path / "hooks").image
    assert "always vfat" in table(image)


def test_load_all_packs_no_table(make, modules):
    assert "etc/keelboot/aliases" in listing(make("--modules-dir", modules, "--module", "top").image)
    assert "etc/keelboot/aliases" not in listing(make("--modules-dir", modules, "--module", "top", "--load-all").image)


def test_table_that_init_would_refuse_is_left_out_and_says_so(make, modules):
    with open(modules / "modules.alias", "a", encoding="ascii") as file:
        file.writelines(f"alias usb:v{number:04X}* top\n" for number in range(8200))
    result = make("--modules-dir", modules, "--module", "top")
    assert "warning: the table of their aliases is too large (8" in result.stderr
    assert "each boot loads all modules" in result.stderr
    assert "etc/keelboot/aliases" not in listing(result.image)


def test_least_image(make):
    files = listing(make().image)
    assert files["init"][0] == "-rwxr-xr-x"
    assert files["usr/lib/keelboot/keelboot-helper"][0] == "-rwxr-xr-x"
    assert files["dev/console"][0] == "crw-------" and files["dev/console"][3] == "5,1"
    for folder in ("dev", "proc", "sys", "run", "sysroot", "tmp", "etc/keelboot", "usr/lib/keelboot"):
        assert files[folder][0] == "drwxr-xr-x"
    assert files["etc/keelboot/modules"][3] == "0"
    assert {entry[1:3] for entry in files.values()} == {("root", "root")}
    assert {entry[4] for entry in files.values()} == {"Jan 1 1970"}


def output(data: bytes, tmp_path) -> str:
    """What a program prints when it runs."""
    bare = tmp_path / "bare"
    bare.write_bytes(data)
    bare.chmod(0o755)
    return call(bare).stdout


def test_programs_are_stripped_and_still_run(make, static, tmp_path):
    program = tmp_path / "fat"
    source = tmp_path / "main.c"
    source.write_text('#include <stdio.h>\nint main(void) { return printf("hello\\n") != 6; }\n')
    for options in (("-static-pie",), ("-static",)):
        call("cc", "-g", *options, "-o", program, source)
        data = content(make("--init", program).image, "init")
        assert len(data) < 0.95 * program.stat().st_size
        assert output(data, tmp_path) == "hello\n"
    # Segments, and then sections, behind the end of the file.
    for damaged in (data[:3000], program.read_bytes()[:-300]):
        (tmp_path / "short").write_bytes(damaged)
        assert "short: a damaged ELF file" in make("--init", tmp_path / "short", expect=1, name="x").stderr
    (tmp_path / "short").write_text("#!/bin/sh\n")
    assert "short: not an ELF program" in make("--init", tmp_path / "short", expect=1, name="x").stderr


def test_folders_come_before_what_is_in_them(make):
    names = list(listing(make().image))
    for name in names:
        parent = name.rpartition("/")[0]
        assert not parent or names.index(parent) < names.index(name)


def test_everything_of_a_device(make, static, tmp_path):
    (tmp_path / "system.conf").write_text("[system]\ncompatible=x\n")
    for folder, name, text in (("conf.d", "10-a.conf", "[hooks]\n"), ("keys", "one.pem", KEY),
                               ("keys", "note.txt", "x"),
                               ("hooks/post-mount.d", "10-check", "#!/bin/sh\nexit 0\n"),
                               ("hooks/post-mount.d", "10-check~", "old"),
                               ("tree/sub", "data", "1")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(text)
    (tmp_path / "hooks/post-mount.d/10-check").chmod(0o700)
    image = make("--conf", tmp_path / "system.conf",
                 "--conf-dir", tmp_path / "conf.d", "--keys", tmp_path / "keys",
                 "--hooks", tmp_path / "hooks", "--busybox", "/bin/busybox",
                 "--add", f"{static / 'static'}:/bin/tool",
                 "--add", f"{tmp_path / 'tree'}:/opt").image
    files = listing(image)
    assert content(image, "etc/keelboot/system.conf") == b"[system]\ncompatible=x\n"
    assert "etc/keelboot/system.conf.d/10-a.conf" in files
    assert content(image, "etc/keelboot/keys/one.pem").decode() == KEY
    assert "etc/keelboot/keys/note.txt" not in files
    assert files["usr/lib/keelboot/hooks/post-mount.d/10-check"][0] == "-rwxr-xr-x"
    assert "usr/lib/keelboot/hooks/post-mount.d/10-check~" not in files
    assert files["bin/sh"][5] == "/bin/busybox"
    assert files["bin/tool"][0] == "-rwxr-xr-x"
    assert files["opt/sub/data"][0] == "-rw-r--r--"
    assert sum(entry[5] == "/bin/busybox" for entry in files.values()) > 100
    # It could load nothing; init would take it for one that loads what is missing.
    assert not [name for name in files if name.rsplit("/", 1)[-1] == "modprobe"]


# ---------------------------------------------------------------- where the keys go

KEYRING = r"""
#include "lib/conf.h"
#include <stdio.h>
int main(int argc, char **argv)
{
	static struct conf c;
	bool found;

	for (int i = 1; i < argc; i++) {
		conf_load(&c, argv[i], &found, NULL, NULL);
		puts(c.keyring);
	}
	return 0;
}
"""
LONG_LINE = "#" * 30 + "x" * 190
# What stands in system.conf, or {name: text} with drop-ins; the device's own reader has the answer.
CONFS = [
    "", "[keyring]\npath=/a\n", "[keyring]\npath=/a\npath=/b", "[keyring]\npath : /a b \r\n",
    "\ufeff[keyring]\npath=/a\n", "x\n\ufeff[keyring]\npath=/a\n", "path=/a\n[keyring]\n",
    "[keyring]\n# path=/a\n;path=/b\n  path=/c ; why\n", "[keyring]\npath=/a;b #c\n",
    "[keyring]\npath= ;/a\n", "[keyring]\npath=;/a\n", "[keyring]\npath\n=/a\n",
    "[keyring]path=/a\n",
    "[keyring]\npath ;=/a\n", "[keyring] ; why\npath=/a\n", "[keyring ;x]\npath=/a\n",
    "[keyring]\n[other ;x]\npath=/a\n", "[ keyring ]\npath=/a\n", "[keyring\npath=/a\n",
    "[keyring]\n[other\npath=/a\n", "\t [keyring]\n\tpath=/a\n\t\t/b\n", "[Keyring]\npath=/a\n",
    "[keyring]\nPath=/a\n", "[keyring]\npath=/a\n[keyring]\npath=/b\n[system]\npath=/c\n",
    f"[keyring]\npath=/a ;{LONG_LINE}\n", f"[keyring]\npath=/a\n[x{LONG_LINE}]\npath=/b\n",
    "[keyring]\npath=/a\0path=/b\n", "[keyring]\npath=/a\npath=\npath=/\npath=b\npath=/b/../c\n",
    "[keyring]\npath=/a\npath=/\u00e4\n", "[keyring]\npath=/" + "a" * 126,
    "[keyring]\npath=/" + "a" * 127,
    "[keyring]\npath=\"/a\"\n", "[keyring]\npath=/a%(x)s=y:z\n", "[keyring]\rpath=/a\n",
    "[]\n[[keyring]]\npath=/a",
    {"system.conf": "[keyring]\npath=/a\n", "system.conf.d/10.conf": "[keyring]\npath=/b\n",
     "system.conf.d/9.conf": "[keyring]\npath=/c\n"},
    {"system.conf.d/10.conf": "[keyring]\npath=/b\n",
     "system.conf.d/.20.conf": "[keyring]\npath=/c\n",
     "system.conf.d/30.txt": "[keyring]\npath=/d\n", "system.conf.d/.conf": "[keyring]\npath=/e\n",
     "system.conf.d/" + "n" * 59 + ".conf": "[keyring]\npath=/f\n"},
    {"system.conf": "#" * 65537, "system.conf.d/10.conf": "#\n" * 32760 + "[keyring]\npath=/a\n"},
    {"system.conf": "#\n" * 32758 + "[keyring]\npath=/a\n"},
    {"/system.conf": "[keyring]\npath=/a\n"},
    {"/system.conf": "[keyring]\npath=/a\n", "system.conf": "x"},
    {"/system.conf": "[keyring]\npath=/a\n", "system.conf": "#" * 65537},
    {"/system.conf.d/10.conf": "[keyring]\npath=/a\n", "system.conf.d/10.conf": ""},
    {"/system.conf.d/20.conf": "[keyring]\npath=/a\n",
     "system.conf.d/10.conf": "[keyring]\npath=/b\n"},
    {f"system.conf.d/{n}.conf": f"[keyring]\npath=/{n}\n" for n in range(10, 45)},
]


def packed_files(conf) -> dict:
    """As a device has them: {path: text}. A name that begins with "/" is one of /usr."""
    conf = {"system.conf": conf} if isinstance(conf, str) else conf
    return {("usr/lib/keelboot" if name.startswith("/") else "etc/keelboot/") + name: text.encode()
            for name, text in conf.items()}


def device_keyrings(roots: list, folder: Path) -> list:
    """[keyring] path= as the shipped objects read it below each of the roots."""
    objects = [TOP / "build/libkb.a", TOP / "build/libreal.a", TOP / "build/libkb.a"]
    call("cc", f"-I{TOP}", "-D_GNU_SOURCE", "-x", "c", "-", "-x", "none", *objects, "-linih", "-o", folder / "keyring",
         input=KEYRING)
    return call(folder / "keyring", *roots).stdout.splitlines()


def test_the_configuration_is_read_as_the_device_reads_it(tmp_path):
    roots = [tmp_path / f"root-{number}" for number in range(len(CONFS))]
    for root, conf in zip(roots, CONFS):
        for name, data in packed_files(conf).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
    for conf, wanted in zip(CONFS, device_keyrings(roots, tmp_path), strict=True):
        assert kbconf.keyring(packed_files(conf)) == wanted, conf


def test_loaders_are_those_that_the_device_knows():
    """Of a word that only the device knew, an image would lack what its loader needs."""
    source = (TOP / "lib/conf_value.c").read_text()
    table = re.search(r"\[CONF_KIND_LOADER\] = \{(.*?)\}", source, re.S).group(1)
    assert tuple(re.findall(r'"([^"]+)"', table)) == kbconf.LOADERS


def loader_conf(tmp_path, text: str) -> tuple:
    (tmp_path / "loader.conf").write_text(f"[loader]\n{text}\n")
    return "--conf", tmp_path / "loader.conf"


@pytest.mark.parametrize("kind", ("uefi", "systemd-boot"))
def test_variables_of_uefi_take_a_module(make, modules, tmp_path, kind):
    uefi = (*loader_conf(tmp_path, f"kind={kind}"), "--modules-dir", modules, "--module", "base")
    assert "this kernel has no efivarfs" in make(*uefi).stderr
    add_modules(modules, "kernel/fs/efivarfs/efivarfs.ko:")
    made = make(*uefi)
    assert "efivarfs" not in made.stderr and order(made.image) == ["base", "efivarfs"]
    grub = (*loader_conf(tmp_path, "kind=grub"), "--modules-dir", modules, "--module", "base")
    assert order(make(*grub).image) == ["base"]
    with open(modules / "modules.builtin", "a") as file:
        file.write("kernel/fs/efivarfs/efivarfs.ko\n")
    assert "efivarfs" not in make(*loader_conf(tmp_path, f"kind={kind}"), "--modules-dir", modules).stderr


def test_parameters_of_a_driver_that_is_built_in_are_no_loss_without_a_word(make, modules):
    """The kernel takes them from its command line alone."""
    options = ("--modules-dir", modules, "--module", "base:a=1")
    assert "command line" not in make(*options, "--module", "virtio-pci").stderr
    said = make(*options, "--module", "virtio-pci:force_legacy=1 x=2").stderr
    assert said.count("command line") == 1
    assert "warning: --module virtio-pci:force_legacy=1 x=2: virtio-pci is built into this kernel; write onto its " \
        "command line: virtio_pci.force_legacy=1 virtio_pci.x=2\n" in said


@pytest.fixture(name="measuring")
def make_measuring(static, modules, tmp_path):
    """Options for an image that measures."""
    conf, helper = tmp_path / "measure.conf", tmp_path / "helper"
    conf.write_text("[measure]\npcr=13\n")
    helper.write_bytes((static / "static").read_bytes() + b"keelboot-tpm")
    return ("--conf", conf, "--helper", helper, "--modules-dir", modules, "--module", "base")


def test_measuring_packs_the_drivers_of_tpms(make, modules, measuring):
    options, conf = measuring, measuring[1]
    add_modules(modules, "kernel/drivers/char/tpm/tpm_tis.ko:")
    assert sorted(order(make(*options).image)) == ["base", "tpm_tis"]
    conf.write_text("[measure]\npcr=13\npcr=none\n")
    assert order(make(*options).image) == ["base"]


def test_an_image_that_cannot_measure_is_not_made(make, modules, static, measuring):
    options, conf = measuring, measuring[1]
    assert "has no driver of a TPM" in make(*options, expect=1).stderr
    with open(modules / "modules.builtin", "a") as file:
        file.write("kernel/drivers/char/tpm/tpm_crb.ko\n")
    assert order(make(*options).image) == ["base"]
    assert "static does not measure" in make(*options, "--helper", static / "static", expect=1, name="none").stderr
    for kind, code in ("kexec", 1), ("grub", 0):
        conf.write_text(f"[measure]\npcr=13\n[loader]\nkind={kind}\n[slot.a]\nroot=PARTLABEL=a\nboot=PARTLABEL=b\n")
        said = make(*options, expect=code, name=kind).stderr
        assert ("nothing checks the kernel in the partition of [slot.a] boot=" in said) == bool(code)


def test_environment_of_uboot_takes_a_file(make, tmp_path):
    conf = loader_conf(tmp_path, "kind=u-boot\nenvironment=/etc/env.config")
    assert "/etc/env.config is not packed; add it by --add FILE:/etc/env.config" in make(*conf).stderr
    (tmp_path / "env").write_text("/dev/mtd0 0 0x1000\n/dev/mtd1 0 0x1000\n")
    assert "not packed" not in make(*conf, "--add", f"{tmp_path}/env:/etc/env.config").stderr
    assert "/etc/fw_env.config is not packed" in make(*loader_conf(tmp_path, "kind=u-boot")).stderr
    lilo = loader_conf(tmp_path, "kind=lilo\nenvironment=/etc/env.config")
    assert "not packed" not in make(*lilo, expect=1, name="x").stderr


def key_folder(tmp_path, text=KEY) -> Path:
    """A folder with the key acme.pem."""
    (tmp_path / "keys").mkdir(exist_ok=True)
    (tmp_path / "keys/acme.pem").write_text(text)
    return tmp_path / "keys"


def key_of(make, tmp_path, *options) -> list:
    """Where the image has the key."""
    image = make("--keys", key_folder(tmp_path), *options).image
    return [name for name in listing(image) if name.endswith("acme.pem")]


@pytest.mark.parametrize("example", sorted((TOP / "docs/examples").glob("*.conf")), ids=lambda file: file.stem)
def test_a_device_finds_the_key_where_its_configuration_says(make, tmp_path, example):
    places = key_of(make, tmp_path, "--conf", example)
    (tmp_path / "root/etc/keelboot").mkdir(parents=True)
    shutil.copy(example, tmp_path / "root/etc/keelboot/system.conf")
    assert [f"/{place}" for place in places] == \
        [f"{folder}/acme.pem" for folder in device_keyrings([tmp_path / "root"], tmp_path)]


def test_drop_ins_and_added_files_say_where_keys_go_too(make, tmp_path):
    conf, folder = tmp_path / "system.conf", tmp_path / "conf.d"
    conf.write_text("[keyring]\npath=/one\n")
    folder.mkdir()
    (folder / "10-a.conf").write_text("[keyring]\npath=/two\n")
    assert key_of(make, tmp_path) == ["etc/keelboot/keys/acme.pem"]
    assert key_of(make, tmp_path, "--conf", conf, "--conf-dir", folder) == ["two/acme.pem"]
    assert key_of(make, tmp_path, "--add", f"{conf}:/usr/lib/keelboot/system.conf") == ["one/acme.pem"]


def test_a_folder_is_added_whole(make, tmp_path):
    """What its links name, too, and what is empty."""
    (tmp_path / "fw/real").mkdir(parents=True)
    (tmp_path / "fw/empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "fw/real/f").write_text("firmware")
    (tmp_path / "other/g").write_text("firmware")
    (tmp_path / "fw/alias").symlink_to("real")
    (tmp_path / "fw/out").symlink_to("../other")
    words = ("--add", f"{tmp_path}/fw:/lib/firmware")
    image = make(*words).image
    assert [name for name in listing(image) if name.startswith("lib/firmware/")] == \
        [f"lib/firmware/{name}" for name in ("alias", "alias/f", "empty", "out", "out/g", "real", "real/f")]
    (tmp_path / "other/back").symlink_to("../fw")
    assert f"--add {tmp_path}/fw/out/back: a loop of links" in make(*words, expect=1, name="none").stderr
    (tmp_path / "other/back").unlink()
    (tmp_path / "fw/gone").symlink_to("nowhere")
    said = make(*words, expect=1, name="none").stderr
    assert f"{tmp_path}/fw/gone: No such file or directory; needed as --add" in said


def test_an_image_goes_where_a_link_leads(make, tmp_path):
    """Its name is the one that a loader has."""
    target, link = tmp_path / "initrd-1", tmp_path / "initrd"
    target.write_text("older")
    link.symlink_to(target.name)
    assert make("-o", link).returncode == 0
    assert link.is_symlink()
    assert target.read_bytes()[:4] != b"olde"
    assert make("-o", tmp_path, expect=1).stderr == f"mkinitramfs: {tmp_path}: is a folder; name a file in it\n"


def test_no_device_is_replaced_by_an_image(make, tmp_path):
    """As root, a file took the place of the node; the disk was not written."""
    os.mkfifo(tmp_path / "node")
    (tmp_path / "link").symlink_to("node")
    for name in ("node", "link"):
        said = make("-o", tmp_path / name, expect=1).stderr
        assert said == f"mkinitramfs: {tmp_path}/{name}: no regular file, and not replaced by one; name a file\n"
        assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)


def test_no_key_and_nothing_that_is_read_is_replaced_by_an_image(make, tmp_path):
    """With -o db.key, the key that signs was lost, and the message was one of success."""
    (tmp_path / "db.key").write_text("-----BEGIN PRIVATE KEY-----\n")
    (tmp_path / "tool").write_text("#!/init\n")
    (tmp_path / "system.conf").write_text("[system]\ncompatible=x\n")
    words = ["--keys", key_folder(tmp_path), "--conf", tmp_path / "system.conf", "--add", f"{tmp_path}/tool:/x"]
    for name, why in (("db.key", "is a private key"), ("tool", "is read by this command"),
                      ("system.conf", "is read by this command"), ("keys/acme.pem", "is read by this command")):
        before = (tmp_path / name).read_bytes()
        said = make(*words, "-o", tmp_path / name, expect=1).stderr
        assert said.startswith(f"mkinitramfs: {tmp_path}/{name}: {why}, "), said
        assert (tmp_path / name).read_bytes() == before


def test_retired_keys_are_packed_beside_the_others(make, tmp_path):
    retired = key_folder(tmp_path) / "retired.d"
    retired.mkdir()
    (tmp_path / "keys/why.txt").write_text("lost")
    for name in "old.pem", "why.txt", ".keep":      # on the device any of them would leave no key trusted
        (retired / name).write_text("lost")
        assert f"{name}: not a public key" in make("--keys", tmp_path / "keys", expect=1).stderr
        (retired / name).unlink()
    (retired / "old.pem").write_text(KEY)
    (retired / "older.pub").write_text(KEY)
    image = make("--keys", tmp_path / "keys").image
    assert [name for name in listing(image) if "/keys/" in name and not name.endswith(".d")] == \
        [f"etc/keelboot/keys/{name}" for name in ("acme.pem", "retired.d/old.pem", "retired.d/older.pub")]


def test_devices_that_this_initramfs_does_not_open_are_warned_of(make, tmp_path):
    (tmp_path / "system.conf").write_text(UNOPENED)
    said = make("--conf", tmp_path / "system.conf").stderr
    told = re.findall(r"warning: (\[.*?\] .*?): this initramfs does not open it", said)
    assert told == ["[system] root-overlay=/dev/loop0", "[state] partition=/dev/vg/state", "[slot.a] root=/dev/vg/a",
                    "[slot.b] root=/dev/loop1", "[source.data] partition=/dev/md/data"]


def test_what_check_config_calls_a_mistake_is_none_that_is_packed(make, tmp_path):
    conf, drop = tmp_path / "system.conf", tmp_path / "drop"
    drop.mkdir()
    conf.write_text("[system]\ncompatible=x\ncompatibel=y\n[watchdog]\ntimeout=1m\n[sytem]\nx=1\nno equals\n")
    said = make("--conf", conf, expect=1).stderr
    for line in (3, 5, 7, 8):
        assert f"mkinitramfs: {conf}:{line}: " in said
    conf.write_text("[system\ncompatible\n")
    assert f"mkinitramfs: {conf}:1: " in make("--conf", conf, expect=1).stderr
    # One file may mend another, and be the only wrong one.
    conf.write_text("[system]\ncompatible=x\n[install]\nprogress-deadline=120\n")
    make("--conf", conf, expect=1)
    (drop / "10.conf").write_text("[watchdog]\ntimeout=180\n")
    assert "check-config" not in make("--conf", conf, "--conf-dir", drop).stderr
    (drop / "20.conf").write_text("[system]\nfoo=1\n")
    assert f"mkinitramfs: {drop}/20.conf:2: " in make("--conf", conf, "--conf-dir", drop, expect=1, name="x").stderr


@pytest.fixture
def conf(tmp_path):
    """One that nobody is warned of."""
    path = tmp_path / "plain.conf"
    path.write_text("[system]\ncompatible=x\n")
    return path


def test_what_may_be_missing_on_purpose_is_warned_of(make, tmp_path, modules):
    said = make().stderr
    assert "warning: system.conf: missing in /etc/keelboot and in /usr/lib/keelboot; defaults are used" in said
    assert "warning: system.conf: [system] compatible= is missing: no bundle is installed" in said
    assert "warning: no module is packed: the kernel must have all drivers built in" in said
    (tmp_path / "system.conf").write_text("[system]\ncompatible=x\n")
    said = make("--conf", tmp_path / "system.conf", "--modules-dir", modules, "--module", "top").stderr
    assert "warning" not in said


def test_a_key_whose_private_half_is_published_is_warned_of(make, tmp_path):
    said = make("--keys", TOP / "docs/examples/keys").stderr
    assert re.search(r"warning: .*/docs/examples/keys/\S+\.pem is the development key of Keelboot's examples, whose "
                     "private half is published: anybody can sign updates", said)
    assert "published" not in make("--keys", key_folder(tmp_path)).stderr


def test_where_the_command_is_missing_the_configuration_goes_unchecked(monkeypatch, capsys):
    monkeypatch.setattr(kbcheck, "PLACES", (Path("/none"),))
    assert kbcheck.mistakes(None, print) == []
    assert "not checked: /none are missing" in capsys.readouterr().out


def test_keys_that_a_mount_would_hide_are_refused(make, tmp_path):
    conf = tmp_path / "system.conf"
    conf.write_text("[keyring]\npath=/run/keys\n")
    assert "[keyring] path=/run/keys: the boot mounts over /run, which would hide the keys" in \
        make("--conf", conf, "--keys", key_folder(tmp_path), expect=1).stderr


def test_two_builds_are_the_same_bytes(make, modules, static):
    for form in kbcompress.FORMATS:
        options = ("--compress", form, "--modules-dir", modules, "--module", "top", "--busybox", "/bin/busybox")
        first = make(*options, name=f"{form}.1").image.read_bytes()
        for path in [*modules.rglob("*"), *static.iterdir()]:
            os.utime(path, (1, 1))
        second = make(*options, name=f"{form}.2", env={"TZ": "Asia/Tokyo"}).image.read_bytes()
        assert first == second, form


def test_source_date_epoch(make):
    early = make(env={"SOURCE_DATE_EPOCH": "86400"}).image
    assert {entry[4] for entry in listing(early).values()} == {"Jan 2 1970"}
    assert "SOURCE_DATE_EPOCH=today" in make(expect=1, env={"SOURCE_DATE_EPOCH": "today"}, name="x").stderr


@pytest.mark.parametrize("form, unpack", [
    ("gzip", gzip.decompress), ("xz", lzma.decompress),
    ("zstd", lambda data: call("zstd", "-dcq", input=data, text=False).stdout),
    ("lz4", lambda data: call("lz4", "-dcq", input=data, text=False).stdout)])
def test_compressions_hold_the_same_archive(make, form, unpack):
    plain = make(name="plain").image.read_bytes()
    packed = make("--compress", form).image.read_bytes()
    assert len(packed) < len(plain)
    assert unpack(packed) == plain


def test_compressions_are_ones_that_the_kernel_reads(make):
    assert make("--compress", "lz4").image.read_bytes()[:4] == b"\x02\x21\x4c\x18"      # the legacy frame
    assert make("--compress", "xz").image.read_bytes()[6:8] == b"\x00\x01"       # stream flags: CRC32
    assert make("--compress", "gzip").image.read_bytes()[4:8] == bytes(4)       # no time in it
    assert "levels 1 to 9" in make("--compress", "gzip", "--level", "10", expect=1, name="x").stderr


@pytest.mark.parametrize("window", [128, 1024, 4096])
def test_the_kernel_needs_no_more_memory_than_is_said(window):
    data = PROGRAM.read_bytes() * (2048 * window // PROGRAM.stat().st_size + 1)
    packed = kbcompress.compress(data, "zstd", 1, window)
    # RFC 8878, 3.1.1.1: no single segment, so a window descriptor follows; exponent and mantissa.
    assert packed[4] & 0x20 == 0
    assert packed[5] == (window.bit_length() - 1) << 3
    packed = kbcompress.compress(data, "xz", 0, window)
    # .xz specification, 5.3.1: the byte behind LZMA2's id and size; 12 bytes of stream header first.
    assert packed[14:16] == b"\x21\x01" and packed[16] == 2 * (window.bit_length() - 3)
    with pytest.raises(kbcompress.CompressError):
        kbcompress.compress(data, "zstd", 1, 64)


# ---------------------------------------------------------------- modules

def test_order_honours_dependencies_and_soft_dependencies(make, modules):
    image = make("--modules-dir", modules, "--module", "top").image
    # The generic of the two that provide crypto-crc; what the soft dependency "post" names, last.
    assert order(image) == ["crc_generic", "base", "mid-dle", "top", "late"]
    assert content(image, "lib/modules/mid-dle.ko") == b"\x7fELFkernel/a/mid-dle.ko"


def test_dash_and_underscore_are_the_same(make, modules):
    assert order(make("--modules-dir", modules, "--module", "mid_dle").image) == ["base", "mid-dle"]


def test_rings_of_soft_dependencies_end(make, modules):
    assert sorted(order(make("--modules-dir", modules, "--module", "ring1").image)) == ["ring1", "ring2"]


def test_watchdogs_come_first_and_parameters_are_written(make, modules):
    image = make("--modules-dir", modules, "--module-set",
                 "ext4,softdog", "--module", "top", "--module", "softdog:soft_margin=30 x=1").image
    assert content(image, "etc/keelboot/modules").decode().splitlines()[:2] == \
        ["/lib/modules/watchdog.ko", "/lib/modules/softdog.ko soft_margin=30 x=1"]


def test_a_set_takes_what_the_kernel_has(make, modules):
    result = make("-v", "--modules-dir", modules, "--module-set", "virtio,usb")
    assert order(result.image) == []
    assert "virtio_blk (set virtio) is not in this kernel" in result.stderr
    assert "virtio_pci" not in result.stderr        # it is built in
    assert "warning: module set usb: this kernel has none of its modules (xhci-pci, " in result.stderr
    assert "module set virtio" not in result.stderr


def test_an_empty_set_is_a_warning_of_the_default_too(make, modules, tmp_path):
    """Whoever reads no more than what it prints learns that nothing ends a hang."""
    result = make("--modules-dir", modules)
    assert "mkinitramfs: warning: module set watchdog: this kernel has none of its modules (i6300esb, " in result.stderr
    assert "module set ext4" not in result.stderr   # built in
    assert content(result.image, "etc/keelboot/watchdogs") == b""
    again = make("--modules-dir", fake_kernel(tmp_path / "again"), name="again.img", env={"KEELBOOT_IMAGE": "1"})
    assert "keelboot image build: warning: module set watchdog: " in again.stderr
    assert "mkinitramfs: " not in again.stderr


def test_hashes_alone_are_no_dm_verity(make, modules):
    """No modules.dep names them: the kernel asks for them when a tree is opened, and nobody loads them then."""
    add_modules(modules, "kernel/crypto/sha512_generic.ko:")
    result = make("--modules-dir", modules, "--module-set", "verity")
    assert "warning: module set verity: this kernel has none of its modules (dm-verity)" in result.stderr
    assert order(result.image) == []


def test_helpers_of_a_set_come_first_and_are_no_watchdogs(make, modules, conf):
    """Intel's: who makes the device is in no modules.dep."""
    dep = modules / "modules.dep"
    dep.write_text(dep.read_text().replace("kernel/w/softdog.ko: kernel/w/watchdog.ko\n", ""))
    add_modules(modules, "kernel/drivers/mfd/lpc_ich.ko:")
    without_drivers = dep.read_text()
    add_modules(modules, """
        kernel/drivers/watchdog/iTCO_wdt.ko: kernel/w/watchdog.ko
        kernel/drivers/watchdog/softdog.ko: kernel/w/watchdog.ko
        kernel/drivers/watchdog/acme-wdt.ko:
    """)
    options = ("--conf", conf, "--modules-dir", modules, "--module-set", "watchdog,softdog", "--module", "acme-wdt")
    result = make(*options)
    assert order(result.image) == ["lpc_ich", "watchdog", "iTCO_wdt", "softdog", "acme-wdt"]
    assert content(result.image, "etc/keelboot/watchdogs") == b"iTCO_wdt\nacme_wdt\n"
    assert "warning" not in result.stderr
    # Who makes a device of which no driver is there is no watchdog.
    dep.write_text(without_drivers)
    assert "warning: module set watchdog:" in make(*options[:-4], "--module-set", "watchdog").stderr


# drivers/watchdog of Debian 12's linux-image-arm64 (6.1.192) and linux-image-armmp (6.1.176).
DEBIANS_ARM = """
    armada_37xx_wdt bcm2835_wdt dw_wdt gpio_wdt i6300esb imx2_wdt meson_gxbb_wdt meson_wdt qcom-wdt rti_wdt sbsa_gwdt
    sl28cpld_wdt softdog sp805_wdt sunxi_wdt tegra_wdt wdat_wdt xen_wdt
    da9052_wdt omap_wdt orion_wdt rn5t618_wdt s3c2410_wdt stpmic1_wdt twl4030_wdt""".split()


def test_the_drivers_that_debian_builds_for_arm_are_in_the_set():
    """But softdog, which has a set of its own, and Xen's, which is a virtual machine's."""
    assert set(DEBIANS_ARM) - set(kbmodules.read_sets()["watchdog"].modules) == {"softdog", "xen_wdt"}


# drivers/mmc/host of Debian 12's linux-image-arm64 (6.1.192) and linux-image-armmp (6.1.176).
DEBIANS_MMC = """
    armmmci bcm2835 cb710-mmc cqhci dw_mmc dw_mmc-k3 dw_mmc-pltfm dw_mmc-rockchip meson-gx-mmc mmc_spi of_mmc_spi
    renesas_sdhi_core renesas_sdhi_internal_dmac rtsx_pci_sdmmc rtsx_usb_sdmmc sdhci sdhci-acpi sdhci-esdhc-imx
    sdhci-iproc sdhci-msm sdhci-of-arasan sdhci-of-dwcmshc sdhci-of-esdhc sdhci-pci sdhci-pltfm sdhci-tegra
    sdhci-xenon-driver sdhci_am654 sdhci_f_sdh30 sunxi-mmc tifm_sd tmio_mmc_core toshsd ushc via-sdmmc vub300
    dw_mmc-exynos meson-mx-sdio mvsdio omap omap_hsmmc sdhci-dove sdhci-of-aspeed sdhci-omap sdhci-pxav3 sdhci-s3c
    wmt-sdmmc""".split()
# What others need, and comes by itself.
LIBRARIES = {"cqhci", "dw_mmc", "of_mmc_spi", "renesas_sdhi_core", "sdhci", "sdhci-pltfm", "tmio_mmc_core"}


def test_the_hosts_of_cards_that_debian_builds_for_arm_are_in_the_set():
    """But those that somebody plugs into USB (docs/LIMITS.md), and what old laptops have."""
    assert set(DEBIANS_MMC) - set(kbmodules.read_sets()["sd"].modules) - LIBRARIES == {
        "rtsx_usb_sdmmc", "ushc", "vub300", "cb710-mmc", "tifm_sd", "toshsd", "via-sdmmc"}


@pytest.mark.parametrize("suffix, pack", [
    (".gz", gzip.compress), (".xz", lzma.compress),
    (".zst", lambda data: call("zstd", "-qc", input=data, text=False).stdout)])
def test_packed_modules_are_unpacked(make, modules, suffix, pack):
    for path in list(modules.rglob("*.ko")):
        Path(f"{path}{suffix}").write_bytes(pack(path.read_bytes()))
        path.unlink()
    for name in ("modules.dep", "modules.builtin"):
        (modules / name).write_text((modules / name).read_text().replace(".ko", ".ko" + suffix))
    image = make("--modules-dir", modules, "--module", "top", "--module", "ext4").image
    assert order(image) == ["crc_generic", "base", "mid-dle", "top", "late"]
    assert content(image, "lib/modules/top.ko") == b"\x7fELFkernel/fs/top.ko"


def module_name(path: str) -> str:
    return path.split("/")[-1].split(".ko")[0]


def test_a_real_kernel(make):
    """Every dependency that the files of a real kernel name comes before what needs it."""
    folder = kbkernel.get().modules
    image = make("--modules-dir", folder, "--module-set", "virtio,usb,sd,nvme,ext4,vfat,squashfs,erofs,watchdog,"
                 "watchdog-server,softdog,pstore,verity,overlay").image
    loaded = order(image)
    assert len(loaded) == len(set(loaded)) > 50
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        # Debian 13's are compressed: NAME.ko.xz.
        needs[module_name(path)] = [module_name(word) for word in rest.split()]
    for name in loaded:
        for need in needs[name]:
            assert loaded.index(need) < loaded.index(name), f"{need} is needed by {name}"
    for name in ("virtio_blk", "usb-storage", "sd_mod", "mmc_block", "nvme", "ext4", "vfat", "nls_cp437", "i6300esb",
                 "overlay"):
        assert name in loaded
    assert loaded.index("crc32c_generic") < loaded.index("ext4")
    # Debian 13's kernel has it built in.
    builtin = "/sha512_generic.ko\n" in (folder / "modules.builtin").read_text()
    assert builtin != ("sha512_generic" in loaded)
    assert builtin or loaded.index("sha512_generic") < loaded.index("dm-verity")
    assert loaded.index("i6300esb") < loaded.index("virtio_blk")     # virtio itself is built into Debian 13's
    for name in ("lpc_ich", "i2c-i801", "intel_pmc_bxt"):
        assert loaded.index(name) < loaded.index("iTCO_wdt")
    # A server's BMC before its chipset, whichever is named first.
    assert loaded.index("ipmi_si") < loaded.index("ipmi_watchdog") < loaded.index("iTCO_wdt")
    assert {"iTCO_wdt", "sp5100_tco", "wdat_wdt", "hpwdt", "it87_wdt", "w83627hf_wdt", "f71808e_wdt",
            "ipmi_watchdog"} <= set(content(image, "etc/keelboot/watchdogs").decode().split())
    files = listing(image)
    for name in loaded:
        assert f"lib/modules/{name}.ko" in files


def test_renesas_hosts_of_usb_have_their_driver_since_linux_6_12(make, modules):
    """Until then xhci-pci drives them, and needs it. Since then it refuses them, and nothing needs it."""
    add_modules(modules, "kernel/u/xhci-pci.ko:\nkernel/u/xhci-pci-renesas.ko: kernel/u/xhci-pci.ko")
    assert order(make("--modules-dir", modules, "--module-set", "usb").image) == ["xhci-pci", "xhci-pci-renesas"]


SOC = "kernel/u/dwc3.ko: kernel/u/gadget.ko\nkernel/u/gadget.ko:\nkernel/u/xhci-pci.ko:\n"


@pytest.mark.parametrize("arch, loaded", [("arm64", ["xhci-pci", "gadget", "dwc3"]), ("x86", ["xhci-pci"])])
def test_what_only_a_system_on_a_chip_has_is_left_out_of_a_pc_s_image(make, modules, arch, loaded):
    """Debian 13's kernel for PCs has dwc3 as a module, but not what makes a device for it: 0.14 MB for nothing."""
    add_modules(modules, SOC)
    with open(modules / "modules.builtin", "a") as file:
        file.write(f"kernel/arch/{arch}/crypto/some.ko\n")
    assert order(make("--modules-dir", modules, "--module-set", "usb").image) == loaded
    # Whoever names it gets it.
    assert "dwc3" in order(make("--modules-dir", modules, "--module", "dwc3", name="y").image)


# ---------------------------------------------------------------- what it refuses

@pytest.mark.parametrize("option, name, says", [
    ("--module", "soft-dogg", ["module soft-dogg: not in", "near to it: softdog"]),
    ("--module-set", "virtoi", ["module set virtoi: unknown; did you mean virtio?"]),
])
def test_unknown_modules(make, modules, option, name, says):
    said = make("--modules-dir", modules, option, name, expect=1).stderr
    assert [words for words in says if words not in said] == []


@pytest.mark.parametrize("options", [
    ("--module-set=virtio,nonesuch",), ("--module-set", "virtio", "--module-set", "nonesuch"),
    ("--module-set", "virtio, nonesuch"), ("--module-set", "nonesuch", "--module", "top"),
    ("--module-set", "nonesuch", "--load-all")])
def test_an_unknown_set_is_refused_with_those_that_there_are(make, modules, options):
    said = make("--modules-dir", modules, *options, expect=1).stderr
    assert f"module set nonesuch: unknown; there are: {', '.join(sorted(kbmodules.read_sets()))}\n" in said


def test_sets_may_have_blanks_between_them(make, modules):
    assert make("-v", "--modules-dir", modules, "--module-set", " virtio , ext4 ").image.exists()


@pytest.mark.parametrize("name", ["", ",", " "])
def test_no_name_of_a_set_is_not_the_sets_by_default(make, modules, name):
    said = make("--modules-dir", modules, "--module-set", name, expect=3).stderr
    assert f"--module-set: no set is named; there are: {', '.join(sorted(kbmodules.read_sets()))}\n" in said


def test_modules_without_a_folder_is_usage(make):
    assert "need --modules-dir" in make("--module", "ext4", expect=3).stderr
    assert make("--frobnicate", expect=3).returncode == 3


def test_folder_without_depmod(make, modules, tmp_path):
    (modules / "modules.dep").unlink()
    assert f"depmod -b {tmp_path} 6.1.2" in make("--modules-dir", modules, "--module", "top", expect=1).stderr
    assert "no such folder" in make("--modules-dir", tmp_path / "x", expect=1).stderr


def test_module_file_that_is_missing_or_damaged(make, modules):
    (modules / "kernel/a/base.ko").write_bytes(b"no")
    assert "not a kernel module" in make("--modules-dir", modules, "--module", "top", expect=1).stderr
    (modules / "kernel/a/base.ko").unlink()
    result = make("--modules-dir", modules, "--module", "top", expect=1)
    assert "base.ko: No such file or directory" in result.stderr and "depmod" in result.stderr


@pytest.mark.parametrize("option", ["--init", "--helper", "--conf", "--conf-dir", "--keys", "--hooks", "--busybox"])
def test_a_missing_input_is_named(make, option, tmp_path):
    assert f"{tmp_path / 'nowhere'}: " in make(option, tmp_path / "nowhere", expect=1).stderr


def test_debug_shell_is_packed_only_when_it_is_asked_for(make):
    plain = make("--busybox", "/bin/busybox")
    assert "etc/keelboot/debug-shell" not in listing(plain.image) and "shell" not in plain.stderr
    debug = make("--busybox", "/bin/busybox", "--debug-shell")
    files = listing(debug.image)
    assert "etc/keelboot/debug-shell" in files and files["bin/sh"][5] == "/bin/busybox"
    assert "never ship this image" in debug.stderr
    assert debug.stdout.endswith("a DEBUG SHELL\n")


def test_debug_shell_needs_busybox(make):
    assert "--debug-shell needs --busybox" in make("--debug-shell", expect=3).stderr


def test_marker_of_the_debug_shell_is_the_one_that_init_looks_for():
    assert f'#define SHELL_MARKER  "/{kbimage.DEBUG_SHELL}"' in (TOP / "initramfs/shell.h").read_text()


def test_dynamic_init_is_refused(make):
    result = make(init="dynamic", expect=1)
    assert "/dynamic: needs /lib" in result.stderr and "must be linked statically" in result.stderr


def test_private_key_is_refused(make, tmp_path):
    for text, says in (KEY.replace("PUBLIC", "PRIVATE"), "acme.pem: a private key"), ("hello", "not a public key"):
        assert says in make("--keys", key_folder(tmp_path, text), expect=1).stderr
    (tmp_path / "keys/acme.pem").unlink()
    assert "no *.pem" in make("--keys", tmp_path / "keys", expect=1).stderr


# The points of Ed25519 whose order divides 8, by their y, with what is taken for 0 and 1.
FIELD = 2**255 - 19
EIGHT = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
SMALL_ORDER = (0, 1, EIGHT, FIELD - EIGHT, FIELD - 1, FIELD, FIELD + 1)


def refused(folder: Path) -> str:
    with pytest.raises(kbimage.ImageError) as error:
        kbimage.Image(kbcpio.Archive(0)).keys(folder)
    return str(error.value)


@pytest.mark.parametrize("folder", ["", "retired.d"])
def test_key_file_that_the_device_refuses_is_refused(tmp_path, folder):
    """What update/wire/keyring_pem.c and keyring_load.c refuse: in retired.d it would leave no key trusted."""
    file = tmp_path / folder / "a.pem"
    file.parent.mkdir(exist_ok=True)
    (tmp_path / "b.pem").write_text(KEY)
    end = "-----END PUBLIC KEY-----\n"
    for text in (KEY + KEY, KEY + "\0" + KEY, KEY + end, end + KEY, KEY + "-----END",
                 KEY.replace("-----END", "-----BEGIN\n-----END")):
        file.write_text(text)
        assert "a.pem: more than one key" in refused(tmp_path)
    for text in (KEY + "\0", KEY.replace("MCow", "MCo\0w"), KEY + " " * 4096, KEY.replace(end, ""),
                 KEY.replace("MCow", "MDow"), KEY.replace("GQ=", "GR="), KEY.replace("GQ=", "=GQ="),
                 KEY.replace("EUZS", "EUZSEUZS"), KEY.replace("EUZS", "EU-S"),
                 P256.replace("QgAE", "QgAD"), P256.replace("bQ==", "bR=="), P256.replace("bQ==", "bQA="),
                 P256.replace("bQ==", "bg==")):     # the last: not on the curve
        file.write_text(text)
        assert "a.pem: not a public key: expected one PEM block (-----BEGIN PUBLIC KEY-----) with an Ed25519 or " \
            "uncompressed P-256 key" in refused(tmp_path)
    for y in SMALL_ORDER:
        for sign in 0, 1 << 255:
            der = bytes.fromhex("302a300506032b6570032100") + (y | sign).to_bytes(32, "little")
            file.write_text("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode() + "\n" + end)
            assert "a.pem: not a public key" in refused(tmp_path)
    for text in "why\n" + KEY + "how\n", KEY.replace("EUZS", " E\tU\r\n\nZS"), P256, KEY + " " * (4096 - len(KEY)):
        file.write_text(text)
        kbimage.Image(kbcpio.Archive(0)).keys(tmp_path)


@pytest.mark.parametrize("folder", ["", "retired.d"])
def test_more_keys_than_a_device_takes_are_refused(tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "0.pem").write_text(KEY)
    for n in range(16):
        (tmp_path / folder / f"{n}.pem").write_text(KEY)
    kbimage.Image(kbcpio.Archive(0)).keys(tmp_path)
    (tmp_path / folder / "16.pem").write_text(KEY)
    assert "17 keys, and a device that finds more than 16 trusts none" in refused(tmp_path)
    assert f"#define KEYRING_KEYS_MAX {kbimage.KEYS_MAX}\n" in (TOP / "update/keys/keyring.h").read_text()


def test_a_program_on_a_file_system_that_runs_none_is_one(tmp_path, monkeypatch, static):
    """Mounted noexec, access(2) says no of each file; in the image they run."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    (tmp_path / "hooks/post-mount.d").mkdir(parents=True)
    shutil.copy(static / "static", tmp_path / "hooks/post-mount.d/check")
    (tmp_path / "text").touch()
    packed = kbcpio.Archive(0)
    image = kbimage.Image(packed)
    assert image.hooks(tmp_path / "hooks") == 1
    image.add(f"{static / 'static'}:/bin/tool")
    image.add(f"{tmp_path / 'text'}:/text")
    assert [path for path, _, _ in image.programs] == [f"{kbimage.HOOKS}/post-mount.d/check", "/bin/tool"]


def test_hooks_that_cannot_run_are_refused(make, tmp_path, static):
    folder = tmp_path / "hooks/post-mount.d"
    folder.mkdir(parents=True)
    hook = folder / "check"
    hook.write_text("#!/bin/sh\n")
    assert "check: not executable" in make("--hooks", tmp_path / "hooks", expect=1).stderr
    hook.chmod(0o755)
    result = make("--hooks", tmp_path / "hooks", expect=1)
    assert "needs /bin/sh" in result.stderr and "--busybox" in result.stderr
    hook.write_text("#!/usr/bin/python3\n")
    assert "needs /usr/bin/python3" in make("--hooks", tmp_path / "hooks", "--busybox", "/bin/busybox", expect=1).stderr
    shutil.copy(static / "dynamic", hook)
    assert "check: needs /lib" in make("--hooks", tmp_path / "hooks", expect=1).stderr
    shutil.copy(static / "static", hook)
    make("--hooks", tmp_path / "hooks")
    shutil.copy(static / "static", tmp_path / "hooks/stray")
    assert "stray: not a stage" in make("--hooks", tmp_path / "hooks", expect=1, name="y").stderr


def test_hooks_that_would_be_left_out_are_refused(make, tmp_path, static):
    """One more than a device runs, a longer name than it reads, a stage that it does not know."""
    folder = tmp_path / "hooks/post-mount.d"
    folder.mkdir(parents=True)
    for number in range(32):
        shutil.copy(static / "static", folder / f"{number:02}-check")
    make("--hooks", tmp_path / "hooks")
    shutil.copy(static / "static", folder / "99-check")
    assert "at most 32 hooks" in make("--hooks", tmp_path / "hooks", expect=1, name="y").stderr
    (folder / "99-check").unlink()
    (folder / "00-check").rename(folder / ("n" * 62))
    make("--hooks", tmp_path / "hooks", name="z")
    (folder / ("n" * 62)).rename(folder / ("n" * 63))
    assert "at most 62 bytes" in make("--hooks", tmp_path / "hooks", expect=1, name="y").stderr
    folder.rename(tmp_path / "hooks/postmount.d")
    result = make("--hooks", tmp_path / "hooks", expect=1, name="y")
    assert "postmount.d: not a stage" in result.stderr and "post-mount.d" in result.stderr


@pytest.mark.parametrize("place, says", [
    (":/../x", "not a path"), (":x", "expected FILE:/PATH/IN/IMAGE"), ("", "expected FILE:/PATH/IN/IMAGE"),
    (":/init", "/init: packed twice"), (":/init/x", "already packed as /init, which is no folder"),
])
def test_paths_stay_in_the_image(make, static, place, says):
    assert says in make("--add", f"{static}/static{place}", expect=1).stderr


def test_missing_compressor_names_its_package(make, tmp_path):
    (tmp_path / "bin").mkdir()
    for form, package in (("lz4", "lz4"), ("zstd", "zstd")):
        result = make("--compress", form, expect=1, env={"PATH": str(tmp_path / "bin")})
        assert f"{form}: program not found" in result.stderr
        assert f"apt-get install {package}" in result.stderr


def test_a_failure_leaves_the_old_image(make, tmp_path, static):
    out = make(name="kept").image
    before = out.read_bytes()
    call(PROGRAM, "-o", out, "--init", static / "dynamic", "--helper", static / "static", code=1)
    assert out.read_bytes() == before
    result = make(expect=1, name="no/such/folder/x")
    assert f"{result.image}: its folder {result.image.parent} is missing; create it first" in result.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o644 or os.umask(os.umask(0)) != 0o022
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_without_keys_it_says_so(make):
    assert "accepts no update" in make().stderr


def test_interpreter_of_programs_of_other_machines():
    """32 bits and big-endian: read by the ELF's own word, not by the build machine's."""
    for wide in (True, False):
        for big in (False, True):
            order_ = "big" if big else "little"
            word = 8 if wide else 4
            head = b"\x7fELF" + bytes([2 if wide else 1, 2 if big else 1, 1]) + bytes(9)
            size = 56 if wide else 32
            body = bytearray(200)
            body[:len(head)] = head

            def put(at, value, length):
                body[at:at + length] = value.to_bytes(length, order_)
            start = 64
            put(32 if wide else 28, start, word)
            put(54 if wide else 42, size, 2)
            put(56 if wide else 44, 1, 2)
            put(start, 3, 4)
            put(start + (8 if wide else 4), 150, word)
            put(start + (32 if wide else 16), 8, word)
            body[150:158] = b"/ld.so\0\0"
            assert kbimage.interpreter(bytes(body)) == "/ld.so"
            with pytest.raises(struct.error):
                kbimage.interpreter(bytes(body[:66]))
            with pytest.raises(struct.error):
                kbimage.interpreter(bytes(body[:157]))
            put(40 if wide else 32, 170, word)
            put(60 if wide else 48, 7, 4)
            bare = kbimage.strip(bytes(body))
            assert len(bare) == 158 and kbimage.interpreter(bare) == "/ld.so"
            assert not any(bare[40 if wide else 32:][:word])
            assert not any(bare[60 if wide else 48:][:4])
            put(start, 1, 4)
            assert kbimage.interpreter(bytes(body)) == ""
    assert kbimage.interpreter(b"#! /bin/sh -e\nexit\n") == "/bin/sh"
    assert kbimage.interpreter(b"#!\n") == ""
    assert kbimage.interpreter(b"text") == ""


def test_shipped_checks_come_with_what_they_need(make, tmp_path):
    wanted = tmp_path / "list"
    wanted.write_text("/usr/bin/app\n")
    image = make("--check", "filesystem", "--check", f"required-files={wanted}", "--busybox", "/bin/busybox").image
    files = listing(image)
    assert files["usr/lib/keelboot/hooks/pre-mount.d/20-filesystem"][0] == "-rwxr-xr-x"
    assert files["usr/lib/keelboot/hooks/post-mount.d/20-required-files"][0] == "-rwxr-xr-x"
    assert files["usr/lib/keelboot/checks.sh"][0] == "-rw-r--r--"
    assert content(image, "etc/keelboot/checks/required-files") == b"/usr/bin/app\n"
    assert "etc/keelboot/checks/filesystem" not in files


@pytest.mark.parametrize("check, says", [
    ("nonesuch", "expected one of filesystem, free-space,"), ("required-files", "--check required-files=FILE"),
    ("filesystem", "add --busybox"), ("free-space=/proc/none", "/proc/none: No such file"),
])
def test_checks_that_cannot_be_packed_are_refused(make, check, says):
    assert says in make("--check", check, expect=1).stderr
