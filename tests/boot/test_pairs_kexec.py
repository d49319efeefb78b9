# SPDX-License-Identifier: Apache-2.0
"""Each root has a kernel of its own, which the kernel that the boot loader starts loads by kexec: a release brings it,
and is left with it."""

import shutil

import conftest
import kbkernel
import pytest
import test_uki as uki
from kbdevice import run
from kbdisk import Vfat, mkvfat

CONF = "[system]\ntries={tries}\n[loader]\nkind=kexec\n"
SIZE = "36M"
SLOW = 120      # seconds: a kernel unpacks itself in the emulated processor
GARBAGE = b"no initramfs " * 1000
# A kernel that hangs is only noticed by it, and one that unpacks itself on a busy host must not be.
WATCHDOG = "keelboot.watchdog=/dev/watchdog0,{}"
STARTS = "slot {}: starting its kernel"
RUNS = "slot {}: this is its own kernel"


class Releases:
    """A device whose first kernel no release has, and releases with a kernel each. Its words name the release."""

    def __init__(self, bench, *, tries=3, conf="", name="kexec", modules=None, base=None, own=None):
        """base: the device by the kernel that the boot loader starts; own: that of the releases."""
        self.bench, self.base, own = bench, base or bench.device, own or bench.device
        self.kernel = own.kernel.bzimage
        more = {} if modules is None else {"modules": modules}
        self.initrd, self.own_initrd = (
            conftest.Bench(device, bench.work).conf_initramfs(f"{name}-{tries}", CONF.format(tries=tries) + conf,
                                                              packed=True, **more) for device in (self.base, own))
        # All scenarios share their systems, and these have that initramfs.
        self.minor = {"kexec": 70, "kexec-boot": 80, "kexec-verity": 90, "kexec-counted": 60, "kexec-newer-base": 50,
                      "kexec-newer-release": 40}[name] + tries

    def version(self, major) -> str:
        return f"{major}.{self.minor}"

    def files(self, version, **files):
        """Kernel, initramfs and words of a release; one of None is left out."""
        files = {"vmlinuz": self.kernel, "initramfs.img": self.own_initrd, "kernel-words": f"release={version}\n",
                 **{name.replace("_", "."): content for name, content in files.items()}}
        return {f"boot/{name}": content for name, content in files.items() if content is not None}

    def system(self, major, kind="ok", **files) -> str:
        """A root with them; its name, as disk() takes it. Another major number for other files."""
        version = self.version(major)
        self.bench.device.system(version, kind, size=SIZE, files=self.files(version, **files))
        return f"{version} {kind}"

    def bundle(self, major, *, options=(), **files):
        return self.bench.bundle(self.system(major, **files), options=options)

    def machine(self, disk, *sticks, append="panic=1", watchdog=90):
        return self.base.machine(disk, drives=sticks, initrd=self.initrd, memory=384,
                                 append=f"{append} {WATCHDOG.format(watchdog)}",
                                 log=str(self.bench.work / "console.log"))


def words_of_kernel(bench, vm) -> list:
    return bench.ask(vm, "cat /proc/cmdline").split()


def slot_b(bench, vm) -> tuple:
    slot = bench.status(vm)["slots"][1]
    return slot["state"], slot["reason"]


def test_release_is_started_by_its_own_kernel_and_becomes_good(bench):
    releases = Releases(bench)
    old = releases.system(1)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(2))) as vm:
        text = bench.up(vm, releases.version(2), "b", SLOW)
        for line in (STARTS.format("b"), RUNS.format("b"), "slot b: its own kernel has come up"):
            assert line in text, text
        words = words_of_kernel(bench, vm)
        assert words.count("keelboot.pair=b") == 1 and f"release={releases.version(2)}" in words and "panic=1" in words
        # Both initramfs images have the same keys.
        assert f"keelboot.base-keys={','.join(bench.boot_json(vm)['keys']['trusted'])}" in words
        assert bench.boot_json(vm)["pair"] == "b" and len(vm.boots) == 1
        assert slot_b(bench, vm)[0] == "good"


def test_healthy_boot_by_kexec_writes_nothing(bench):
    releases = Releases(bench)
    disk = bench.disk(releases.system(1, "still"))
    content = disk.read_bytes()
    with releases.machine(disk) as vm:
        bench.up(vm, releases.version(1), "a", SLOW)
        assert f"release={releases.version(1)}" in words_of_kernel(bench, vm)
        assert vm.writes() == {}, vm.stats()
        vm.send("reboot -f")
        vm.wait_reset()
        text = bench.up(vm, releases.version(1), "a", SLOW)
        assert STARTS.format("a") in text and vm.writes() == {}, vm.stats()
    assert disk.read_bytes() == content


