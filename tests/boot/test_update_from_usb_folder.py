# SPDX-License-Identifier: Apache-2.0
"""A stick with a folder keelboot/: the newest acceptable bundle counts, the rest is named."""


def test_newest_bundle_of_the_folder_is_installed_and_litter_named(bench):
    litter = {"keelboot/._2.0-ok.keel": b"\0\5\26\7" * 1024, "keelboot/notes.txt": b"hello",
              "keelboot/old.keel.bak": b"x", "elsewhere/9.0.keel": b"not looked at"}
    stick = bench.stick(bench.bundle("2.0"), bench.bundle("3.0"), files=litter)
    disk = bench.disk("1.0")
    with bench.untouched(disk, "a"), bench.machine(disk, drives=[stick]) as vm:
        text = bench.up(vm, "3.0", "b")
        for line in (r"keelboot/notes.txt: ignored: not named *.keel",
                     r"keelboot/._2.0-ok.keel: ignored", "keelboot/old.keel.bak: ignored",
                     "keelboot/2.0-ok.keel: version 2.0: ignored: another bundle is newer",
                     "slot b holds version 3.0 on trial"):
            assert line in text, text
        assert "elsewhere" not in text
        status = bench.status(vm)
        assert status["slots"][1]["version"] == "3.0" and status["slots"][1]["state"] == "good"
        assert "stick" not in vm.writes(), "a stick is read only"
        assert bench.causes(vm) == []
    assert bench.holds_release(disk, "b", "3.0")
