# SPDX-License-Identifier: Apache-2.0
"""Measured boot: what was chosen goes into a PCR, and a secret that is bound to a release is given to that alone
(docs/MEASURED.md)."""

import json

import pytest
import yaml

import test_pairs_kexec as kexec
import tpm
from kbdevice import run
from kbdisk import mkext4
from kbroot import mkroot

PCR = 13
CONF = "[measure]\npcr=13\n"
REQUIRED = CONF + "required=yes\n"
VERITY = ("virtio", "usb", "ext4", "vfat", "verity")
HANGS = 60      # seconds: longer than process 1 waits for the TPM

BOOT = """\
#!/bin/sh
mount -t ext4 -o nosuid,nodev "$(sed -n 's/^data //p' /run/keelboot/devices)" /data
[ -c /dev/watchdog0 ] && watchdog -T 60 -t 1 /dev/watchdog0
echo "system {version} is up on slot $(cat /run/keelboot/slot)"
{verdict}
echo "system {version} is ready"
"""


def system(bench, version: str, verdict: str = "keelboot mark good"):
    """An image with the tools of docs/MEASURED.md."""
    device = bench.device
    with device.lock():
        image = device.work / f"measured-{version}.img"
        if not image.exists():
            device.key()
            tree = device.work / f"measured-{version}"
            files = {"usr/bin/keelboot": device.stripped("keelboot"),
                     "usr/lib/keelboot/keelboot-helper": device.stripped("keelboot-helper"),
                     "etc/keelboot/system.conf": device.conf, "etc/keelboot/system.conf.d/measure.conf": CONF,
                     "etc/keelboot/keys": device.work / "keys", **tpm.tools(device.work / "tpm-tools")}
            mkroot(tree, name="Demo", version=version, boot=BOOT.format(version=version, verdict=verdict), files=files,
                   tty=device.board.console, busybox=str(device.busybox))
            mkext4(image, "34M", tree, label="root", seed=f"measured-{version}")
    return image


def bundle(bench, version: str, verdict: str = "keelboot mark good"):
    return bench.device.bundle(version, image=system(bench, version, verdict), options=("--verity",))


@pytest.fixture
def device_with_tpm(bench):
    """A machine with this TPM; its system.conf has the lines."""
    def make(disk, chip, conf=CONF, *, append="", **options):
        name = "measured-required" if "required=yes" in conf else "measured" if conf else "unmeasured"
        initrd = bench.conf_initramfs(name, conf or "[system]\n", modules=VERITY)
        return bench.machine(disk, initrd=initrd, extra=chip.extra if chip else (), append=append, **options)
    return make


def pcr(bench, vm, bank: str = "sha256") -> str:
    """Its value in the machine, as the kernel has it."""
    return bench.ask(vm, f"cat /sys/class/tpm/tpm0/pcr-{bank}/{PCR}").strip().lower()


def values(bench, what, *options) -> dict:
    """What `keelboot measure` says that it will be."""
    return json.loads(bench.command("measure", what, "--json", *options))["values"]


def test_slot_is_measured_before_it_is_entered(bench, device_with_tpm, tmp_path):
    wanted = bundle(bench, "41.0")
    with tpm.Tpm(tmp_path) as chip, device_with_tpm(bench.disk("1.0", wanted, good="a"), chip) as vm:
        vm.expect(r"keelboot: slot b: measured into PCR 13 \(sha1,sha256\): trial, root sha256:[0-9a-f]{64}")
        bench.up(vm, "41.0", "b")
        assert pcr(bench, vm) == values(bench, wanted)["trial"]
        assert bench.boot_json(vm)["measured"] == {"pcr": PCR, "banks": "sha1,sha256", "by": "this kernel"}


