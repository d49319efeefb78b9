# SPDX-License-Identifier: Apache-2.0
"""`keelboot reset-data`, and the markers that ask for the same: the data partition is made anew once, by the maker's
rule; slots stay as they are."""

CONF = "[data]\nkeep=ids,etc/keys\n"
MAKE = ("mkdir -p /data/app/deep /data/ids /data/etc/keys /data/etc/other && echo 1 >/data/app/deep/x && "
        "echo 42 >/data/ids/serial && echo k >/data/etc/keys/k && echo o >/data/etc/other/o && echo t >/data/top && "
        "ln -s /etc/hostname /data/link && sync")
NAMES = "cd /data && find . ! -name lost+found | sort | tr '\\n' ' '; cd /"
KEPT = ". ./etc ./etc/keys ./etc/keys/k ./ids ./ids/serial ./keelboot"
ANEW = r"data: made anew, as it was asked for"


def names(bench, vm) -> str:
    return bench.ask(vm, NAMES).strip()


def test_reset_deletes_all_but_what_the_maker_keeps_and_happens_once(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0")})
    with bench.untouched(disk), bench.machine(disk, initrd=bench.conf_initramfs("reset", CONF)) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, MAKE)
        assert "deletes what is on the data partition" in bench.ask(vm, "keelboot reset-data")
        assert bench.status(vm)["data"]["reset"]
        bench.ask(vm, "keelboot reset-data --cancel")
        assert not bench.status(vm)["data"]["reset"]
        bench.ask(vm, "keelboot reset-data")
        vm.send("reboot")
        vm.expect(ANEW)
        bench.up(vm, "1.0", "a")
        assert names(bench, vm) == KEPT and bench.ask(vm, "cat /data/ids/serial").strip() == "42"
        assert [event["reason"] for event in bench.history(vm)][:1] == ["the data partition was made anew"]
        bench.ask(vm, MAKE)
        vm.send("reboot")
        assert ANEW not in bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "cat /data/top").strip() == "t"


def test_line_that_the_boot_loader_keeps_resets_once_for_each_text(bench):
    disk = bench.disk("1.0")
    with bench.machine(disk, initrd=bench.conf_initramfs("reset", CONF), append="keelboot.reset-data=rma-17") as vm:
        vm.expect(r"data: keelboot\.reset-data= asks to make it anew")
        vm.expect(ANEW)
        bench.up(vm, "1.0", "a")
        bench.ask(vm, MAKE)
        vm.send("reboot")
        assert ANEW not in bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "cat /data/top").strip() == "t"


def test_stick_asks_and_the_template_of_the_slot_fills(bench):
    """A stick that stays plugged in asks once; what the maker keeps is not replaced by the template's."""
    folder = "usr/share/acme/data"
    with bench.device.lock():
        files = {f"{folder}/app/db": "as made\n", f"{folder}/ids/serial": "0\n"}
        image = bench.device.system("1.0-template", files=files)
    word = bench.work / "word"
    word.write_text("rma-18\n")
    stick = bench.stick(files={"keelboot/reset-data": word})
    disk = bench.disk("1.0", slots=(image, ...))
    for allowed in ("", "reset-media=usb\n"):
        name = "template-asked" if allowed else "template"
        initrd = bench.conf_initramfs(name, f"{CONF}template=/{folder}\n{allowed}")
        with bench.machine(disk, initrd=initrd, drives=[stick]) as vm:
            text = bench.up(vm, "1.0-template", "a")
            assert (ANEW in text) == bool(allowed)
            if not allowed:
                assert "does not allow it" in text
                bench.ask(vm, MAKE)
                continue
            assert bench.ask(vm, "cat /data/app/db /data/ids/serial").split() == ["as", "made", "42"]
            bench.ask(vm, MAKE)
            vm.send("reboot")
            assert ANEW not in bench.up(vm, "1.0-template", "a")
            assert bench.ask(vm, "cat /data/top").strip() == "t"


def test_trial_that_begins_with_a_reset_and_is_left_leaves_no_gap(bench):
    """A stick brings the release and asks for the reset. The old release finds what it brings itself."""
    folder = "usr/share/acme/data"
    with bench.device.lock():
        images = [bench.device.system(version, kind, files={f"{folder}/app/db": f"of {version}\n"})
                  for version, kind in (("1.7", "ok"), ("2.7", "nomark"))]
    word = bench.work / "gap-word"
    word.write_text("rma-27\n")
    stick = bench.stick(bench.bundle("2.7 nomark"), name="gap", files={"keelboot/reset-data": word})
    disk = bench.disk("1.7", slots=(images[0], ...))
    initrd = bench.conf_initramfs("reset-gap", f"[data]\npaths=app\ntemplate=/{folder}\nreset-media=usb\n")
    with bench.machine(disk, initrd=initrd, drives=[stick]) as vm:
        vm.expect(ANEW)
        bench.up(vm, "2.7", "b")
        assert bench.ask(vm, "cat /data/app/db").strip() == "of 2.7"
        bench.ask(vm, "echo new >/data/app/db; echo o >/data/own; sync")
        bench.ask(vm, "keelboot mark bad && sync")
        vm.send("reboot")
        bench.up(vm, "1.7", "a")
        assert bench.ask(vm, "cat /data/app/db /data/own").split() == ["of", "1.7", "o"]
        assert names(bench, vm) == ". ./app ./app/db ./keelboot ./own"


def test_line_and_stick_that_both_stay_reset_once_each(bench):
    """Each boot sees two texts: none of them makes the other one new."""
    word = bench.work / "other-word"
    word.write_text("rma-22\n")
    stick = bench.stick(files={"keelboot/reset-data": word})
    disk = bench.disk("1.0")
    initrd = bench.conf_initramfs("reset-both", f"{CONF}reset-media=usb\n")
    with bench.machine(disk, initrd=initrd, append="keelboot.reset-data=rma-21", drives=[stick]) as vm:
        vm.expect(ANEW)
        bench.up(vm, "1.0", "a")
        bench.ask(vm, MAKE)
        for _ in range(2):
            vm.send("reboot")
            assert ANEW not in bench.up(vm, "1.0", "a")
            assert bench.ask(vm, "cat /data/top").strip() == "t"


def test_reset_by_a_rule_that_cannot_be_read_deletes_nothing(bench):
    disk = bench.disk("1.0")
    initrd = bench.conf_initramfs("reset-bad", "[data]\nkeep=xids,etc/keys\n")
    # mkinitramfs would refuse it; other packers may not.
    initrd.write_bytes(initrd.read_bytes().replace(b"keep=xids", b"keep=/ids"))
    with bench.machine(disk, initrd=initrd) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, MAKE)
        said = bench.ask(vm, "keelboot reset-data || :")
        assert "[data] keep= of the initramfs cannot be read: nothing is reset" in said
    with bench.machine(disk, initrd=initrd, append="keelboot.reset-data=rma-30") as vm:
        vm.expect(r"data: not made anew, as it was asked for: \[data\] keep= of the initramfs cannot be read")
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "cat /data/top").strip() == "t" and not bench.status(vm)["data"]["reset"]


def test_blank_behind_a_comma_keeps_what_is_named(bench):
    disk = bench.disk("1.0")
    with bench.machine(disk, initrd=bench.conf_initramfs("reset-blank", "[data]\nkeep=ids, etc/keys\n")) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, MAKE)
        bench.ask(vm, "keelboot reset-data")
        vm.send("reboot")
        vm.expect(ANEW)
        bench.up(vm, "1.0", "a")
        assert names(bench, vm) == KEPT
