# SPDX-License-Identifier: Apache-2.0
"""A folder full of other things: the bundle is found among them, and the log stays readable."""


def test_bundle_among_a_thousand_files_is_installed(bench):
    litter = {f"keelboot/holiday-{i:04}.jpg": b"" for i in range(1000)}
    stick = bench.stick(files={**litter, "keelboot/zz-update.keel": bench.bundle("2.0")})
    with bench.machine(bench.disk("1.0"), drives=[stick]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "slot b holds version 2.0 on trial" in text
        assert text.count(".jpg: ignored") == 20 and "980 more that are not named *.keel" in text
        assert bench.causes(vm) == []