def test_first_kernel_measures_what_it_starts(bench, tmp_path):
    """Once, though the kernel that it starts has Keelboot, and a configuration that measures, too."""
    releases = kexec.Releases(bench, tries=9, conf=CONF)
    disk = bench.disk(releases.system(1))
    with tpm.Tpm(tmp_path) as chip, bench.device.machine(
            disk, initrd=releases.initrd, memory=384, extra=chip.extra, log=str(tmp_path / "console.log"),
            append=f"panic=1 {kexec.WATCHDOG.format(90)}") as vm:
        text = bench.up(vm, releases.version(1), "a", kexec.SLOW)
        assert text.count("slot a: measured into PCR 13") == 1
        told = bench.ask(vm, "keelboot measure a --tier good 2>/dev/null")
        assert told.strip() == f"13:sha256={pcr(bench, vm)}"
        assert bench.boot_json(vm)["measured"]["by"] == "the first kernel"


# ---------------------------------------------------------------- a secret, as docs/MEASURED.md has it

# Seals what is in $1 to PCR 13 as $2 ("13:sha256=HEX") has it, into /data/sealed/$3.
SEAL = """\
set -e
mkdir -p /data/sealed; cd /tmp
echo "${2#*=}" | xxd -r -p > value
tpm2 createprimary -Q -C o -c primary
tpm2 createpolicy -Q --policy-pcr -l sha256:13 -f value -L policy
tpm2 create -Q -C primary -i "$1" -L policy -a 'fixedtpm|fixedparent' -u "/data/sealed/$3.pub" -r "/data/sealed/$3.priv"
"""
# The secret, to whoever has the PCR as one of them wants it.
UNSEAL = """\
cd /tmp
tpm2 createprimary -Q -C o -c primary || exit 1
for one in /data/sealed/*.pub; do
	tpm2 load -Q -C primary -u "$one" -r "${one%.pub}.priv" -c "object" || continue
	tpm2 unseal -Q -c object -p pcr:sha256:13 2>> why && exit 0
done
exit 1
"""
SCRIPTS = {"seal": SEAL, "unseal": UNSEAL}
LUKS = "cryptsetup --key-file=/tmp/key"
TCTI = "export TPM2TOOLS_TCTI=device:/dev/tpmrm0 PATH=/bin:/sbin:/usr/bin:/usr/sbin"


@pytest.fixture
def sealing(bench, tmp_path):
    """A disk with a partition for LUKS, and what a script of the page does in the device."""
    class Sealing:
        disk = None

        def boot(self, chip, **options):
            initrd = bench.conf_initramfs(options.pop("image", "measured-luks"), options.pop("conf", CONF), "--module",
                                          "dm-crypt", "--module", "xts", modules=VERITY)
            return bench.machine(self.disk, initrd=initrd, extra=chip.extra, **options)

        @staticmethod
        def put(vm):
            for name, text in SCRIPTS.items():
                bench.ask(vm, f"cat > /data/{name} <<'END'\n{text}END\n")

        @staticmethod
        def opens(vm) -> bool:
            """The data, which only the key opens. A refusal is the TPM's."""
            status, _ = vm.shell(f"{TCTI}; sh /data/unseal > /tmp/key && {LUKS} open /dev/vda5 secret", 120)
            if status == 0:
                assert "the data" in bench.ask(vm, "head -c 8 /dev/mapper/secret")
            else:
                assert bench.ask(vm, "cat /tmp/why").count("a policy check failed") == 2
            return status == 0

    return Sealing()


