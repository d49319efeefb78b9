# SPDX-License-Identifier: Apache-2.0
"""A whole device in a folder: key, systems, bundles, initramfs, disk. What the demo plays with, and a pattern
for a device of your own."""

import hashlib
import os
from pathlib import Path

import kbkernel
import kbtools
from kbdisk import Disk, Ext4, mkext4
from kbroot import mkroot
from kbtools import run
from boards import BOARDS
from machine import Machine
from drives import Drive

COMPATIBLE = "demo-board"
MODULES = ("virtio", "usb", "sd", "nvme", "ext4", "vfat", "watchdog")
FACTORY = ("--slots", "2", "--good", "a")
CONF = """\
# What this device is. `man 5 keelboot-system.conf` lists every key.
[system]
compatible={compatible}
# QEMU's i6300esb tells a reset by the watchdog, though it does not announce it: good slots need no counting.
count={count}
tries={tries}

[state]
partition=PARTLABEL=keelboot-state

[slot.a]
root=PARTLABEL=root-a

[slot.b]
root=PARTLABEL=root-b

[source.data]
partition=PARTLABEL=data

[source.media]
enabled=yes
# A machine that is emulated without help of the processor is slow to find what is plugged in.
settle=2s

[watchdog]
timeout={watchdog}
"""
# The boot script of a system: what a real one does in its units.
BOOT = """\
#!/bin/sh
data=$(sed -n 's/^data //p' /run/keelboot/devices)
[ -n "$data" ] && mount -t ext4 -o nosuid,nodev "$data" /data
grep -q watchdog=off /proc/cmdline || [ ! -c /dev/watchdog0 ] || watchdog -T {watchdog} -t 1 /dev/watchdog0
echo "system {version} is up on slot $(cat /run/keelboot/slot)"
{verdict}
echo "system {version} is ready"
"""
# A system that touches no disk at all: what a boot of Keelboot alone writes is seen there.
STILL = """\
#!/bin/sh
grep -q watchdog=off /proc/cmdline || [ ! -c /dev/watchdog0 ] || watchdog -T {watchdog} -t 1 /dev/watchdog0
echo "system {version} is up on slot $(cat /run/keelboot/slot)"
keelboot mark good
echo "system {version} is ready"
"""
HANG = """\
#!/bin/sh
echo "system {version}: init hangs"
while :; do sleep 1000; done
"""
EXIT = "#!/bin/sh\necho 'system {version}: init ends'\nexit 1\n"
PANIC = "#!/bin/sh\necho 'system {version}: init panics'\nmount -t proc proc /proc\necho c > /proc/sysrq-trigger\n"
INITS = {"hang": HANG, "exit": EXIT, "panic": PANIC}
VERDICTS = {"ok": "keelboot mark good", "health": "keelboot health", "nomark": ": # waits for a person"}


