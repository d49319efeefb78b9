# SPDX-License-Identifier: Apache-2.0
"""A person at a machine's serial console."""

import os
import select
import sys
import termios
import tty
from contextlib import contextmanager

from machine import DriveError, Machine, MachineError, QmpError

ESCAPE = b"\x1d"        # Ctrl-], as in telnet: shells and editors leave it alone
HELP = """\
Ctrl-] and then: q  leave, machine off        c  power cut, and on again
                 r  reset button              b  power button
                 u  plug or unplug a USB stick  s  writes to each disk so far
                 k  Ctrl-Alt-Del              ?  this help
"""


@contextmanager
def _raw_terminal(fd: int):
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _say(text: str) -> None:
    sys.stdout.write("\r\n" + text.strip().replace("\n", "\r\n") + "\r\n")
    sys.stdout.flush()


def _sticks(vm: Machine, plugged: set) -> None:
    names = [drive.name for drive in vm.drives.values() if drive.bus == "usb"]
    if not names:
        _say("[no USB drives; start with --usb FILE]")
    for name in names:
        if name in plugged:
            vm.unplug(name)
            plugged.discard(name)
            _say(f"[unplugged {name}]")
        else:
            vm.plug(name)
            plugged.add(name)
            _say(f"[plugged {name}]")


def _command(vm: Machine, key: bytes, plugged: set) -> bool:
    """One key after the escape. False to leave."""
    if key == b"q":
        return False
    if key == b"c":
        vm.power_cut()
        plugged.clear()
        plugged.update(_at_start(vm))
        vm.start()
    elif key == b"r":
        vm.reset()
    elif key == b"b":
        vm.power_button()
    elif key == b"k":
        vm.press("ctrl-alt-delete")
    elif key == b"u":
        _sticks(vm, plugged)
    elif key == b"s":
        _say(", ".join(f"{name}: {count}" for name, count in vm.writes().items()) or "[no writes]")
    elif key == ESCAPE:
        vm.send(ESCAPE.decode(), end="")
    else:
        _say(HELP)
    return True


def _at_start(vm: Machine) -> set:
    return {drive.name for drive in vm.drives.values() if drive.bus == "usb" and drive.plugged}


def interact(vm: Machine, quiet: bool = False) -> str:
    """Connects the terminal to the machine's console until Ctrl-] q, the end of the input, or the
    guest's end. Returns why the guest stopped, "" if the person left. Input that is no terminal is
    passed through."""
    fd, plugged = sys.stdin.fileno(), _at_start(vm)
    if not quiet:
        print("[Ctrl-] ? for help, Ctrl-] q to leave]", file=sys.stderr)
    vm.console.raw = sys.stdout.buffer
    watched, command = [fd], False
    try:
        with _raw_terminal(fd):
            while not vm.ended():
                if not select.select(watched, [], [], 0.1)[0]:
                    continue
                data = os.read(fd, 1024)
                if not data:
                    watched = []            # a script that was piped in: let the guest finish
                while data:
                    if command:
                        command = False
                        try:
                            if not _command(vm, data[:1], plugged):
                                return ""
                        except (QmpError, DriveError, MachineError) as error:
                            _say(f"[{error}]")
                        data = data[1:]
                        continue
                    text, escape, data = data.partition(ESCAPE)
                    vm.send(text.decode(errors="replace"), end="")
                    command = bool(escape)
    except MachineError:
        pass                                # it ended while we were typing
    finally:
        vm.console.raw = None
    return vm.ended()