def test_data_key_is_for_one_release_alone(bench, sealing, tmp_path):
    """Sealed in release 41 for 42 before its first boot: given to 42 on trial and good, and refused to 41, which comes
    back, to 42 as a last resort, and where somebody starts the same kernel without Keelboot."""
    old, new = bundle(bench, "41.0"), bundle(bench, "42.0")
    sealing.disk = bench.disk("1.0", old, good="b", data={"next.keel": new}, extra=[("secret", "32M", None)])
    with tpm.Tpm(tmp_path) as chip:
        with sealing.boot(chip) as vm:
            bench.up(vm, "41.0", "b")
            sealing.put(vm)
            bench.ask(vm, "head -c 32 /dev/urandom > /tmp/key && "
                          f"{LUKS} luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vda5 && "
                          f"{LUKS} open /dev/vda5 secret && echo -n 'the data' > /dev/mapper/secret", 120)
            for tier in ("trial", "good"):
                told = f"$(keelboot measure /data/next.keel --tier {tier})"
                bench.ask(vm, f"{TCTI}; sh /data/seal /tmp/key {told} {tier}", 120)
            bench.ask(vm, "cryptsetup close secret; rm /tmp/key")
            assert not sealing.opens(vm)                # 41 itself
            bench.ask(vm, "keelboot stage /data/next.keel && sync", 120)
            vm.send("reboot")
            text = bench.up(vm, "42.0", "a")
            assert "measured into PCR 13" in text and "trial, root" in text
            assert sealing.opens(vm)
            vm.send("reboot")
            text = bench.up(vm, "42.0", "a")
            assert "good, root" in text
            assert sealing.opens(vm)
            # It opens the data no more once it is a last resort, nor does the release before.
            bench.ask(vm, "keelboot mark bad a && sync")
            vm.send("reboot")
            bench.up(vm, "41.0", "b")
            assert not sealing.opens(vm)
            bench.ask(vm, "keelboot mark bad b && sync")
            vm.send("reboot")
            vm.expect(r"measured into PCR 13 \(sha1,sha256\): last-resort, root", 120)
            vm.expect(r"system 4[12]\.0 is ready", 60)
            assert not sealing.opens(vm)
        with sealing.boot(chip, append="keelboot.enable=0 root=PARTLABEL=root-a") as vm:
            vm.expect(r"measure: PCR 13: no slot \(keelboot.enable=0\)")
            vm.expect(r"# ", 60)
            bench.ask(vm, "mkdir -p /data; mount /dev/vda2 /data")
            assert not sealing.opens(vm)


# ---------------------------------------------------------------- TPMs that do not do what they should

GARBAGE = {"empty": b"", "short": b"\x80\x02\0\0", "text": b"no answer of a TPM's " * 9,
           "digest-cut": bytes.fromhex("8002 0000001d 00000000 0000000e 00000001 000b 0102030405060708 000001 0000"),
           "failure-mode": tpm.error(0x101), "locked-out": tpm.error(0x921), "version-1.2": bytes.fromhex(
               "00c4 0000000a 0000001e")}
GARBAGE.pop("empty")    # QEMU takes that for the end


@pytest.mark.parametrize("what", GARBAGE)
def test_answer_that_is_none_is_told_and_the_slot_boots(bench, device_with_tpm, tmp_path, what):
    with tpm.Tpm(tmp_path) as chip, device_with_tpm(bench.disk("1.0", "2.0", good="a"), chip) as vm:
        chip.spoil = GARBAGE[what]
        # What is not even framed is waited for by the kernel.
        vm.expect(r"keelboot: measure: slot b is entered without being measured: PCR 13: "
                  r"(keelboot-tpm: measuring: |the TPM does not answer)", HANGS)
        bench.up(vm, "2.0", "b")
        assert bench.boot_json(vm)["measured"]["by"] == "nobody"
        assert any("PCR 13" in text for text in bench.boot_warnings(vm))
        assert any("was not measured" in event["reason"] for event in bench.history(vm))
        assert "was not measured" in bench.ask(vm, "keelboot history") and "PCR 13" in bench.ask(vm, "keelboot status")
        if b"\x80\x01" in GARBAGE[what]:       # else the kernel's driver waits for more
            assert not pcr(bench, vm).strip("0")


def test_tpm_that_hangs_costs_seconds(bench, device_with_tpm, tmp_path):
    with tpm.Tpm(tmp_path) as chip, device_with_tpm(bench.disk("1.0", "2.0", good="a"), chip) as vm:
        chip.spoil = "hang"
        vm.expect(r"keelboot: keelboot-tpm does not end; stopped", HANGS)
        vm.expect(r"slot b is entered without being measured: PCR 13: the TPM does not answer", HANGS)
        bench.up(vm, "2.0", "b")
        assert len(vm.boots) == 1


def test_without_a_tpm_it_says_so(bench, device_with_tpm):
    with device_with_tpm(bench.disk("1.0", "2.0", good="a"), None) as vm:
        vm.expect(r"slot b is entered without being measured: PCR 13: keelboot-tpm: no TPM: ")
        bench.up(vm, "2.0", "b")
        assert any("no TPM" in text for text in bench.boot_warnings(vm))