class Device:
    """Makes what it is asked for below `work`, once: the same question gives the same file."""

    def __init__(self, work, *, build=None, compatible=COMPATIBLE, watchdog=8, tries=3, count="never",
                 conf="", slot_size="40M", data_size="96M", kernel=None, arch="amd64"):
        self.work = Path(work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.arch = arch
        # The programs of the boot; the command lies beside them, or where it was installed.
        self.build = Path(build) if build else kbtools.find("keelboot-helper").parent
        self.keelboot = self.build / "keelboot" if build else kbtools.find("keelboot")
        # What goes onto the device: of another processor's, it does not run here.
        self.board = BOARDS[arch]
        self.target = self.build / self.board.build
        self.busybox = kbtools.TREE / self.board.busybox
        self.sysroot = kbtools.TREE / "build/sysroot" / self.board.processor
        self.compatible = compatible
        self.watchdog = watchdog
        self.conf = conf or CONF.format(compatible=compatible, watchdog=watchdog, tries=tries, count=count)
        self.other_kernel = kernel
        self.slot_size = slot_size
        self.data_size = data_size

    @property
    def kernel(self) -> kbkernel.Kernel:
        """Debian's own, if it was not given another."""
        return self.other_kernel or kbkernel.get(arch=self.board.processor)

    def key(self, name="dev", kind="ed25519") -> Path:
        """The private key NAME.key; its public half NAME.pem is trusted when it lies in the folder keys/."""
        keys = self.work / "keys"
        keys.mkdir(exist_ok=True)
        private = self.work / f"{name}.key"
        if not private.exists():
            run(self.keelboot, "key", "generate", "--type", kind, "-o", self.work / name)
            (self.work / f"{name}.pem").rename(keys / f"{name}.pem")
        return private

    def stripped(self, name: str) -> Path:
        """A program without what only a debugger reads, as a device would have it."""
        out = self.work / name
        if not out.exists():
            run(f"{self.board.binutils}strip", "-o", out, self.target / name)
        return out

    def system(self, version: str, kind: str = "ok", files=None, size="24M", links=None) -> Path:
        """An ext4 image of a tiny system. kind: ok (marks itself good), health (by its checks), nomark, still (like ok,
        but mounts nothing), hang, exit, panic, noinit."""
        image = self.work / f"root-{version}-{kind}.img"
        if image.exists():
            return image
        tree = self.work / f"root-{version}-{kind}"
        files = dict(files or {})
        files["usr/bin/keelboot"] = self.stripped("keelboot")
        files["usr/lib/keelboot/keelboot-helper"] = self.stripped("keelboot-helper")
        files["etc/keelboot/system.conf"] = self.conf
        self.key()
        files["etc/keelboot/keys"] = self.work / "keys"
        if kind in INITS:
            files["sbin/init"] = INITS[kind].format(version=version)
        boot = (STILL if kind == "still" else BOOT).format(version=version, verdict=VERDICTS.get(kind, ":"),
                                                           watchdog=max(self.watchdog, 20))
        mkroot(tree, name="Demo", version=version, boot=boot, files=files, links=links,
               tty=self.board.console, busybox=str(self.busybox))
        if kind == "noinit":
            (tree / "sbin/init").unlink()
        mkext4(image, size, tree, label="root", seed=f"root-{version}-{kind}")
        return image

    def bundle(self, version: str, kind: str = "ok", *, image=None, sequence=None, name="", options=()) -> Path:
        """A signed bundle of a system; the sequence defaults to the version's major number."""
        asked = repr((version, kind, image, sequence, options)).encode()
        folder = self.work / "bundles" / hashlib.sha256(asked).hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        out = folder / f"{name or f'{version}-{kind}'}.keel"
        if not out.exists():
            image = image or self.system(version, kind)
            sequence = int(version.split(".")[0]) if sequence is None else sequence
            if "--compatible" not in options:
                options = ("--compatible", self.compatible, *options)
            run(self.keelboot, "bundle", "create", "-o", out, "--version", version, "--sequence", sequence,
                "--image", f"root={image}", "--key", self.key(), *options)
        return out

    def initramfs(self, *options, name="initramfs", modules=MODULES) -> Path:
        """The initramfs with this device's system.conf and keys."""
        out = self.work / f"{name}.img"
        if not out.exists():
            conf = self.work / f"{name}.conf"
            conf.write_text(self.conf)
            self.key()
            names = ",".join(dict.fromkeys((*self.board.sets, *modules)))
            sets = ("--modules-dir", self.kernel.modules, "--module-set", names) if modules else ()
            run(kbtools.find("mkinitramfs"), "-o", out, "--programs", self.target, "--conf", conf,
                "--keys", self.work / "keys", *sets, *options)
        return out

    def state(self, *options, name="state") -> Path:
        """The factory's first state: a partition image. Options are those of `keelboot state init`."""
        out = self.work / f"{name}.img"
        out.unlink(missing_ok=True)
        with open(out, "wb") as file:
            file.truncate(16 << 20)
        run(self.keelboot, "state", "init", *options, out)
        return out

    def disk(self, a=None, b=None, *, state=FACTORY, data=None, name="disk", sector=512) -> Path:
        """A disk with state, data and two slots. a, b: images or None; state: options, a file, or None (blank)."""
        path = self.work / f"{name}.img"
        path.unlink(missing_ok=True)
        content = self.state(*state, name=f"{name}-state") if isinstance(state, (list, tuple)) else state
        tree = self.work / f"{name}-data"
        for file, source in (data or {}).items():
            target = tree / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(Path(source).read_bytes())
        tree.mkdir(exist_ok=True)
        disk = Disk(self.board.card or None, sector=sector, seed=name)
        disk.add("keelboot-state", "16M", content)
        disk.add("data", self.data_size, Ext4(tree, label="data"))
        disk.add("root-a", self.slot_size, a)
        disk.add("root-b", self.slot_size, b)
        disk.build(path)
        return path

    def device_tree(self):
        """The kernel's own, or one that is made anew; None where QEMU makes it."""
        if not self.board.dtb.endswith(".dts"):
            return self.kernel.dtb(self.board.dtb) if self.board.dtb else None
        out = self.work / f"{self.arch}.dtb"
        new = out.with_suffix(f".{os.getpid()}")
        run("dtc", "-O", "dtb", "-o", new, Path(__file__).with_name(self.board.dtb))
        return new.rename(out)

    def machine(self, disk, *, drives=(), bus="", append="", initrd=None, watchdog=True, memory=256, log=None,
                faults=(), bps=0, **options) -> Machine:
        """The device, switched off: use it in a `with`. disk None: it has none."""
        own = [Drive(disk, bus=bus or self.board.bus, name="disk", faults=tuple(faults), bps=bps)] if disk else []
        options = {"arch": self.arch, "kernel": self.kernel.vmlinux, "dtb": self.device_tree(), **options}
        return Machine(options.pop("kernel"), initrd or self.initramfs(),
                       f"quiet gpt {self.board.words} loglevel=6 {append}".strip(),
                       drives=[*own, *drives], memory=memory, watchdog=watchdog,
                       log=log or os.path.join(self.work, "console.log"), **options)
