# SPDX-License-Identifier: Apache-2.0
"""Whole Debian systems in the slots, and the initramfs that a distribution's own generator makes."""

import contextlib
import dataclasses
import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import kbkernel
from conftest import Bench, Shared, images
from kbdevice import run
from kbdisk import mkext4
from kbroot import add_file

TOP = Path(__file__).resolve().parents[2]
WORK = TOP / "build/distro"
SLOT = "230M"
# Half of a Debian, which no boot looks at.
SPARE = ("usr/share/perl", "usr/lib/x86_64-linux-gnu/perl", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/udev/hwdb.d",
         "usr/lib/udev/hwdb.bin", "usr/share/zoneinfo", "var/lib/dpkg/info")
MEMORY = 640
CONF = """\
[system]
compatible=debian-board
tries=2
commit-deadline=200
[source.data]
partition=PARTLABEL=data
[source.media]
settle=2s
[rescue]
wait=20
[watchdog]
timeout=60
"""
UP = """\
#!/bin/sh
echo "system {version} is up on slot $(cat /run/keelboot/slot 2>/dev/null)" >/dev/console
{verdict}
echo "system {version} is ready" >/dev/console
"""
UNIT = """\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/etc/up
[Install]
WantedBy=multi-user.target
"""
CLEAN = TOP / "hooks/system/keelboot-clean.service"
SHELL = """\
[Unit]
DefaultDependencies=no
After=sysinit.target
[Service]
ExecStart=/bin/sh
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Restart=always
RestartSec=1
"""
EXIT = "#!/bin/sh\necho 'system {version}: init ends' >/dev/console\nexit 1\n"
HANG = "#!/bin/sh\necho 'system {version}: init hangs' >/dev/console\nwhile :; do sleep 1000; done\n"
INITS = {"hang": HANG, "exit": EXIT}
FSTAB = "LABEL=root / ext4 errors=remount-ro 0 1\nPARTLABEL=data /data ext4 defaults 0 2\n"
WANTS = "etc/systemd/system/multi-user.target.wants"
FILES = {
    "systemd": {"etc/systemd/system/up.service": UNIT, "etc/systemd/system/keelboot-clean.service": CLEAN,
                "etc/systemd/system/shell.service": SHELL},
    "sysvinit": {"etc/down": "#!/bin/sh\nkeelboot mark clean\n"},
}
LINKS = {"systemd": {**{f"{WANTS}/{name}.service": f"../{name}.service" for name in ("up", "keelboot-clean", "shell")},
                     "etc/systemd/system/serial-getty@ttyS0.service": "/dev/null"},
         "sysvinit": {}}
INITTAB = ("dn:06:wait:/etc/down\n", "up:2:once:/etc/up\nsh:2:respawn:/bin/sh </dev/ttyS0 >/dev/ttyS0 2>&1\n")


class DebianDevice(Shared):
    """Its systems are Debian's, of that suite; `init` says with which."""

    def __init__(self, work: Path, init: str, suite: str):
        super().__init__(work, conf=CONF, compatible="debian-board", slot_size=SLOT, data_size="200M")
        self.init, self.suite = init, suite

    def debian(self) -> Path:
        base = TOP / "build/debian" / (self.init if self.suite == "bookworm" else f"{self.init}-{self.suite}")
        run(TOP / "qemu/mkdebianroot", "--from", kbkernel.mirror(), "--suite", self.suite, self.init, base)
        return base

    def system(self, version: str, kind: str = "ok", files=None, size="200M") -> Path:
        image = self.work / f"root-{version}-{kind}.img"
        if image.exists():
            return image
        base, tree = self.debian(), self.work / f"tree-{version}-{kind}"
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run(["cp", "-a", base, tree], check=True)
        run("rm", "-rf", *(tree / name for name in SPARE))
        self.key()
        verdict = ": # nobody marks it good" if kind in INITS else "keelboot mark good"
        files = {"usr/bin/keelboot": self.stripped("keelboot"),
                 "usr/lib/keelboot/keelboot-helper": self.stripped("keelboot-helper"),
                 "usr/lib/keelboot/keelboot-overlay": self.stripped("keelboot-overlay"),
                 "etc/keelboot/system.conf": self.conf, "etc/keelboot/keys": self.work / "keys",
                 "etc/fstab": FSTAB if kind == "fstab" else "",
                 "etc/up": UP.format(version=version, verdict=verdict), **FILES[self.init], **(files or {})}
        if kind in INITS:
            # systemd in an initramfs starts the systemd of the root, whatever its /sbin/init is.
            for init in ("usr/sbin/init", "usr/lib/systemd/systemd"):
                files[init] = INITS[kind].format(version=version)
        for path, source in files.items():
            add_file(tree, path, source)
        if self.init == "sysvinit":
            inittab = tree / "etc/inittab"
            inittab.write_text(inittab.read_text().join(INITTAB))
        for path, target in LINKS[self.init].items():
            (tree / path).unlink(missing_ok=True)
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).symlink_to(target)
        (tree / "data").mkdir(exist_ok=True)
        mkext4(image.with_suffix(".new"), size, tree, label="root", seed=f"{version}-{kind}")
        shutil.rmtree(tree)
        image.with_suffix(".new").rename(image)
        return image