def test_required_measurement_keeps_all_slots_shut_without_a_tpm_and_costs_none_a_try(bench, device_with_tpm, tmp_path):
    disk = bench.disk("1.0", "2.0", good="a")
    with device_with_tpm(disk, None, REQUIRED) as vm:
        for number in (1, 2):
            vm.wait_boot(number, 120)
            vm.expect(r"measure: PCR 13: keelboot-tpm: no TPM: .*; \[measure\] required=yes: no slot is booted", 120)
            vm.expect(r"unable to boot: .*; restarting in 30 s")
        assert "is up" not in vm.console.text
    with tpm.Tpm(tmp_path) as chip, device_with_tpm(disk, chip, REQUIRED) as vm:
        vm.expect(r"slot b: 2\.0, trial, tries left: 2")
        bench.up(vm, "2.0", "b")
        assert [event["reason"] for event in bench.history(vm)].count("no TPM to measure with") == 1


def test_required_measurement_that_fails_late_does_not_enter_the_slot(bench, device_with_tpm, tmp_path):
    """Neither root nor its tries pay for the TPM."""
    with tpm.Tpm(tmp_path) as chip, device_with_tpm(bench.disk("1.0", "2.0", good="a"), chip, REQUIRED) as vm:
        chip.spoil = tpm.error(0x101)
        for number in (1, 2):
            vm.wait_boot(number, 120)
            vm.expect(r"measure: slot b is not measured, so it is not entered: PCR 13: .* error 0x101", 120)
        chip.spoil = None
        vm.wait_boot(3, 120)
        vm.expect(r"slot b: 2\.0, trial, tries left: 2")
        text = bench.up(vm, "2.0", "b")
        assert "slot b: measured into PCR 13" in text
        events = bench.history(vm)
        assert [event["reason"] for event in events].count("not measured") == 2
        assert bench.status(vm)["slots"][1]["state"] == "good"


@pytest.mark.parametrize("banks, chip", [("sha1", "tpm-tis"), ("sha1,sha256,sha384,sha512", "tpm-crb")])
def test_all_banks_are_extended_and_logged(bench, device_with_tpm, tmp_path, banks, chip):
    """tpm2_eventlog replays the log to what the PCRs have."""
    tpm_ = tpm.Tpm(tmp_path, banks=banks, device=chip)
    with tpm_ as chip, device_with_tpm(bench.disk("1.0", "2.0", good="a"), chip) as vm:
        vm.expect(rf"slot b: measured into PCR 13 \({banks}\)")
        bench.up(vm, "2.0", "b")
        log = tmp_path / "eventlog"
        log.write_bytes(bytes.fromhex(bench.ask(vm, "xxd -p /run/keelboot/tpm2_eventlog").replace("\n", "")))
        said = yaml.safe_load(run("tpm2_eventlog", log))
        for bank in banks.split(","):
            assert f"{said['pcrs'][bank][PCR]:x}".zfill(40) in pcr(bench, vm, bank)
        assert "tier=trial" in json.dumps(said["events"]) and len(said["events"]) == 2


def test_tpm_that_is_locked_out_still_measures(bench, sealing, tmp_path):
    """After wrong passwords it gives no secret out for hours; PCRs have none."""
    sealing.disk = bench.disk("1.0", bundle(bench, "41.0"), good="b")
    with tpm.Tpm(tmp_path) as chip, sealing.boot(chip) as vm:
        bench.up(vm, "41.0", "b")
        bench.ask(vm, f"{TCTI}; cd /tmp; tpm2 dictionarylockout -s -n 1 -t 1000 -l 1000; "
                      "tpm2 createprimary -Q -c primary; "
                      "echo a | tpm2 create -Q -C primary -i - -p right -u u -r r -c object; "
                      "! tpm2 unseal -Q -c object -p wrong", 120)
        vm.send("reboot")
        assert "slot b: measured into PCR 13" in bench.up(vm, "41.0", "b")
        assert "1" in bench.ask(vm, f"{TCTI}; tpm2 getcap properties-variable | grep inLockout")
