# SPDX-License-Identifier: Apache-2.0
"""What is kept is what is read again: words of strangers beyond ASCII, broken letters, and queues of many of them."""
import json

import pytest
from cli_device import FAILURE, OK, REBOOT
from ddi_server import Server

PAGES = {"a host": "http://h\u00f4tel.example/login".encode(), "no utf-8": b"http://h\xf4tel.example/login",
         "a cut letter": "http://h".encode() + b"\xc3", "an escape": b"http://h\x1b[2J.example/"}


def login_page(location):
    """As a hotel's network answers whatever is asked."""
    def answer(handler):
        handler.raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
    return answer


def owes_an_end(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    fleet.good()
    return action


@pytest.mark.parametrize("location", PAGES.values(), ids=PAGES)
def test_a_login_page_costs_no_record(fleet, server, bundle, location):
    """The end of the action, which it kept from the server, arrives after it."""
    fleet.configure(daily_bytes="100M")
    action = owes_an_end(fleet, server, bundle)
    before = fleet.record
    server.on["poll"] = login_page(location)
    for _ in range(2):
        said = fleet.once(code=FAILURE)
        assert "cannot be read; the server will offer" not in said
    assert fleet.record["untold"] and fleet.record["untold"].isascii() and fleet.record["untold"].isprintable()
    assert fleet.record["day_bytes"] == before["day_bytes"] > 0 and fleet.record["id"] == action.id
    assert "not sent yet: " in fleet("status")
    del server.on["poll"]
    fleet.once()
    assert action.told[-1] == "closed/success"


@pytest.mark.parametrize("location", PAGES.values(), ids=PAGES)
def test_a_login_page_before_the_home_of_reports_costs_no_report(device, site, publish, bundle, location):
    device.configure(report=f"{site.url}/reports")
    publish(bundle)
    site.on["reports"] = login_page(location)
    device.once(code=REBOOT)
    device.once(code=REBOOT)
    kept = json.loads((device.folder / "reports.json").read_text())
    assert [report["phase"] for report in kept["reports"]] == ["seen", "staged"] and kept["why"].isascii()
    del site.on["reports"]
    device.once(code=REBOOT)
    assert [report["phase"] for report in site.reports] == ["seen", "staged"]


def test_the_oldest_reports_give_way_before_the_queue_is_too_large_to_be_read(device, site, publish, bundle):
    """It is full already, of what JSON writes with two letters."""
    device.configure(report=f"{site.url}/reports")
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    device.once(code=REBOOT)
    path = device.folder / "reports.json"
    report = json.loads(path.read_text())["reports"][0]
    report["details"] = ['"' * 500] * 16
    kept = [{**report, "reason": f"{n}"} for n in range(15)]
    room = 262144 - len(json.dumps({"reports": kept}, separators=(",", ":")))
    kept[0]["reason"] = "x" * (room - 100)
    path.write_text(json.dumps({"reports": kept}, separators=(",", ":")))
    device.reboot()
    device.fall_back('"' * 200)
    device.once()
    after = json.loads(path.read_text())["reports"]
    assert path.stat().st_size <= 262144 and after[-1]["phase"] == "failed" and after[-2]["reason"] == "14"
    del site.on["reports"]
    device.once()
    assert len(site.reports) == len(after) > 10


def test_details_with_letters_beyond_ascii_arrive(fleet, server, bundle):
    """An end with them waits in ends.json, too."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    fleet.fall_back("Modem: Übertragung gestört \N{SNOWMAN}")
    server.on["feedback"] = [lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    assert "cannot be read" not in fleet.once(code=OK)
    assert action.told[-1] == "closed/failure" and any("bertragung" in line for line in action.messages)


def test_another_server_with_a_login_page_is_no_other_record(fleet, server, bundle):
    owes_an_end(fleet, server, bundle)
    with Server().running() as page:
        page.on["poll"] = login_page(PAGES["no utf-8"])
        fleet.configure(page.url)
        fleet.once(code=FAILURE)
    assert fleet.record["phase"] == "good"
