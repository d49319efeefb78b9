# SPDX-License-Identifier: Apache-2.0
"""[data] paths=: what belongs to the release goes back with it, whatever ends the trial; and what is not named stays."""

CONF = "[data]\npaths=app,etc/site,absent\n"
# A file with holes, two names for one file, a link, a folder of another user, an ACL's and a user's attribute.
MAKE = ("mkdir -p /data/app/sub /data/etc /data/other && cd /data/app && echo old >db && ln db sub/same && ln -s ../db sub/link && "
        "dd if=/dev/zero of=hole bs=1 count=1 seek=3M 2>/dev/null && chown 12:34 sub && chmod 2750 sub && mknod sub/node c 1 3 && "
        "mkfifo sub/pipe && echo site >/data/etc/site && echo stays >/data/other/file && touch -d '2020-02-02 02:02' db && cd / && sync")
# All that a copy must keep, in a line for each name.
LOOK = ("cd /data && find app etc -exec stat -c '%n %F %a %u %g %s %h %t:%T' {} + | sort; "
        "stat -c '%Y %b' app/db app/hole; cat app/db etc/site; cd /")
MIGRATE = ("rm -rf /data/app/sub && echo new >/data/app/db && echo more >/data/app/more && rm /data/etc/site && "
           "mkdir /data/absent && echo x >/data/absent/x && echo changed >/data/other/file && sync")
KEPT = r"data: kept as it is before slot b boots for the first time \({}"
BACK = r"data: put back as it was before slot b booted"


def initrd_of(bench, name="data", conf=CONF, modules=..., **options):
    return bench.conf_initramfs(f"{name}", conf, **({} if modules is ... else {"modules": modules}))


def begin(bench, vm, what="keelboot install /data/incoming/2.0.keel --progress=none"):
    """1.0 has its data, and 2.0 is installed; what the data looks like."""
    bench.up(vm, "1.0", "a")
    bench.ask(vm, MAKE)
    looks = bench.ask(vm, LOOK)
    bench.ask(vm, what, 120)
    return looks


def test_data_goes_back_with_the_release_and_is_dropped_by_the_commit(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0 nomark"),
                                   "incoming/3.0.keel": bench.bundle("3.0 nomark")})
    with bench.machine(disk, initrd=initrd_of(bench)) as vm:
        before = begin(bench, vm)
        vm.send("reboot")
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "2.0", "b")
        assert bench.ask(vm, LOOK) == before, "the trial begins with what was there"
        bench.ask(vm, MIGRATE)
        vm.power_cut()
        vm.start()
        assert "keelboot: data: " not in bench.up(vm, "2.0", "b"), "its second boot keeps the first snapshot"
        assert bench.ask(vm, "cat /data/app/db").strip() == "new"
        bench.ask(vm, "keelboot mark bad --reason 'cannot read it'")
        vm.send("reboot")
        vm.expect(BACK)
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, LOOK) == before
        assert bench.ask(vm, "ls -d /data/absent /data/keelboot/kept* 2>/dev/null || true").strip() == ""
        assert bench.ask(vm, "cat /data/other/file").strip() == "changed"
        assert any("data was put back" in event["reason"] for event in bench.history(vm))
        vm.send("reboot")
        assert "keelboot: data: " not in bench.up(vm, "1.0", "a")
        bench.ask(vm, "keelboot install /data/incoming/3.0.keel --progress=none", 120)
        vm.send("reboot")
        vm.expect(KEPT.format("copy, "))
        bench.up(vm, "3.0", "b")
        assert bench.ask(vm, "ls /data/keelboot/kept").split() == ["0", "1", "2.absent", "list"]
        bench.ask(vm, MIGRATE)
        bench.ask(vm, "keelboot mark good")
        assert bench.ask(vm, "ls /data/keelboot | grep kept || true").strip() == ""
        vm.send("reboot")
        assert "keelboot: data: " not in bench.up(vm, "3.0", "b")
        assert bench.ask(vm, "cat /data/app/db").strip() == "new"