@contextlib.contextmanager
def debian_bench(folder: Path, init: str = "systemd", suite: str = "bookworm"):
    with images(f"-{suite}-{init}") as work:
        yield Bench(DebianDevice(work, init, suite), folder)
    for path in folder.glob("*.img"):
        path.unlink()


# ---------------------------------------------------------------- the initramfs

def glue() -> list:
    """What goes into an initramfs besides the programs."""
    files = (path for name in ("dracut", "initramfs-tools", "lib", "mkinitcpio", "mkosi-initrd", "systemd")
             for path in (TOP / "hooks" / name).rglob("*"))
    return sorted(path.read_text() for path in files if path.is_file())


def make_tree(tree: Path, packages: str, *suites: str) -> None:
    """A Debian in a folder, of the first suite, unless it is there."""
    if (tree / "etc/debian_version").exists():
        return
    fresh = tree.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)    # of a run that was ended
    tree.parent.mkdir(parents=True, exist_ok=True)
    # Some mount of it may be left.
    run("unshare", "-m", "mmdebstrap", "--variant=minbase", f"--include={packages}",
        "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--aptopt=Acquire::Languages \"none\"", suites[0], fresh,
        *(f"deb {kbkernel.mirror()} {suite} main" for suite in suites))
    fresh.rename(tree)


