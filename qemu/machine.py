# SPDX-License-Identifier: Apache-2.0
"""A machine in QEMU: its disks, serial console, watchdog, resets, and power cuts.

    with Machine(kernel, initrd, "quiet", drives=[Drive("disk.img")], watchdog=True) as vm:
        vm.expect("login:", timeout=30)
        status, text = vm.shell("cat /proc/cmdline")
        vm.power_cut(); vm.start()

All times are monotonic, in seconds. QEMU is killed when the block is left, whatever the reason.
"""

import ctypes
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from boards import BOARDS, TCG_WORDS
from console import Console, ExpectError
from drives import Drive, DriveError, Fault
from hotplug import Disks
from kbusage import remedy
from qmp import Qmp, QmpError
from records import Boot, Stats

__all__ = ["TCG_WORDS", "Machine", "MachineError", "Drive", "Fault", "Boot", "Stats", "ExpectError",
           "DriveError", "QmpError"]


SECOND_RESET = 0.7      # seconds
GATHER = 0.003          # seconds: a serial port gives bytes one by one, and each time all who wait search the text
KERNEL_LINES = r"(?:\[ *\d+\.\d{6}\][^\n]*\n)*"     # they may come between any two characters


class MachineError(Exception):
    """QEMU could not be started, or has ended."""


