# SPDX-License-Identifier: Apache-2.0
"""What a Mac, a Windows and a curious person leave on a stick."""

LITTER = {
    ".DS_Store": b"\0\0\0\1Bud1" * 64,
    "._.Trashes": b"\0\5\26\7" * 1024,
    ".Spotlight-V100/VolumeConfiguration.plist": b"<plist/>",
    ".fseventsd/fseventsd-uuid": b"x",
    "System Volume Information/WPSettings.dat": b"x" * 12,
    "keelboot/.DS_Store": b"\0\0\0\1Bud1" * 64,
    "keelboot/._2.0-ok.keel": b"\0\5\26\7" * 1024,
    "keelboot/.hidden.keel": b"KEELBNDL" * 64,
    "keelboot/desktop.ini": b"[.ShellClassInfo]",
    "keelboot/folder.keel/inner.keel": b"not looked at",
}


def test_litter_is_named_and_never_opened(bench):
    stick = bench.stick(bench.bundle("2.0"), files=LITTER)
    with bench.machine(bench.disk("1.0"), drives=[stick]) as vm:
        text = bench.up(vm, "2.0", "b")
        for name in (".DS_Store", "._2.0-ok.keel", ".hidden.keel", "desktop.ini", "folder.keel"):
            assert f"keelboot/{name}: ignored: " in text, f"{name}\n{text}"
        assert "inner.keel" not in text and "Spotlight" not in text
        assert "refused" not in text
        assert bench.causes(vm) == []
