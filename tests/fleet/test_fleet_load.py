# SPDX-License-Identifier: Apache-2.0
"""The speeds of `make bench-fleet`, with little to fetch: each turn of either program fetches all of it."""
import sys
from pathlib import Path

import nginx
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))

import fleet_load  # noqa: E402

MIB = 1 << 20


@pytest.fixture(name="bench")
def make_bench(tmp_path, monkeypatch):
    if nginx.PROGRAM is None:
        pytest.skip("no nginx; make check-fleet installs it")
    for name, value in (("SIZE", 16 * MIB), ("SIZE_OF_LINE", 2 * MIB), ("SIZE_OF_PARTS", 16 * MIB),
                        ("ROUNDS", 2), ("ROUNDS_OF_LINE", 1)):
        monkeypatch.setattr(fleet_load, name, value)
    tmp_path.chmod(0o755)
    return fleet_load.Bench(tmp_path)


def turns(found):
    return [len(found["mib_a_second"][name]) for name in ("curl", "keelboot-fleet")]


@pytest.mark.parametrize("rate, tls, wanted", [(0, False, 4), (0, True, 4), (8, False, 2)])
def test_each_turn_fetches_a_whole_bundle(bench, rate, tls, wanted):
    found = fleet_load.speed(bench, rate, tls)
    assert found["bytes"] > 2 * MIB and turns(found) == [wanted, wanted]


def test_each_way_of_an_idle_poll_is_judged():
    """Also a timer's by TLS, which is too large."""
    ways = (("plain", 160, 180), ("tls", 803, 1549), ("tls_daemon", 897, 745), ("even", 0, 2048))
    polls = {way: {"bytes_up": up, "bytes_down": down, "connections": 1} for way, up, down in ways}
    found = {"servers": {"channel": {"idle_poll": polls}}, "herds": [], "memory_kib": {}, "speed": {}}
    assert [(figure, met) for what, figure, _, met in fleet_load.judge(found) if "bytes" in what] == [
        (340, True), (2352, False), (1642, True), (2048, True)]


def test_each_turn_fetches_the_parts_that_slots_lack(bench):
    found = fleet_load.speed_of_parts(bench)
    assert found["ranges"] == 2 and 8 * MIB <= found["bytes"] <= 8.1 * MIB and turns(found) == [2, 2]