def _die_with_parent() -> None:
    # Kills QEMU when the *thread* that started it ends; so start machines from a thread that stays.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Machine(Disks):
    """Arguments that are not plain:

    kernel    bzImage, or the uncompressed ELF, which starts seconds earlier (qemu/kernel). None: the
              firmware boots from a disk
    append    kernel command line; "console=ttyS0" (of arm64, ttyAMA0) is put in front unless it names a console
    arch      a key of BOARDS: a processor, or a board with all that its chip has; dtb: its device tree
    watchdog  one that resets the machine, where its chip has none: an i6300esb, if it has PCI. In a new QEMU process
              its CARDRESET flag is clear.
    reboot    False: a reboot of the guest ends the run, as a power-off does
    usb       a USB controller even if no drive needs one now (Machine.plug of later drives)
    log       file that the console is appended to; echo: a text file that it is copied to
    firmware  qboot, because SeaBIOS under TCG resets itself up to dozens of times after each reset.
              "" for QEMU's own choice, or a file; None for what is best for the board
    extra     more arguments for QEMU
    """

    def __init__(self, kernel, initrd=None, append: str = "", *, drives=(), memory: int = 256,
                 smp: int = 1, cpu: str = "", accel: str = "tcg", watchdog: bool = False,
                 reboot: bool = True, usb: bool = False, log=None, echo=None, extra=(),
                 firmware=None, qemu: str = "", arch: str = "amd64", dtb=None):
        self.board = BOARDS[arch]
        self.firmware = self.board.firmware if firmware is None else firmware
        self.kernel, self.initrd, self.dtb = kernel, initrd, dtb
        self.qemu, self.extra = qemu or self.board.qemu, list(extra)
        self.append = append if "console=" in append else f"console={self.board.console} {append}".strip()
        self.memory, self.smp, self.cpu, self.accel = self.board.memory or memory, self.board.cpus or smp, cpu, accel
        self.watchdog, self.reboot, self.usb = watchdog, reboot, usb
        self.drives = {}
        for drive in drives:
            self.add(drive)
        self.console = Console(log, echo)
        self.boots, self.events = [], []    # Boot; (time, name, data) of QMP events
        self.shutdown = ""                  # why the guest stopped: guest-shutdown, guest-reset
        self._cause, self._watchdog_fired, self._last_reset = "power-on", False, 0.0
        self._process = self._thread = self._qmp = None
        self._workdir = Path(tempfile.mkdtemp(prefix="qemu-"))

    # --- what it is made of ---------------------------------------------------------------------

    def argv(self, workdir=None) -> list:
        """The QEMU command, without what connects it to this object. `workdir`: for files that it
        needs."""
        for file in filter(None, (self.kernel, self.initrd, self.dtb)):
            if not os.path.isfile(file):
                raise MachineError(f"{file}: no such file")
        accel = f"{self.accel}{self.board.accel if self.accel == 'tcg' else ''}"
        argv = [self.qemu, *self.board.argv, "-accel", accel, "-m", str(self.memory), "-smp", str(self.smp),
                "-nodefaults", "-display", "none",
                *(["-kernel", str(self.kernel), "-append", self.append] if self.kernel else []),
                "-action", f"watchdog=reset,reboot={'reset' if self.reboot else 'shutdown'}"]
        for option, value in (("-bios", self.firmware), ("-cpu", self.cpu), ("-initrd", self.initrd),
                              ("-dtb", self.dtb)):
            argv += [option, str(value)] if value else []
        argv += self._cards() if self.board.card else self._pci()
        for drive in self.drives.values():
            drive.check()
            if not drive.plugged or (self.board.card and drive.bus != "usb"):
                continue
            if drive.bus == "sd":
                argv += ["-device", "sdhci-pci"]
            for kind, items in (("-object", drive.objects()),
                                ("-blockdev", drive.nodes(workdir or self._workdir)),
                                ("-device", [drive.device(self.board.usb, self.board.virtio)])):
                for item in items:
                    argv += [kind, json.dumps(item)]
        return argv + self.extra

    def _pci(self) -> list:
        sticks = self.usb or any(d.bus == "usb" for d in self.drives.values())
        usb = sticks and self.board.usb == "xhci.0"
        return [*(["-device", self.board.watchdog] if self.watchdog and self.board.watchdog else []),
                *(["-device", "qemu-xhci,id=xhci,p2=8,p3=8"] if usb else [])]

    def _cards(self) -> list:
        """Of a board that has slots for them, and no other bus than USB: the disks, in this order."""
        cards = [drive for drive in self.drives.values() if drive.bus != "usb"]
        if any(drive.objects() or drive.faults or drive.log for drive in cards):
            raise MachineError("the cards of this board have no faults, limits or logs")
        return [word for number, drive in enumerate(cards) for word in (
            "-drive", f"if=sd,index={number},id={drive.name},format={drive.format},file={drive.file}")]

    # --- power ----------------------------------------------------------------------------------

    def start(self) -> "Machine":
        """Switches on. Also after power_cut(), stop() and wait_shutdown(), with the same disks."""
        if self.running:
            raise MachineError("the machine is running already")
        self._join()
        argv = self.argv()
        if not shutil.which(argv[0]):
            raise MachineError(f"{argv[0]}: not found; {remedy('run')}")
        ours, theirs = socket.socketpair()
        # QMP over an inherited socket: no path that could be too long, and nothing to wait for.
        # Started stopped (-S), so that no event comes before the protocol is spoken.
        argv += ["-S", "-action", "shutdown=pause",
                 "-chardev", f"socket,id=qmp,fd={theirs.fileno()}",
                 "-mon", "chardev=qmp,mode=control",
                 "-chardev", "stdio,id=console,signal=off", *["-serial", "null"] * self.board.port,
                 "-serial", "chardev:console"]
        with open(self._workdir / "stderr", "w") as stderr:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, stderr=stderr,
                pass_fds=(theirs.fileno(),), preexec_fn=_die_with_parent)
        theirs.close()
        self.shutdown, self._watchdog_fired = "", False
        self._qmp, self._socket = Qmp(ours, self._event), ours
        self._thread = threading.Thread(target=self._watch, args=(self._process, self._qmp),
                                        daemon=True)
        self._thread.start()
        try:
            self._qmp.execute("qmp_capabilities")
            self._booted(self._cause)
            self.console.cursor = self.boots[-1].start
            self._cause = "power-on"
            self._qmp.execute("cont")
        except QmpError as error:
            self._kill()
            said = (self._workdir / "stderr").read_text(errors="replace").strip()
            raise MachineError(f"QEMU did not start: {said[-2000:] or error}") from None
        return self

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """QEMU's process id, for those who measure; 0 before the first start."""
        return self._process.pid if self._process else 0

    def power_cut(self) -> None:
        """SIGKILL: what the guest had not yet written is lost; what QEMU had handed to the host is
        not."""
        self._kill()
        self._cause = "power-cut"
        self.console.note("power cut")

    def power_button(self) -> None:
        """Asks the guest to shut down, as the ACPI button does."""
        self.qmp("system_powerdown")

    def reset(self) -> None:
        """The reset button."""
        self.qmp("system_reset")

    def stop(self) -> None:
        """Ends QEMU if it still runs. The next start is a power-on."""
        self._kill()

    def close(self) -> None:
        """stop(), and removes temporary files. The console's text stays readable."""
        self._kill()
        self.console.close()
        shutil.rmtree(self._workdir, ignore_errors=True)

    def __enter__(self) -> "Machine":
        try:
            return self if self.running else self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self):
        if getattr(self, "_workdir", None):
            self.close()

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._join()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._socket.close()
            self._process.stdin.close()
            self._process.stdout.close()

    # --- the thread that listens ----------------------------------------------------------------

    def _watch(self, process, qmp: Qmp) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(qmp, selectors.EVENT_READ)
            while selector.get_map():
                ready = {key.fileobj for key, _ in selector.select()}
                # The console first, so that what was said before a reset counts to the boot before
                # it.
                if process.stdout in ready:
                    data = os.read(process.stdout.fileno(), 1 << 16)
                    if data:
                        self.console.feed(data)
                        time.sleep(GATHER)
                        continue
                    selector.unregister(process.stdout)
                if qmp in ready and not qmp.receive():
                    selector.unregister(qmp)
        process.wait()
        with self.console.changed:
            self.console.changed.notify_all()

    def _event(self, name: str, data: dict) -> None:
        now = time.monotonic()
        with self.console.changed:
            self.events.append((now, name, data))
            if name == "WATCHDOG":
                self._watchdog_fired = True
            elif name == "SHUTDOWN":
                self.shutdown = data.get("reason", "unknown")
                self.console.note(f"shutdown: {self.shutdown}")
            elif name == "RESET" and not self._firmware_reset(now):
                cause = "guest" if data.get("guest") else "host"
                self._booted("watchdog" if self._watchdog_fired else cause)
                self._watchdog_fired = False
            self.console.changed.notify_all()

    def _firmware_reset(self, now: float) -> bool:
        """SeaBIOS, when it finds that it has run before, resets to get at its clean copy; under TCG
        it does so up to dozens of times, 30 ms apart, for two seconds. All of them are one reset:
        no kernel comes up and goes down in so short a time without a word."""
        silent = len(self.console.text) == self.boots[-1].start
        again = silent and now - self._last_reset < SECOND_RESET
        self._last_reset = now
        return again

    def _booted(self, cause: str) -> None:
        self.console.note(f"boot {len(self.boots) + 1}: {cause}")
        with self.console.changed:
            self.boots.append(Boot(len(self.boots) + 1, cause, len(self.console.text),
                                   time.monotonic()))

    # --- waiting --------------------------------------------------------------------------------

    def ended(self) -> str:
        """Why the guest does not run any more; "" while it does."""
        if self.shutdown:
            return f"the guest stopped ({self.shutdown})"
        if self._thread is None or not self._thread.is_alive():
            return "QEMU is not running"
        return ""

    def expect(self, pattern: str, timeout: float = 60.0, fail: str = ""):
        """Waits for a regular expression on the console, from behind the last match on; returns the
        match. ExpectError on timeout, when `fail` comes first, or when the machine ended. Spans
        resets."""
        return self.console.expect(pattern, timeout, fail, self.ended)

    def wait_boot(self, number: int, timeout: float = 60.0) -> Boot:
        """Waits until boot `number` (1 is the first) has begun, and moves the cursor of expect() to
        it."""
        self.console.wait_for(lambda: len(self.boots) >= number or self.ended(), timeout)
        if len(self.boots) < number:
            raise self._missing(f"boot {number}", timeout)
        self.console.cursor = max(self.console.cursor, self.boots[number - 1].start)
        return self.boots[number - 1]

    def wait_reset(self, timeout: float = 60.0) -> Boot:
        """Waits for the next reset from now on."""
        return self.wait_boot(len(self.boots) + 1, timeout)

    def wait_event(self, name: str, timeout: float = 30.0, since: float = 0.0, **wanted) -> dict:
        """The data of the first QMP event of that name later than `since`, with these fields."""
        def matching():
            return [(data,) for at, event, data in self.events
                    if event == name and at >= since and wanted.items() <= data.items()]
        found = self.console.wait_for(matching, timeout)
        if not found:
            raise self._missing(f"{name} event", timeout)
        return found[0][0]

    def wait_shutdown(self, timeout: float = 60.0) -> str:
        """Waits until the guest has powered off; returns QEMU's reason (guest-shutdown is a clean
        one). The machine is then paused: stats() still answers; start() after stop() switches it on
        again."""
        self.console.wait_for(self.ended, timeout)
        if not self.shutdown:
            raise self._missing("shutdown", timeout)
        return self.shutdown

    def _missing(self, what: str, timeout: float) -> ExpectError:
        why = self.ended() or f"in {timeout:g} s"
        return ExpectError(f"no {what}: {why}; the console's last lines:\n{self.console.tail()}")

    # --- talking --------------------------------------------------------------------------------

    def send(self, text: str, end: str = "\n") -> None:
        """Types into the serial console."""
        try:
            self._process.stdin.write((text + end).encode())
        except (OSError, ValueError, AttributeError):
            raise MachineError("cannot type: QEMU is not running") from None

    def shell(self, command: str, timeout: float = 30.0) -> tuple:
        """Runs a command in the shell on the serial console; returns (exit status, output). The
        quotes keep the echo of what is typed from looking like the answer. The braces make the
        shell read all of it before it runs any: else the echo of the second line lands in the output
        of the first. A message of the kernel may stand in the middle of a mark."""
        def mark(text):
            return "".join(KERNEL_LINES + re.escape(char) for char in text)
        self.send(f'{{ echo "<"{id(self)}; {command}\n}}; echo "$?>"{id(self)}')
        match = self.expect(
            r"(?s)" + mark(f"<{id(self)}\n") + r"(.*?)(\d+)" + mark(f">{id(self)}\n"), timeout)
        return int(match.group(2)), match.group(1)

    def qmp(self, command: str, **arguments):
        """One QMP command; what it returns. QmpError if QEMU refuses."""
        if self._qmp is None:
            raise MachineError(f"{command}: the machine was never started")
        return self._qmp.execute(command, **arguments)

    def press(self, keys: str, hold: float = 0.1) -> None:
        """Presses keys of the PS/2 keyboard together: "ctrl-alt-delete", "a"; QEMU's qcode names.
        hold=0 leaves them down until release()."""
        names = keys.split("-")
        self._keys(names, True)
        if hold:
            time.sleep(hold)
            self._keys(reversed(names), False)

    def release(self, keys: str) -> None:
        self._keys(reversed(keys.split("-")), False)

    def _keys(self, names, down: bool) -> None:
        self.qmp("input-send-event", events=[
            {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}
            for name in names])

    # --- reading back ---------------------------------------------------------------------------

    def boot_text(self, number: int = -1) -> str:
        """The console's text of one boot: 1 is the first, -1 the latest."""
        index = number - 1 if number > 0 else len(self.boots) + number
        end = self.boots[index + 1].start if index + 1 < len(self.boots) else None
        return self.console.text[self.boots[index].start:end]

    @property
    def text(self) -> str:
        """Everything that the console said."""
        return self.console.text

    def elapsed(self) -> float:
        """Seconds since the machine was first switched on."""
        return time.monotonic() - self.boots[0].at if self.boots else 0.0
