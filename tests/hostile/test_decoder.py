# SPDX-License-Identifier: Apache-2.0
"""The decoder is replaced by one that somebody took over: it only gets its update refused, with a clear line, in
bounded time; or the update is installed, byte for byte as it was signed."""
import re

import pytest
from console import PATIENCE
from frames import compressed
from hostile import CHUNK, FAILURE, FILL, OK, TOP, VERIFY, Forge, padded

DOWN = r"image root: chunk \d+ crashed the decoder"
DEAD = r"image root: the decoder died before chunk \d+|" + DOWN
DAMAGED = r"image root: chunk \d+ is not what was signed: the bundle is damaged"
LONG = 90 * PATIENCE        # seconds, until an update counts as one that hangs
# name: what the refusal says; "" where the update may be installed.
EVIL = {
    "wrong": DAMAGED, "zeroes": DAMAGED, "other-slot": DOWN, "twice": DOWN + "|" + DAMAGED, "nonsense": DOWN,
    "too-much": DOWN, "too-little": DOWN, "floods": DOWN + "|" + DAMAGED, "shrinks": "",
    "silent": r"the decoder cannot be started \(.*\)",
    **{f"caged-{what}": DEAD for what in ("forks", "opens", "executes", "connects", "kills", "traces", "maps")},
}


@pytest.fixture(name="evil")
def make_evil(tmp_path):
    """evil(name): the path of a decoder that misbehaves in this way."""
    def link(name):
        path = tmp_path / name
        path.symlink_to(TOP / "build/tests/hostile/evil")
        return {"KEELBOOT_HELPER": str(path)}
    return link


@pytest.fixture(name="bundle")
def make_bundle(tmp_path, keys):
    """All of it is compressed."""
    image = padded(b"".join(b"line %d of the image\n" % i for i in range(9000)))[:12 * CHUNK]
    chunks = []
    for at in range(0, len(image), CHUNK):
        plain = image[at:at + CHUNK]
        chunks.append((2, compressed(plain), plain))
    return Forge(keys, image, chunks).write(tmp_path / "packed.keel"), image


@pytest.mark.parametrize("name", EVIL)
def test_t31_decoder_that_was_taken_over_costs_only_its_update(name, bundle, target, evil):
    path, image = bundle
    result = target.go("install", path, "--progress=none", env=evil(name), timeout=LONG)
    said = result.err.decode("ascii")
    if EVIL[name]:
        assert re.fullmatch(rf"{re.escape(str(path))}: (?:{EVIL[name]})", result.last), said
        assert result.code == (VERIFY if re.search(DAMAGED, result.last) else FAILURE), said
        target.only_signed(image)
    else:
        assert result.code == OK, said
        assert target.slots["b"].read_bytes()[:len(image)] == image
    if name.startswith("caged-"):
        assert said.startswith("keelboot: the decoder was killed by signal 31 (Bad system call): it made a "
                               "forbidden system call\n")
    if EVIL[name]:
        target.installs(path, image)            # nothing is held against the release


def test_t31_what_is_written_late_never_reaches_the_slot(bundle, target, evil, cases):
    """Bits are turned over all the time in everything that the decoder shares: what is hashed is what is written."""
    path, image = bundle
    environ, runs = evil("late"), 6
    target.configure("[source.media]\nverify-first=no\n[install]\nverify-first=no\n")
    for _ in range(runs):
        for name, go in (("install", lambda: target.go("install", path, "--progress=none", env=environ, timeout=LONG)),
                         ("boot", lambda: target.apply(path, env=environ, timeout=LONG))):
            target.slots["b"].write_bytes(FILL * target.SLOT)
            target.before["b"] = FILL * target.SLOT
            target.init("--force", "--slots", 2, "--good", "a", "--version", "1.0", "--sequence", 10)
            result = go()
            assert result.code in (OK, FAILURE, VERIFY), (name, result.err)
            target.only_signed(image)
            if result.code == OK:
                assert target.slots["b"].read_bytes()[:len(image)] == image
    cases(2 * runs)
