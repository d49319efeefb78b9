# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0 for machines: swtpm, with one between that can spoil what it answers; and the tools that a system needs to
seal a secret, and to open LUKS with it."""

import array
import contextlib
import os
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

PCR_EVENT = 0x13c
SET_DATAFD = 0x10       # of QEMU's control channel
BANKS = "sha1,sha256"
# What tpm2-tools and cryptsetup load beside what they are linked with.
TCTI = Path("/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0")
# tpm2-tools is linked with curl, to fetch certificates: half of a small system.
CURL = "easy_cleanup easy_escape easy_init easy_perform easy_setopt easy_strerror easy_unescape free global_cleanup " \
    "global_init"


class Tpm:
    """In a `with`. Its PCRs are reset with the machine, as those of a real one. `spoil`: what becomes of an answer to
    PCR_Event: None as it is, bytes instead of it, or "hang". `seen`: the commands."""

    def __init__(self, work: Path, *, banks=BANKS, device="tpm-tis"):
        self.work, self.device = work / "tpm", device
        self.spoil, self.seen = None, []
        self.state = self.work / "state"
        self.state.mkdir(parents=True)
        subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", self.state, "--pcr-banks", banks], check=True,
                       capture_output=True)
        self.ended = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.work / "qemu"))
        self.listener.listen(1)

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.listener.close()

    @property
    def extra(self) -> list:
        """Options for QEMU."""
        return ["-chardev", f"socket,id=chrtpm,path={self.work / 'qemu'}", "-tpmdev", "emulator,id=tpm0,chardev=chrtpm",
                "-device", f"{self.device},tpmdev=tpm0"]

    # --- one machine after the other, each with a process of swtpm --------------------------------

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                qemu, _ = self.listener.accept()
                with qemu, self._swtpm() as (control, data):
                    self._control(qemu, control, data)

    @contextlib.contextmanager
    def _swtpm(self):
        control, data = self.work / "control", self.work / "data"
        for path in (control, data):
            path.unlink(missing_ok=True)
        process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", "--ctrl", f"type=unixio,path={control}",
             "--server", f"type=unixio,path={data}", "--terminate"], stderr=subprocess.DEVNULL)
        try:
            with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
                self._connect(first, control, process)
                self._connect(second, data, process)
                yield first, second
        finally:
            process.kill()
            process.wait()

    @staticmethod
    def _connect(own, path, process):
        """The socket is there before swtpm listens."""
        while own.connect_ex(str(path)) != 0:
            assert process.poll() is None
            time.sleep(0.02)

    def _control(self, qemu, control, data):
        while True:
            message, descriptors = _receive(qemu)
            if not message:
                return
            if struct.unpack(">I", message[:4])[0] == SET_DATAFD:
                threading.Thread(target=self._data, args=(socket.socket(fileno=descriptors[0]), data),
                                 daemon=True).start()
                qemu.sendall(bytes(4))
                continue
            control.sendall(message)
            qemu.sendall(control.recv(8192))

    def _data(self, qemu, swtpm):
        with contextlib.suppress(OSError):
            while command := qemu.recv(8192):
                code = struct.unpack(">I", command[6:10])[0]
                self.seen.append(code)
                if code == PCR_EVENT and self.spoil == "hang":
                    self.ended.wait()
                    return
                if code == PCR_EVENT and self.spoil is not None:
                    qemu.sendall(self.spoil)
                    continue
                swtpm.sendall(command)
                answer = swtpm.recv(8192)
                while len(answer) < struct.unpack(">I", answer[2:6])[0]:
                    answer += swtpm.recv(8192)
                qemu.sendall(answer)


def _receive(qemu) -> tuple:
    """A message of QEMU's, with the descriptors that came along."""
    descriptors = array.array("i")
    message, ancillary, _, _ = qemu.recvmsg(8192, socket.CMSG_LEN(4))
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[:4])
    return message, descriptors


def error(code: int) -> bytes:
    """An answer that is one."""
    return struct.pack(">HII", 0x8001, 10, code)


# ---------------------------------------------------------------- for a system

def _without_curl(work: Path) -> None:
    """A library of that name that fetches nothing."""
    code, versions = work / "curl.c", work / "curl.map"
    code.write_text("".join(f"void *curl_{name}(void) {{ return 0; }}\n" for name in CURL.split()))
    versions.write_text("CURL_GNUTLS_3 { global: *; };\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-nostdlib", "-w", "-Wl,-soname,libcurl-gnutls.so.4",
                    f"-Wl,--version-script={versions}", "-o", work / "libcurl-gnutls.so.4", code], check=True)


def tools(work: Path) -> dict:
    """Files for a system: tpm2-tools and cryptsetup, with their libraries."""
    work.mkdir(exist_ok=True)
    _without_curl(work)
    programs = (Path("/usr/bin/tpm2"), Path("/usr/sbin/cryptsetup"), TCTI)
    text = subprocess.run(["ldd", *programs], text=True, capture_output=True, check=True,
                          env={**os.environ, "LD_LIBRARY_PATH": str(work)}).stdout
    paths = [Path(path) for path in re.findall(r"(/\S+) \(0x", text)]
    places = {path: f"lib/x86_64-linux-gnu/{path.name}" if path.parent == work else str(path).lstrip("/")
              for path in (*paths, *programs)}
    return {place: path.resolve() for path, place in places.items()}
