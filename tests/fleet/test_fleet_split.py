# SPDX-License-Identifier: Apache-2.0
"""Two processes: what comes from the network is read by a user without rights; root only serves its orders."""
import os
import pwd
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_device import FAILURE, OK, REBOOT, call
from daemon import between_contacts, children_of

NOBODY = pwd.getpwnam("nobody")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root parts from its rights")


def facts_of(pid):
    """Uid and the like of /proc/PID/status."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.05)
    return found


@pytest.fixture(name="daemon")
def make_daemon(fleet, server):
    """`keelboot-fleet run` between two contacts, and the process that talks to the server."""
    server.sleep = "12:00:00"
    with between_contacts(fleet, extra_groups=[0, 6]) as daemon:
        yield daemon


def test_who_talks_to_the_server_has_no_rights(daemon):
    parent, child = daemon
    facts = facts_of(child)
    assert set(facts["Uid"].split()) == {str(NOBODY.pw_uid)} and set(facts["Gid"].split()) == {str(NOBODY.pw_gid)}
    assert facts["Groups"].strip() == "" and facts["NoNewPrivs"] == "1"
    assert int(facts["CapPrm"], 16) == int(facts["CapEff"], 16) == 0
    assert set(facts_of(parent.pid)["Uid"].split()) == {"0"}
    # Another process of that user cannot look into it: it has the token.
    assert os.stat(f"/proc/{child}/mem").st_uid == 0


def test_who_serves_has_a_link_to_the_other_and_no_more(daemon):
    parent, _ = daemon
    links = [os.readlink(f"/proc/{parent.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{parent.pid}/fd")]
    assert len([link for link in links if link.startswith("socket:")]) == 1


def test_what_only_root_may_read_is_read_before(fleet, server, bundle):
    """As are a private key and the authorities' file: test_fleet_rules.py, whose files lie where root alone gets to."""
    server.token = "secret"
    fleet.token.chmod(0o600)
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    assert action.told and (fleet.folder / "action.json").stat().st_uid == NOBODY.pw_uid
    assert fleet.folder.stat().st_uid == NOBODY.pw_uid and fleet.folder.stat().st_mode & 0o777 == 0o700
    assert (fleet.dev.data / "keelboot").stat().st_uid == 0


def test_what_root_had_is_handed_over_once(fleet, server, bundle):
    server.assign(bundle, download="forced", update="skip")
    fleet.user = "root"
    fleet.configure()
    fleet.once()
    assert (fleet.folder / "bundle.keel").stat().st_uid == 0
    fleet.user = "nobody"
    fleet.configure()
    fleet.once()
    assert {path.stat().st_uid for path in fleet.folder.iterdir()} == {NOBODY.pw_uid}
    server.assign(bundle)
    fleet.once(code=REBOOT)
    assert len(server.requests("artifact")) == 1


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_link_in_the_folder_leads_root_nowhere(fleet, server, bundle, link):
    secret = fleet.dev.path / "secret"
    secret.write_text("secret\n")
    server.assign(bundle)
    fleet.user = "root"
    fleet.configure()
    fleet.once(code=REBOOT)
    for name in ("bundle.keel", "action.json.new", "lock"):
        (fleet.folder / name).unlink(missing_ok=True)
        getattr(fleet.folder / name, link)(secret)
    fleet.user = "nobody"
    fleet.configure()
    fleet.once(code=REBOOT)
    assert secret.stat().st_uid == 0 and secret.read_text() == "secret\n"
    assert not (fleet.folder / "bundle.keel").exists()


def test_where_links_are_not_forbidden_nothing_is_given_away(fleet, server, bundle):
    """The user may have linked a file of root's, of which root has dropped the other name since."""
    switch = Path("/proc/sys/fs/protected_hardlinks")
    server.assign(bundle)
    fleet.once(code=REBOOT)
    (fleet.folder / "secret").write_text("root's\n")
    before = switch.read_text()
    try:
        switch.write_text("0\n")
    except OSError:
        pytest.skip("the kernel's switch cannot be set here")
    try:
        fleet.once(code=REBOOT)
    finally:
        switch.write_text(before)
    assert not (fleet.folder / "secret").exists() and (fleet.folder / "action.json").exists()


def test_the_user_has_another_number_in_the_new_release(fleet, server, bundle):
    """The images of two releases are made on their own."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    for path in [fleet.folder, *fleet.folder.iterdir()]:
        os.chown(path, 12345, 12345)
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success" and len(server.requests("artifact")) == 1


def test_what_an_older_program_wrote_as_root_is_handed_over(fleet, server, bundle):
    """A fallback ran it; the folder is the user's already."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    for name in ("action.json", "lock"):
        os.chown(fleet.folder / name, 0, 0)
        (fleet.folder / name).chmod(0o600)
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success" and len(server.requests("artifact")) == 1


def test_without_such_a_user_it_is_nobody_and_says_what_to_do(fleet, server, bundle):
    """Never root; and a device on a roof whose image lacks the user still gets the update that brings it."""
    fleet.user = "no-such-user"
    fleet.configure()
    server.assign(bundle)
    said = fleet.once(code=REBOOT)
    assert "no user no-such-user ([fleet] user=): what comes from the network is read as user 65534; make one" in said
    assert (fleet.folder / "action.json").stat().st_uid == 65534
    fleet.user = "root"
    fleet.configure()
    assert "no user" not in fleet.once(code=REBOOT)