def test_release_whose_own_kernel_panics_is_left_and_says_why(bench):
    releases = Releases(bench, tries=1)
    old = releases.system(1)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(3, initramfs_img=GARBAGE))) as vm:
        vm.expect(STARTS.format("b"), SLOW)
        vm.expect("Kernel panic", SLOW)
        text = bench.up(vm, releases.version(1), "a", SLOW)
        assert "slot b is rejected: its kernel did not come up" in text and RUNS.format("a") in text
        assert slot_b(bench, vm) == ("bad", "its kernel did not come up")
        assert f"release={releases.version(1)}" in words_of_kernel(bench, vm)


def test_release_whose_kernel_hangs_is_reset_by_the_watchdog_that_the_first_one_armed(bench):
    """It panics, and stays there."""
    releases = Releases(bench, tries=1)
    old = releases.system(1)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(3, initramfs_img=GARBAGE)),
                          append="panic=0", watchdog=60) as vm:
        vm.expect(STARTS.format("b"), SLOW)
        text = bench.up(vm, releases.version(1), "a", 2 * SLOW)
        assert bench.causes(vm) == ["watchdog"]
        assert "slot b is rejected: its kernel did not come up" in text


def test_good_slot_whose_kernel_hangs_is_left_though_it_is_not_counted(bench):
    """The watchdog's report says it, and each time the first kernel writes that."""
    releases = Releases(bench)
    old = releases.system(1)
    with releases.machine(bench.disk(old, releases.bundle(3, initramfs_img=GARBAGE)),
                          append="panic=0", watchdog=60) as vm:
        bench.up(vm, releases.version(1), "a", 4 * SLOW)
        assert bench.causes(vm) == ["watchdog"] * 3
        assert slot_b(bench, vm) == ("good", "crashed or hung")


def test_base_that_is_locked_down_and_has_no_key_starts_no_signed_kernel_and_says_so(bench):
    """Debian signs its kernels, but each has the key of its own modules alone. Others come from UEFI."""
    releases = Releases(bench, tries=1)
    old = releases.system(1)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(2)), append="panic=1 lockdown=integrity") as vm:
        text = bench.up(vm, releases.version(1), "a", SLOW)
        assert "kexec of unsigned images is restricted" in text and len(vm.boots) == 1
        for slot in "ba":
            assert f"slot {slot}: its kernel: keelboot-kexec: unable to load it: Operation not permitted: the kernel " \
                   "that runs asks for a signature by a key that it trusts; sign it" in text
        assert slot_b(bench, vm) == ("trial", "its kernel cannot be started")
        told = "slot a runs with the first kernel: its own kernel cannot be started"
        assert told in text and told in bench.ask(vm, "keelboot status")
        assert bench.boot_json(vm)["pair"] == "-"
        assert "signed by a key that it trusts" in bench.ask(vm, "keelboot doctor || true")


ONE_LOAD = "panic=1 sysctl.kernel.kexec_load_limit_reboot=1"    # of a base; 6.1 knows no such limit


def newer(bench):
    """The device by the kernel of the backports: one of 6.3 or later, which counts what is loaded by kexec."""
    kernel = kbkernel.get(conftest.TOP / "build/kernel-bookworm-backports", suite="bookworm-backports")
    return bench.device.with_kernel(kernel, watchdog=30)


@pytest.mark.parametrize("name", ["kexec-newer-base", "kexec-newer-release"])
def test_base_and_release_have_kernels_of_two_series(bench, name):
    """A base whose limit allows one load, or that knows none; and the release goes on with what the base began."""
    kernels = {name.removeprefix("kexec-newer-").replace("release", "own"): newer(bench)}
    releases = Releases(bench, name=name, **kernels)
    own = kernels.get("own", bench.device).kernel.version
    old = releases.system(1)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(2)), append=ONE_LOAD) as vm:
        text = bench.up(vm, releases.version(2), "b", SLOW)
        first, second = (text.index(f"Linux version {version}") for version in (releases.base.kernel.version, own))
        assert first < text.index(STARTS.format("b")) < second < text.index(RUNS.format("b"))
        assert bench.ask(vm, "uname -r").strip() == own and slot_b(bench, vm)[0] == "good"
        vm.send("reboot -f")
        vm.wait_reset()
        bench.up(vm, releases.version(2), "b", SLOW)
        assert bench.boot_json(vm)["pair"] == "b" and bench.causes(vm) == ["guest"]


