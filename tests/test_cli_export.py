# SPDX-License-Identifier: Apache-2.0
"""`keelboot state export`: all that a device knows, for whoever has to help."""
import json
import resource
import signal

from cli_device import FAILURE, MIB, USAGE, run


def test_all_is_in_the_file(ready, factory):
    ready("install", factory("2.0", 20))
    ready("mark", "bad", "b", "--reason", "no network")
    file = ready.path / "out.json"
    assert ready("state", "export", file).stdout == ""
    told = json.loads(file.read_text())
    assert told["schema"] == 1 and told["store"]["finding"] == "found"
    assert told["store"]["regions"] == ["ok", "ok"]
    assert told["record"]["slots"][1]["reason"] == "no network"
    assert "b.st=bad\n" in told["text"]
    assert [m["version"] for m in told["manifests"]] == ["2.0"]
    assert [e["kind"] for e in told["history"]] == ["bad", "install", "state"]
    assert told["boot"]["slot"] == "a" and told["compatible"] == "test-board"


def test_a_file_that_is_there_is_kept(good):
    file = good.path / "out"
    file.write_text("the only copy")
    assert "File exists" in good("state", "export", file, code=FAILURE).stderr
    assert file.read_text() == "the only copy"


def test_half_of_it_is_removed_where_the_disk_is_full(good):
    file = good.path / "out"

    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    said = good("state", "export", file, code=FAILURE, limits=full).stderr
    assert f"{file}: not whole, so it is removed; is there room?" in said
    assert not file.exists()
    good("state", "export", file)


def test_text_is_the_record_with_the_history_behind_it(good):
    text = good("state", "export", "--text").stdout
    assert good("state", "show").stdout.split("\n", 1)[1] in text
    assert "# 1 " in text and "the first state was written" in text


def test_a_lost_state_is_exported_as_well(good):
    good.damage(0, 1)
    told = json.loads(good("state", "export").stdout)
    assert told["store"]["finding"] == "lost" and told["record"] is None
    assert told["history"]
    assert "no valid record" in good("state", "export", "--text").stdout


def test_a_blank_partition(dev):
    dev.state.write_bytes(bytes(16 * MIB))
    assert json.loads(dev("state", "export").stdout)["history"] == []


def test_usage():
    run("state", "export", "a", "b", code=USAGE)