def test_root_as_user_is_one_process_and_no_warning(fleet, server, bundle):
    fleet.user = "root"
    fleet.configure(url=server.url)
    server.assign(bundle)
    assert "no user" not in fleet.once(code=REBOOT)


def test_the_end_of_one_process_is_the_end_of_the_other(daemon):
    parent, child = daemon
    parent.send_signal(signal.SIGTERM)
    parent.wait(timeout=30)
    until(lambda: not Path(f"/proc/{child}").exists())


def test_a_crash_of_who_talks_to_the_server_is_said(daemon):
    parent, child = daemon
    os.kill(child, signal.SIGSEGV)
    assert parent.wait(timeout=30) == FAILURE
    assert "the process that talks to the server died of signal 11" in parent.stdout.read()


def test_the_exit_code_is_that_of_who_talked_to_the_server(fleet, server, bundle):
    fleet.once(code=OK)
    server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.token.unlink()
    fleet("once", code=1)


def test_who_talks_to_the_server_takes_no_signal_of_the_other(daemon):
    """A SIGHUP that it read would be lost: it has no rights to begin anew."""
    parent, child = daemon
    pipes = [{os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2}
             for pid in (parent.pid, child)]
    assert [link for link in pipes[0] if link.startswith("pipe:")] and not pipes[0] & pipes[1]


def test_sighup_reads_all_anew_in_the_same_process(daemon, fleet, server):
    parent, child = daemon
    fleet.token.write_text("renewed\n")
    server.token = "renewed"
    before = len(server.seen)
    parent.send_signal(signal.SIGHUP)
    until(lambda: len(server.seen) > before and not Path(f"/proc/{child}").exists())
    assert parent.poll() is None and children_of(parent.pid) and server.seen[before][0] == "poll"
    assert "renewed" in str(server.seen[before])


def test_sighup_leaves_all_as_it_is_where_nothing_could_begin(daemon, fleet):
    parent, child = daemon
    fleet.token.unlink()
    parent.send_signal(signal.SIGHUP)
    for line in parent.stdout:
        if "it goes on as before" in line:
            break
    assert children_of(parent.pid) == [child]


def test_sighup_where_root_is_the_user(fleet, server):
    fleet.user = "root"
    fleet.configure()
    server.sleep = "12:00:00"
    with subprocess.Popen(fleet.command("run", "--now"), env=fleet.environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as daemon:
        until(lambda: server.requests("poll"))
        for _ in range(2):
            for line in daemon.stdout:
                if line.startswith("Next contact"):
                    break
            daemon.send_signal(signal.SIGHUP)
        until(lambda: len(server.requests("poll")) == 3)
        daemon.kill()


# A reload that comes while the program starts: once in a process that finds the file SOON as the loader runs it, or
# LATER, as it reads who the server is.
HASTE = """
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void reload(const char *name)
{
	if (unlink(getenv(name)) == 0)
		kill(getpid(), SIGHUP);
}
__attribute__((constructor)) static void begin(void)
{
	FILE *starts = fopen(getenv("STARTS"), "a");
	fprintf(starts, "%d\\n", getpid());
	fclose(starts);
	reload("SOON");
}
CURLU *curl_url(void)
{
	reload("LATER");
	return ((CURLU *(*)(void))dlsym(RTLD_NEXT, "curl_url"))();
}
"""


@pytest.fixture(name="haste")
def make_haste(fleet, tmp_path):
    """Its files, by name; STARTS has the processes that the loader ran."""
    (tmp_path / "haste.c").write_text(HASTE)
    call("cc", "-shared", "-fPIC", "-o", tmp_path / "haste.so", tmp_path / "haste.c")
    files = {name: fleet.dev.data / name for name in ("SOON", "LATER", "STARTS")}
    fleet.more = {"LD_PRELOAD": str(tmp_path / "haste.so"), **{name: str(file) for name, file in files.items()}}
    return files


def test_a_reload_while_it_starts_is_heeded_and_does_not_end_it(fleet, server, haste):
    server.sleep = "12:00:00"
    haste["LATER"].touch()
    with between_contacts(fleet) as (parent, _):
        until(lambda: haste["STARTS"].read_text().split().count(str(parent.pid)) == 2)
        assert parent.poll() is None and not haste["LATER"].exists()


def test_so_is_one_while_it_begins_anew(fleet, server, haste):
    """systemctl reload, twice in a row."""
    server.sleep = "12:00:00"
    with between_contacts(fleet) as (parent, _):
        haste["SOON"].touch()
        parent.send_signal(signal.SIGHUP)
        until(lambda: not haste["SOON"].exists())
        until(lambda: len(server.requests("poll")) >= 2 or parent.poll() is not None)
        assert parent.poll() is None
        # It is noted by its own handler again.
        assert facts_of(parent.pid)["SigBlk"] == facts_of(os.getpid())["SigBlk"]


def test_one_contact_ends_by_sighup_as_ever(fleet, haste):
    haste["LATER"].touch()
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)       # also where this is behind nohup
    try:
        fleet("once", code=-signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