def test_kernel_that_is_refused_takes_the_one_load_that_a_newer_base_has(bench):
    """The good slot runs with the base's kernel then, at no cost. To ask whether it may load took one for a crash."""
    releases = Releases(bench, tries=1, name="kexec-newer-base", base=newer(bench))
    old = releases.system(1)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(4, vmlinuz=b"no kernel " * 1000)),
                          append=f"{ONE_LOAD} sysctl.kernel.kexec_load_limit_panic=2") as vm:
        text = bench.up(vm, releases.version(1), "a", SLOW)
        assert "slot b: its kernel: keelboot-kexec: unable to load it" in text and len(vm.boots) == 1
        assert "slot a: kernel.kexec_load_limit_reboot leaves no load for its kernel" in text
        assert slot_b(bench, vm)[1] == "its kernel cannot be started"
        assert bench.boot_json(vm)["pair"] == "-" and bench.status(vm)["slots"][0]["state"] == "good"
        left = bench.ask(vm, "cd /proc/sys/kernel; cat kexec_load_limit_reboot kexec_load_limit_panic")
        assert left.split() == ["0", "1"]
        vm.send("reboot -f")        # and a reset has it anew
        vm.wait_reset()
        assert RUNS.format("a") in bench.up(vm, releases.version(1), "a", SLOW)


def signed(bench, signer) -> bytes:
    """The kernel, with this signature alone."""
    plain, out = bench.work / "plain", bench.work / "signed"
    shutil.copy(kbkernel.get().bzimage, plain)
    run("sbattach", "--remove", plain)
    run("sbsign", "--key", signer.options[1], "--cert", signer.options[3], "--output", out, plain)
    return out.read_bytes()


@pytest.mark.skipif(not uki.TRUSTING.is_file(), reason="package ovmf is not installed, or has no test keys")
def test_base_under_secure_boot_starts_what_the_firmware_trusts_and_leaves_a_copy_that_was_changed(bench):
    """Debian's kernel is locked down there, and takes the firmware's keys. The copy differs in a text of its own."""
    releases, signer = Releases(bench, tries=1), uki.Signer.trusted(bench.work)
    good = signed(bench, signer)
    bad = good.replace(b"(debian-kernel@", b"(Debian-kernel@", 1)
    assert bad != good
    line = f"{uki.LINE} {WATCHDOG.format(90)}"
    base = bench.conf_initramfs(f"{bench.work.name}-base.efi", CONF.format(tries=1), "--uki", releases.kernel,
                                "--cmdline", line, *signer.options)
    disk = bench.disk(releases.system(12, vmlinuz=good), releases.bundle(13, vmlinuz=bad),
                      extra=[("esp", "64M", Vfat({uki.BOOT: base}, label="ESP"))])
    with uki.with_firmware(bench, disk, memory=768) as vm:
        text = bench.up(vm, releases.version(12), "a", 2 * uki.SLOW)
        assert "Kernel is locked down from EFI Secure Boot" in text and len(vm.boots) == 1
        assert "slot b: its kernel: keelboot-kexec: unable to load it: " in text and RUNS.format("a") in text
        assert "asks for a signature by a key that it trusts" in text
        assert bench.boot_json(vm)["pair"] == "a" and slot_b(bench, vm)[1] == "its kernel cannot be started"
        assert f"release={releases.version(12)}" in words_of_kernel(bench, vm)


@pytest.mark.parametrize("major, files", [
    (4, {"vmlinuz": b"no kernel " * 1000}), (5, {"vmlinuz": None}), (6, {"initramfs_img": None})],
                         ids=["garbage", "no-kernel", "no-initramfs"])
def test_release_without_a_kernel_that_can_be_loaded_is_left_in_the_same_boot(bench, major, files):
    releases = Releases(bench, tries=1)
    old = releases.system(1)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(major, **files))) as vm:
        text = bench.up(vm, releases.version(1), "a", SLOW)
        assert "slot b: its kernel: keelboot-kexec: " in text and RUNS.format("a") in text
        assert len(vm.boots) == 1
        assert slot_b(bench, vm)[1] == "its kernel cannot be started"


def test_both_kernels_bad_are_passed_over_by_the_base_which_says_so(bench):
    """Neither can be loaded. The base boots the one preferred, in the same boot, and goes on like that."""
    releases = Releases(bench)
    bad = {"vmlinuz": b"no kernel " * 1000}
    with releases.machine(bench.disk(releases.system(8, **bad), releases.bundle(9, **bad))) as vm:
        for boots in (1, 2):
            text = bench.up(vm, releases.version(9), "b", SLOW)
            for slot in "ba":
                assert f"slot {slot}: its kernel: keelboot-kexec: " in text, text
            assert len(vm.boots) == boots and bench.boot_json(vm)["pair"] == "-"
            told = "slot b runs with the first kernel: its own kernel cannot be started"
            assert told in text and told in bench.ask(vm, "keelboot status")
            vm.send("reboot -f")
            vm.wait_reset()


