# SPDX-License-Identifier: Apache-2.0
"""The command line of a machine, shared by the tools here."""

import argparse
import os
import re
from pathlib import Path

import kbkernel
from drives import Drive, DriveError, Fault
from kbdisk import DiskError, parse_size, partition
from kbusage import called
from machine import Machine

DRIVES = """\
A drive is FILE or FILE,OPTION,...:
  name=ID  serial=TEXT  ro  fixed (a usb disk that is not removable)  sector=4096  format=qcow2
  unplugged           usb: known, but plugged in later
  bps=2M  iops=100    throttled
  log=FILE            every write to a log (blklogwrites)
  fault=KIND[@WHERE]  EIO for each read, write, write-zeroes, discard or flush;
                      WHERE is OFFSET+LENGTH or the name of a partition
"""


def _fault(text: str, file: str) -> Fault:
    kind, at, where = text.partition("@")
    if not at:
        return Fault(kind)
    offset, plus, length = where.partition("+")
    start, size = (parse_size(offset), parse_size(length)) if plus else partition(file, where)
    return Fault(kind, start, size)


def parse_drive(bus: str, text: str) -> Drive:
    """A Drive from what stands behind --disk, --usb, --sd, --nvme."""
    file, *options = text.split(",")
    fields = {"file": file, "bus": bus}
    for option in options:
        key, _, value = option.partition("=")
        if key in ("name", "serial", "format", "log"):
            fields[key] = value
        elif key in ("bps", "iops", "sector"):
            fields[key] = parse_size(value)
        elif key == "fault":
            fields["faults"] = (*fields.get("faults", ()), _fault(value, file))
        elif key in ("ro", "fixed", "unplugged"):
            fields.update({"ro": {"readonly": True}, "fixed": {"removable": False},
                           "unplugged": {"plugged": False}}[key])
        else:
            raise DriveError(f"drive {file}: no option {key!r}; see --help")
    return Drive(**fields)


class _AddDrive(argparse.Action):
    """--disk, --usb and so on share one list: the command line's order is the machine's."""

    def __call__(self, parser, namespace, value, option_string=None):
        bus = {"--disk": "virtio"}.get(option_string, option_string.lstrip("-"))
        try:
            before = getattr(namespace, "drives", None) or []
            namespace.drives = [*before, parse_drive(bus, value)]
        except (DriveError, DiskError) as error:
            parser.error(str(error))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kernel", type=Path,
                        help=f"bzImage or ELF (default: Debian's, see {called('kernel')})")
    parser.add_argument("--initrd", type=Path)
    parser.add_argument("--append", default="", help="kernel command line; console=ttyS0 is added")
    parser.add_argument("--memory", type=int, default=256, help="MiB (default: %(default)s)")
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--cpu", default="")
    parser.add_argument("--accel", default="tcg", help="tcg (default) or kvm")
    for bus, text in (("--disk", "virtio disk"), ("--nvme", "NVMe disk"), ("--sd", "SD card"),
                      ("--usb", "USB stick")):
        parser.add_argument(bus, action=_AddDrive, dest="drives", metavar="FILE[,OPTION...]",
                            help=text)
    parser.add_argument("--watchdog", action="store_true",
                        help="an i6300esb that resets the machine")
    parser.add_argument("--firmware", default="qboot.rom",
                        help='default: %(default)s; "" for SeaBIOS, which may reset repeatedly')
    parser.add_argument("--log", type=Path, help="append the console to this file")
    parser.add_argument("--qemu-arg", action="append", default=[], metavar="ARG",
                        help="one more argument for QEMU (--qemu-arg=-snapshot)")


def check(parser: argparse.ArgumentParser, args) -> None:
    """Debian's kernel alone would only panic."""
    if not (args.kernel or args.initrd or args.drives):
        parser.error("nothing to boot: missing option: --initrd FILE, --disk FILE, or a --kernel FILE "
                     "with its initramfs inside")


def make(args, **more) -> Machine:
    """The machine that the arguments describe. Fetches Debian's kernel if none is named."""
    kernel = args.kernel or kbkernel.get().vmlinux
    return Machine(os.fspath(kernel), args.initrd, args.append, drives=args.drives or (),
                   memory=args.memory, smp=args.smp, cpu=args.cpu, accel=args.accel,
                   watchdog=args.watchdog, log=args.log, extra=args.qemu_arg,
                   firmware=args.firmware, **more)


def regex(text: str):
    """A compiled pattern; ValueError says what is wrong with it."""
    try:
        return re.compile(text, re.M)
    except re.error as error:
        raise ValueError(f"pattern {text!r}: {error}") from None
