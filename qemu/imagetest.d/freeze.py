# SPDX-License-Identifier: Apache-2.0
"""Freezes a guest without its help: each processor is made to stand still with interrupts off, as a kernel that hangs
leaves it. Time goes on, so a watchdog fires. Speaks to QEMU's stub for gdb."""

import socket
import struct
import time

RIP_AT, EFLAGS_AT, CS_AT = 128, 136, 140    # bytes in what is between "g" and "G", all registers
INTERRUPTS = 0x200
HALT = b"\xfa\xf4\xeb\xfc"      # cli; 1: hlt; jmp 1b, which costs the host nothing
LOOP = b"\xeb\xfe"              # jmp to itself, for a processor that runs a program
TRIES = 100                     # to meet it in the kernel


class FreezeError(Exception):
    """QEMU's stub did not do what was asked."""


class Stub:
    """One connection; the machine stands still while it is open."""

    def __init__(self, path, timeout: float = 10):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            raise FreezeError(f"no connection to QEMU: {error}") from None
        self._data = b""

    def _byte(self) -> bytes:
        if not self._data:
            self._data = self._socket.recv(1 << 16)
            if not self._data:
                raise FreezeError("QEMU closed the connection")
        first, self._data = self._data[:1], self._data[1:]
        return first

    def send(self, text: str) -> None:
        self._socket.sendall(f"${text}#{sum(text.encode()) & 0xff:02x}".encode())

    def _packet(self) -> str:
        while self._byte() != b"$":
            pass
        text = b""
        while (char := self._byte()) != b"#":
            text += char
        self._byte(), self._byte()
        self._socket.sendall(b"+")
        return text.decode()

    def ask(self, text: str) -> str:
        """The answer to a packet; reports of a stop come unasked."""
        try:
            self.send(text)
            while (answer := self._packet())[:1] in ("T", "S"):
                pass
        except OSError as error:
            raise FreezeError(f"QEMU: {error}") from None
        return answer

    def do(self, text: str) -> None:
        if (answer := self.ask(text)) != "OK":
            raise FreezeError(f"QEMU refused {text.split(':')[0]}: {answer or 'not known'}")

    def threads(self) -> list:
        found, answer = [], self.ask("qfThreadInfo")
        while answer.startswith("m"):
            found += answer[1:].split(",")
            answer = self.ask("qsThreadInfo")
        return found or ["01"]

    def close(self) -> None:
        """The machine goes on."""
        try:
            self.ask("D")
        except FreezeError:
            pass
        self._socket.close()


def _registers(stub: Stub) -> bytearray:
    return bytearray.fromhex(stub.ask("g").replace("x", "0"))


def _in_kernel(registers: bytearray) -> bool:
    return registers[CS_AT] & 3 == 0


def _stop(stub: Stub, thread: str) -> None:
    stub.do(f"Hg{thread}")
    registers = _registers(stub)
    code = HALT if _in_kernel(registers) else LOOP
    rip, = struct.unpack_from("<Q", registers, RIP_AT)
    stub.do(f"M{rip:x},{len(code):x}:{code.hex()}")
    eflags, = struct.unpack_from("<I", registers, EFLAGS_AT)
    struct.pack_into("<I", registers, EFLAGS_AT, eflags & ~INTERRUPTS)
    stub.do(f"G{registers.hex()}")


def freeze(path) -> None:
    """path: the socket of `-gdb`. FreezeError."""
    for attempt in range(TRIES):
        stub = Stub(path)
        try:
            threads = stub.threads()
            kernel = True
            for thread in threads:
                stub.do(f"Hg{thread}")
                kernel = kernel and _in_kernel(_registers(stub))
            if kernel or attempt == TRIES - 1:
                for thread in threads:
                    _stop(stub, thread)
                return
        finally:
            stub.close()
        time.sleep(0.01)