def test_both_kernels_panic_and_the_base_boots_a_last_resort(bench):
    """Each good slot is left after three crashes; then the base starts no kernel any more, and says so. As on a device
    that reports no panic, they are counted."""
    releases = Releases(bench, name="kexec-counted", conf="[system]\ncount=auto\n")
    bad = {"initramfs_img": GARBAGE}
    with releases.machine(bench.disk(releases.system(1, **bad), releases.bundle(2, **bad)), watchdog=600) as vm:
        vm.expect(r"system \S+ is up on slot \w", 12 * SLOW)
        starts = [slot for boot in range(1, 8) for slot in "ab" if STARTS.format(slot) in vm.boot_text(boot)]
        assert starts == list("bbbaaa") and bench.causes(vm) == ["guest"] * 6
        told = "runs with the first kernel: a last resort boots by the kernel that runs"
        assert told in vm.boot_text(7) and told in bench.ask(vm, "keelboot status")
        assert bench.boot_json(vm)["pair"] == "-" and bench.boot_json(vm)["tier"] == "last-resort"


def test_power_cut_while_a_kernel_starts_leads_to_another_try(bench):
    releases = Releases(bench, tries=2)
    old = releases.system(1)
    disk = bench.disk(old)
    with releases.machine(disk, bench.stick(releases.bundle(2))) as vm:
        vm.expect(STARTS.format("b"), SLOW)
        vm.power_cut()
    with releases.machine(disk) as vm:
        bench.up(vm, releases.version(2), "b", SLOW)
        assert slot_b(bench, vm)[0] == "good"


def test_root_that_its_own_kernel_rejects_goes_back_to_the_other_slot(bench):
    """A check of its initramfs; the first kernel starts the other slot's then."""
    releases = Releases(bench, tries=1)
    old = releases.system(1)
    options = bench.hooks(post_mount="echo not this one; exit 1")
    other = bench.conf_initramfs("kexec-rejects", CONF.format(tries=1), *options, packed=True)
    with releases.machine(bench.disk(old), bench.stick(releases.bundle(7, initramfs_img=other))) as vm:
        vm.expect("restarting: only the first kernel starts that of another slot", SLOW)
        text = bench.up(vm, releases.version(1), "a", SLOW)
        assert RUNS.format("a") in text and len(vm.boots) == 2
        assert slot_b(bench, vm)[0] == "bad"


def test_kernels_lie_in_partitions_of_their_own(bench):
    releases = Releases(bench, name="kexec-boot", conf="[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
                        "[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=boot-b\n")
    pair = {"vmlinuz": releases.kernel, "initramfs.img": releases.initrd}
    image = bench.work / "boot.img"
    mkvfat(image, "32M", {**pair, "kernel-words": b"release=own\n"})
    disk = bench.disk("1.0", extra=[("boot-a", "32M", Vfat(pair)), ("boot-b", "32M", None)])
    bundle = bench.bundle("2.0", options=("--image", f"boot={image}"))
    with releases.machine(disk, bench.stick(bundle)) as vm:
        text = bench.up(vm, "2.0", "b", SLOW)
        assert RUNS.format("b") in text and "release=own" in words_of_kernel(bench, vm)
        assert slot_b(bench, vm)[0] == "good"


def test_kernel_of_a_verified_slot_is_read_through_dm_verity(bench):
    releases = Releases(bench, name="kexec-verity", conf="[system]\nverify-slot=always\n",
                        modules=("virtio", "usb", "ext4", "vfat", "verity"))
    old = releases.system(1)
    disk = bench.disk(old, releases.bundle(2, options=("--verity",)), good="ab")
    with releases.machine(disk) as vm:
        text = bench.up(vm, releases.version(2), "b", SLOW)
        assert RUNS.format("b") in text
        assert "/dev/dm-0 / ext4" in bench.ask(vm, "cat /proc/mounts")


def test_first_kernel_that_must_not_start_another_boots_the_good_slot_and_says_so(bench):
    releases = Releases(bench)
    old = releases.system(1)
    with releases.machine(bench.disk(old), append="panic=1 sysctl.kernel.kexec_load_disabled=1") as vm:
        bench.up(vm, releases.version(1), "a", SLOW)
        assert bench.boot_json(vm)["pair"] == "-"
        assert any("it is forbidden (kernel.kexec_load_disabled)" in text for text in bench.boot_warnings(vm))
        assert "runs with the first kernel" in bench.ask(vm, "keelboot doctor; true")
