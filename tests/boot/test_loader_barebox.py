# SPDX-License-Identifier: Apache-2.0
"""barebox's bootchooser starts the target with the highest priority that has an attempt left. No barebox is run:
unit/loader_barebox_test.c has a model of it, by its documentation. Its state is read and written by barebox-state of
Debian's dt-utils, with a device tree as a board has it. The device's half is in trace/pairs_barebox_test.c."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from loader_model import is_passed, said_by

TOP = Path(__file__).resolve().parents[2]
HELPER = TOP / "build/keelboot-helper"

# barebox-state finds a partition by what udev knows of the board's devices; here it is a file.
SHIM = """
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
int of_get_devicepath(void *node, char **path, off_t *offset, size_t *size)
{
\t(void)node;
\t*path = strdup(getenv("STATE_STORE"));
\t*offset = 0;
\t*size = 0;
\treturn 0;
}
"""
TREE = """/dts-v1/;
/ {
\t#address-cells = <1>; #size-cells = <1>;
\taliases { state = &state; };
\tpart: partition@0 { reg = <0 0x10000>; };
\tstate: state {
\t\t#address-cells = <1>; #size-cells = <1>;
\t\tcompatible = "barebox,state";
\t\tmagic = <0x27031977>;
\t\tbackend-type = "raw";
\t\tbackend = <&part>;
\t\tbackend-stridesize = <STRIDE>;
\t\tbootstate {
\t\t\t#address-cells = <1>; #size-cells = <1>;
\t\t\tsystem0 {
\t\t\t\t#address-cells = <1>; #size-cells = <1>;
\t\t\t\tremaining_attempts@0 { reg = <0x0 0x4>; type = "uint32"; default = <3>; };
\t\t\t\tpriority@4 { reg = <0x4 0x4>; type = "uint32"; default = <20>; };
\t\t\t};
\t\t\tsystem1 {
\t\t\t\t#address-cells = <1>; #size-cells = <1>;
\t\t\t\tremaining_attempts@8 { reg = <0x8 0x4>; type = "uint32"; default = <3>; };
\t\t\t\tpriority@c { reg = <0xc 0x4>; type = "uint32"; default = <10>; };
\t\t\t};
\t\t\tlast_chosen@10 { reg = <0x10 0x4>; type = "uint32"; };
\t\t};
\t};
};
"""


@pytest.fixture(name="said", scope="module")
def run_model():
    return said_by("loader_barebox_test")


@pytest.mark.parametrize("story", (
    "bootchooser starts once what it is asked to and then the preset",
    "preset that nobody answers is left after three starts",
    "both bad pairs leave what barebox has behind bootchooser",
    "cut at each write leaves the old choice or the new one",
    "cut while barebox notes a start leaves a choice",
    "first sound copy counts as it does for barebox",
    "copies of another format are refused wherever they lie"))
def test_model(said, story):
    assert is_passed(said, story), said


class State:
    """A partition with barebox's state, which both programs read and write."""

    def __init__(self, folder, stride):
        self.stride, self.image, self.tree = stride, folder / "state.img", folder / "board.dtb"
        self.shim = folder / "shim.so"
        self.image.write_bytes(bytes(max(16384, 3 * stride)))
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", self.shim, "-"], input=SHIM, text=True, check=True)
        subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", self.tree, "-"], text=True, check=True,
                       input=TREE.replace("STRIDE", str(stride)))

    def barebox(self, *words):
        done = subprocess.run(["barebox-state", "-i", self.tree, *words], text=True, capture_output=True, check=True,
                              env={"LD_PRELOAD": str(self.shim), "STATE_STORE": str(self.image), "PATH": "/usr/bin"})
        return done.stdout

    def values(self):
        """(attempts, priority) of each target, and the last one that was chosen."""
        found = dict(re.findall(r"^bootstate\.(\S+)=(\d+)$", self.barebox("-d"), re.M))
        return [(int(found[f"{name}.remaining_attempts"]), int(found[f"{name}.priority"]))
                for name in ("system0", "system1")] + [int(found["last_chosen"])]

    def set(self, **values):
        words = [("-s", f"bootstate.{name.replace('_of_', '.')}={value}") for name, value in values.items()]
        self.barebox(*[word for pair in words for word in pair])

    def keelboot(self, *words, code=0):
        where = f"{self.image}:0x27031977:{self.stride},a=system0:0x0:0x4,b=system1:0x8:0xc"
        done = subprocess.run([HELPER, "loader", "barebox", where, *words], text=True, capture_output=True,
                              timeout=60, check=False)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def damage(self, *copies):
        data = bytearray(self.image.read_bytes())
        for copy in copies:
            data[copy * self.stride + 30] ^= 0xff
        self.image.write_bytes(data)


@pytest.fixture(name="state")
def make_state(request, tmp_path_factory):
    for program in ("barebox-state", "dtc", "cc"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("s")
    state = State(folder, getattr(request, "param", 1024))
    state.set(**{"system0_of_priority": 20, "last_chosen": 5})
    return state


@pytest.mark.parametrize("state", (512, 1024, 4096, 16384), indirect=True)
def test_what_each_program_writes_the_other_one_reads(state):
    assert state.keelboot("get") == "default=a once=-\n"
    assert state.keelboot("once", "b") == "default=a once=b\n"
    assert state.values() == [(3, 20), (1, 30), 5]
    state.set(system1_of_remaining_attempts=0, last_chosen=2)
    assert state.keelboot("get") == "default=a once=-\n"
    assert state.keelboot("default", "b") == "default=b once=-\n"
    assert state.values() == [(3, 10), (3, 20), 2]
    state.set(system1_of_remaining_attempts=1)
    assert state.keelboot("get") == "default=b once=- starts=2\n"
    assert state.keelboot("came-up") == "default=b once=-\n"
    assert state.values() == [(3, 10), (3, 20), 2]


@pytest.mark.parametrize("copies", ((0,), (1,), (0, 1), (0, 2), (1, 2)), ids=lambda copies: "".join(map(str, copies)))
def test_damaged_copies_are_the_same_for_both(state, copies):
    state.damage(*copies)
    assert state.keelboot("get") == "default=a once=-\n"
    assert state.keelboot("default", "b") == "default=b once=-\n"
    state.damage(*({0, 1, 2} - set(copies)))
    assert state.values() == [(3, 10), (3, 20), 5]


def test_state_whose_copies_are_all_damaged_is_made_anew_by_barebox(state):
    state.damage(0, 1, 2)
    assert "barebox-state -s makes it anew" in state.keelboot("default", "a", code=1)
    state.set(system0_of_priority=20)
    assert state.keelboot("get") == "default=a once=-\n"


def test_priorities_of_others_are_read_and_settled(state):
    state.set(system1_of_priority=20)
    assert state.keelboot("get") == "default=- once=-\n"
    assert "nothing is there to fall back to" in state.keelboot("once", "b", code=1)
    assert state.keelboot("default", "a") == "default=a once=-\n"
    assert state.values() == [(3, 20), (3, 10), 5]
