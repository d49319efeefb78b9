# SPDX-License-Identifier: Apache-2.0
"""Whether KVM works here: a machine is started with it, and must say something. A /dev/kvm proves nothing."""

import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import images
from kbusage import remedy
from machine import ExpectError, MachineError

QEMU = "qemu-system-x86_64"
SIZE = 65536        # bytes of the smallest firmware; a processor begins 16 bytes before its end
# mov dx, 0x3f8; mov al, 'K'; out dx, al; 1: hlt; jmp 1b
CODE = bytes.fromhex("baf803b04beef4ebfd")
LIMIT = 10.0        # seconds
# With KVM a kernel speaks within one second, behind UEFI's firmware within ten.
KERNEL_LIMIT, FIRMWARE_LIMIT = 10.0, 45.0
LOUD = "earlyprintk=ttyS0 ignore_loglevel"


class NoQemu(Exception):
    """There is no QEMU, or it does not run at all."""


def speaks(accel: str, qemu: str = QEMU, limit: float = LIMIT) -> str:
    """Starts the machine; "" if it spoke, else why it did not."""
    with tempfile.TemporaryDirectory(prefix="keelboot-accel-") as folder:
        firmware = Path(folder) / "firmware"
        firmware.write_bytes((bytes(SIZE - 16) + CODE).ljust(SIZE, b"\0"))
        command = [qemu, "-accel", accel, "-m", "16", "-nodefaults", "-display", "none", "-bios", str(firmware),
                   "-serial", "stdio"]
        with open(Path(folder) / "said", "wb") as errors:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        timer = _Killer(process, limit)
        try:
            said = process.stdout.read(1)
        finally:
            timer.stop()
        if said == b"K":
            return ""
        text = (Path(folder) / "said").read_text(errors="replace").strip().splitlines()
        return text[-1][-200:] if text else f"the machine said nothing in {limit:g} s"


class _Killer:
    """Ends the process when its time is over, or when it is not needed any more."""

    def __init__(self, process, limit: float):
        self._process = process
        self._timer = threading.Timer(limit, process.kill)
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def choose(wanted: str, qemu: str = QEMU) -> tuple:
    """(accelerator, why it is not KVM or ""); wanted: auto, kvm or tcg. NoQemu if what was asked for does not run."""
    if not shutil.which(qemu):
        raise NoQemu(f"{qemu}: not found; {remedy('run')} (Debian: qemu-system-x86)")
    if wanted == "auto":
        why = speaks("kvm", qemu)
        if not why:
            return "kvm", ""
    else:
        why = ""
        wanted_why = speaks(wanted, qemu)
        if wanted_why:
            raise NoQemu(f"--accel {wanted}: {wanted_why}")
        return wanted, ""
    broken = speaks("tcg", qemu)
    if broken:
        raise NoQemu(f"{qemu}: does not run: {broken}")
    return "tcg", why


def kernel_speaks(subject, folder: Path) -> str:
    """Starts what is tested with KVM; "" if its kernel spoke, else why KVM is not used. Where virtual machines are
    nested, a few instructions may run and a kernel hang."""
    disk, append = images.overlay(subject.disk, folder / "kvm.qcow2"), subject.append
    limit = KERNEL_LIMIT if subject.kernel else FIRMWARE_LIMIT
    subject.append = f"{LOUD} {append}"
    try:
        vm = subject.machine(disk)
        with vm:
            vm.expect(r"^\[ *\d+\.\d{6}\]|Linux version|keelboot|login:", limit)
        return ""
    except ExpectError:
        return f"the kernel says nothing in {limit:g} s"
    except MachineError as error:
        return str(error).splitlines()[-1][-200:]
    finally:
        subject.append = append
        disk.unlink()
