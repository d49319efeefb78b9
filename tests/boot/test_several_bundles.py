# SPDX-License-Identifier: Apache-2.0
"""Several bundles of which one fits: that one is installed, and each other is named with its reason."""


def test_the_one_that_fits_is_taken_from_among_those_that_do_not(bench):
    fits = bench.bundle("2.0")
    foreign = bench.bundle("8.0", options=("--compatible", "other-board"), name="other", image=fits)
    bad = bench.damaged(bench.bundle("3.0"), "3.0-damaged.keel")
    unsigned = bench.damaged(fits, "unsigned.keel", at=600 / fits.stat().st_size)   # in its signature
    stick = bench.stick(fits, foreign, bad, unsigned, bench.bundle("1.0"), files={"keelboot/empty.keel": b""})
    disk = bench.disk("1.0")
    with bench.machine(disk, drives=[stick]) as vm:
        text = bench.up(vm, "2.0", "b")
        for line in ('keelboot/other.keel: version 8.0: skipped: made for "other-board"',
                     "keelboot/3.0-damaged.keel: version 3.0: not installed: ",
                     "keelboot/unsigned.keel: refused: ",
                     "keelboot/1.0-ok.keel: version 1.0: skipped: ",
                     "keelboot/empty.keel: refused: ",
                     "slot b holds version 2.0 on trial"):
            assert line in text, f"{line}\n{text}"
        assert bench.causes(vm) == []
    assert bench.holds_release(disk, "b", "2.0")