@dataclasses.dataclass(frozen=True)
class Target:
    """A generator: the packages of the system that runs it, what `make` installs there, and its command. Its slots
    hold systems of the same suite. dynamic: with the programs that Debian's packages put into an initramfs; else with
    those of `make install-…`. append: what its devices need in their command lines. lacks: what it wants, and is not
    here."""
    name: str
    packages: str
    install: str
    command: str
    files: tuple = ()
    suite: str = "bookworm"
    more_suites: tuple = ()
    init: str = "systemd"
    dynamic: bool = True
    append: str = ""
    lacks: str = ""

    @property
    def kind(self) -> str:
        """The target of which it is a variant with another init in its slots."""
        return self.name.removesuffix("-sysvinit")

    def tree(self) -> Path:
        """A Debian that has the generator and Keelboot's glue. Targets share it, so all is installed anew."""
        tree = WORK / hashlib.sha256((self.packages + self.suite).encode()).hexdigest()[:8]
        make_tree(tree, self.packages, self.suite, *self.more_suites)
        self.install_glue(tree)
        return tree

    def install_glue(self, tree: Path) -> None:
        for how in ((), ("DYNAMIC=1",)) if self.dynamic else ((),):
            run("make", "-s", "-C", TOP, *how, self.install, f"DESTDIR={tree}")

    def initramfs(self, device: Shared, *, conf: str = "", files=None, name: str = "") -> Path:
        """Made in the tree, with the device's configuration; files: more, or None to take one away."""
        conf = conf or device.conf
        WORK.mkdir(parents=True, exist_ok=True)
        files = {**dict(self.files), **(files or {})}
        unique = hashlib.sha256(repr((conf, sorted(map(str, files.items())), glue())).encode()).hexdigest()[:10]
        out = device.work / f"{self.name}-{name}{unique}.img"
        with open(WORK / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not out.exists():
                self._make(device, conf, files, out)
        return out

    def _make(self, device: Shared, conf: str, files: dict, out: Path) -> None:
        tree, kernel = self.tree(), kbkernel.get()
        for folder in ("etc/keelboot", TO_SHELL, "etc/initramfs-tools/scripts/local-premount",
                       "etc/initramfs-tools/hooks", "etc/dracut.conf.d", "etc/cryptsetup-initramfs", "etc/mdadm",
                       "etc/mkinitcpio.conf.d", "etc/mkosi-initrd", TO_MKOSI):
            shutil.rmtree(tree / folder, ignore_errors=True)
        for name in ("etc/crypttab", "etc/default/keelboot"):
            (tree / name).unlink(missing_ok=True)
        device.key()
        for path, source in {"etc/keelboot/system.conf": conf, "etc/keelboot/keys": device.work / "keys",
                             **files}.items():
            if source is None:
                (tree / path).unlink(missing_ok=True)
            else:
                add_file(tree, path, source)
        modules = tree / "lib/modules" / kernel.version
        modules.mkdir(parents=True, exist_ok=True)
        for name in ("config", "vmlinuz"):
            shutil.copy(kernel.bzimage.with_name(f"{name}-{kernel.version}"), tree / "boot")
        # A root that is mounted is one that mkosi can leave for its own.
        script = f"""
            set -e
            mount --bind {tree} {tree}
            mount --bind {kernel.modules} {modules}
            mount -t proc proc {tree}/proc
            mount -t sysfs sysfs {tree}/sys
            mount --rbind /dev {tree}/dev
            chroot {tree} /bin/sh -c 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin; {self.command.format(
                out="/initramfs.img", version=kernel.version)} 2>&1'
        """
        said = run("unshare", "-m", "sh", "-c", script)
        assert "input contains a loop" not in said, said
        shutil.move(tree / "initramfs.img", out)


IT = Target("initramfs-tools",
            "systemd-sysv,udev,kmod,initramfs-tools,busybox,zstd,mawk,lvm2,cryptsetup-initramfs,mdadm",
            "install-initramfs-tools",
            "mkinitramfs -o {out} {version}", (("etc/initramfs-tools/conf.d/quick", "COMPRESSLEVEL=1\n"),))
DRACUT = "systemd-sysv,udev,kmod,dracut,zstd,mawk,lvm2,cryptsetup-bin,mdadm"
GENERIC = 'dracut --force --no-hostonly --compress "zstd -1"'
DRACUT_SYSTEMD = Target("dracut-systemd", DRACUT, "install-dracut",
                        f"{GENERIC} --add systemd-initrd {{out}} {{version}}")
DRACUT_SHELL = Target("dracut-shell", DRACUT, "install-dracut",
                      f'{GENERIC} --omit "systemd systemd-initrd dracut-systemd" {{out}} {{version}}')
# It installs packages; and where it runs, the kernel may have no modules, so no list of them.
MKOSI = Target("mkosi-initrd", "systemd-sysv,udev,kmod,mawk,zstd,mkosi", "install-mkosi-initrd",
               "apt-get -qq update && mkdir -p /usr/lib/firmware && "
               "sed -i s,/proc/modules,/dev/null, /usr/lib/python3/dist-packages/mkosi/kmod.py && "
               "mkosi-initrd --kernel-version {version} --kernel-image /boot/vmlinuz-{version} -O / "
               "-o $(basename {out})",
               (("etc/resolv.conf", Path("/etc/resolv.conf")),), suite="trixie")
TARGETS = {target.name: target for target in (IT, DRACUT_SYSTEMD, DRACUT_SHELL)}


def variants(suffix: str, **changes) -> list:
    return [dataclasses.replace(target, name=f"{target.name}-{suffix}", **changes) for target in TARGETS.values()]


def newer(target: Target, name: str, packages: str, **changes) -> Target:
    return dataclasses.replace(target, name=name, packages=packages, **changes)


# dracut 106 is in Debian 13, and in the backports for Debian 12.
DRACUT_13 = f"{DRACUT},systemd-cryptsetup"
BACKPORTED = DRACUT.replace("dracut", "dracut/bookworm-backports,dracut-core/bookworm-backports")
SYSVINIT = variants("sysvinit", init="sysvinit", dynamic=False)
DEBIAN_13 = [newer(IT, "initramfs-tools-13", IT.packages, suite="trixie"),
             newer(DRACUT_SYSTEMD, "dracut-106-systemd", DRACUT_13, suite="trixie"),
             newer(DRACUT_SHELL, "dracut-106-shell", DRACUT_13, suite="trixie")]
BACKPORTS = [newer(DRACUT_SYSTEMD, "dracut-106-backports-systemd", BACKPORTED, more_suites=("bookworm-backports",)),
             newer(DRACUT_SHELL, "dracut-106-backports-shell", BACKPORTED, more_suites=("bookworm-backports",))]
ALL = [*TARGETS.values(), MKOSI, *SYSVINIT, *DEBIAN_13, *BACKPORTS]

# ---------------------------------------------------------------- a distribution that misbehaves

# With the root of slot b only: else no slot could be booted.
SAY_HANG = "read -r slot </run/keelboot/slot; [ x$slot != xb ] || " \
           "{ echo 'a hook of the distribution hangs' >/dev/console; while :; do sleep 1000; done; }"
TO_MKOSI = "usr/local/lib/mkosi-initrd"
TO_SHELL = "usr/lib/dracut/modules.d/60mischief"
SETUP = "#!/bin/bash\ncheck() {{ return 0; }}\ndepends() {{ :; }}\ninstall() {{\n{install}\n}}\n"
UNIT_HANG = "[Unit]\nDefaultDependencies=no\nAfter=keelboot-select.service\nBefore=sysroot.mount\n[Service]\n" \
            f"Type=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sh -c \"{SAY_HANG}\"\n"
# What systemd mounts at /sysroot is made anew behind Keelboot's choice.
UNIT_MISLEAD = "[Unit]\nDefaultDependencies=no\nAfter=keelboot-select.service\nBefore=sysroot.mount\n[Service]\n" \
               "Type=oneshot\nExecStart=/bin/sh -c \"read slot </run/keelboot/slot; [ $slot != b ] || " \
               "ln -sf /dev/null /run/keelboot/root\"\n"
SHELL_MISLEAD = "read keelboot_slot </run/keelboot/slot; [ $keelboot_slot != b ] || mount() { return 32; }\n"
IT_MISLEAD = "#!/bin/sh\n[ \"${1-}\" != prereqs ] || exit 0\nread slot </run/keelboot/slot\n" \
             "[ $slot != b ] || echo ROOTFLAGS=\"'-o nonsense'\" >>/conf/param.conf\n"


def unit(text: str) -> dict:
    """A module of dracut with a unit for its systemd."""
    install = "inst_simple $moddir/mischief.service /etc/systemd/system/mischief.service\n" \
              "mkdir -p $initdir/etc/systemd/system/initrd-root-fs.target.requires\n" \
              "ln -s ../mischief.service $initdir/etc/systemd/system/initrd-root-fs.target.requires/"
    return {f"{TO_SHELL}/module-setup.sh": SETUP.format(install=install), f"{TO_SHELL}/mischief.service": text}


def extra(text: str) -> dict:
    """The same unit, for mkosi-initrd."""
    folder = "etc/mkosi-initrd/mkosi.extra/etc/systemd/system"
    return {f"{folder}/mischief.service": text,
            f"{folder}/initrd-root-fs.target.d/mischief.conf": "[Unit]\nRequires=mischief.service\n"}


def hook(point: str, text: str) -> dict:
    """A module of dracut with a hook."""
    return {f"{TO_SHELL}/module-setup.sh": SETUP.format(install=f"inst_hook {point} $moddir/mischief.sh"),
            f"{TO_SHELL}/mischief.sh": f"#!/bin/sh\n{text}\n"}


def script(text: str) -> dict:
    return {"etc/initramfs-tools/scripts/local-premount/mischief": text}


# A library that got no room, say.
SPOIL = "printf '#!/nothing\\n' >{}/usr/lib/keelboot/keelboot-select"
SPOILS = {"initramfs-tools": {"etc/initramfs-tools/hooks/zz-spoils": f"""\
#!/bin/sh
[ "${{1-}}" = prereqs ] || {SPOIL.format("$DESTDIR")}
"""}, **{f"dracut-{init}": {f"{TO_SHELL}/module-setup.sh": SETUP.format(install=SPOIL.format("$initdir"))}
         for init in ("systemd", "shell")},
          # mkosi runs nothing of /etc.
          "mkosi-initrd": {f"{TO_MKOSI}/mkosi.finalize": f"#!/bin/sh\n{SPOIL.format('$BUILDROOT')}\n"}}
REFUSES = hook("cmdline 50", 'die "a module of the distribution refuses"')
HANGS = {"initramfs-tools": script(f"#!/bin/sh\n[ \"${{1-}}\" != prereqs ] || exit 0\n{SAY_HANG}\n"),
         "dracut-systemd": unit(UNIT_HANG), "dracut-shell": hook("pre-pivot 10", SAY_HANG),
         "mkosi-initrd": extra(UNIT_HANG)}
MISLEADS = {"initramfs-tools": script(IT_MISLEAD), "dracut-systemd": unit(UNIT_MISLEAD),
            "mkosi-initrd": extra(UNIT_MISLEAD),
            "dracut-shell": hook("mount 09", 'if [ "$root" = keelboot ] && /usr/lib/keelboot/keelboot-select choose; '
                                 f"then\n{SHELL_MISLEAD}fi")}
