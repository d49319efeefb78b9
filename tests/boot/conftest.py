# SPDX-License-Identifier: Apache-2.0
"""Scenarios on a real kernel in QEMU. Bundles, systems, slots and the initramfs are made once for all of them, below
build/boot-cache, and anew when the programs change; each scenario gets a disk of its own."""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "qemu")]
sys.path += [str(TOP / "tests"), str(TOP / "tests/hostile")]

from boards import BOARDS                                            # noqa: E402
from drives import Drive                                             # noqa: E402
from kbdevice import Device, run                                     # noqa: E402
from kbdisk import Disk, Ext4, mkvfat, parse_size, partition, read_partition     # noqa: E402

# Scenarios that take minutes, or real systems: `make check-long` runs them, `make check` the others.
LONG = ("boards", "both_exhausted_is_never_terminal", "buildroot", "checks", "consoles", "copy_of_the_disk",
        "debian_page", "debug_shell", "demo", "disk_comes_and_goes", "disk_errors", "distro", "emmc", "evil_sticks",
        "fleet_away", "fleet_channel", "fleet_channel_page", "fleet_manners", "fleet_page", "fleet_rollout",
        "fleet_systemd", "guardian", "guardian_debian", "health_bless", "health_checks", "health_data", "health_debian",
        "health_guard", "health_image", "health_migrate", "health_reset", "health_words", "init_exits", "integrate",
        "marked_too_early", "measured", "measured_debian13", "other_kernels", "packages", "packages_running",
        "pairs_efibootguard", "pairs_grub", "pairs_kexec", "pairs_sdboot", "pairs_type1", "pairs_uboot_x86",
        "pairs_uefi", "reinstall_after_rollback_is_refused", "rescue_never_ends", "reset_cause", "root_builders",
        "root_overlay_distro", "root_page", "selinux", "slot_that_cannot_be_written", "stick_pulled_mid_install",
        "thousand_files", "uki", "verify_first", "watchdog_handover", "what_hangs_is_reset", "yocto")
# Of those files, what is quick and the heart of the matter.
SHORT = ("test_slot_is_measured_before_it_is_entered",
         "test_without_qemu_the_test_cannot_be_made",
         "test_trial_that_nobody_marks_good_is_left_at_its_deadline",
         "test_guardian_ends_when_the_trial_is_marked_good",
         "test_release_whose_check_fails_is_rejected_with_its_words",
         "test_data_that_a_trial_changed_goes_back_when_it_is_left",
         "test_line_that_the_boot_loader_keeps_resets_once_for_each_text",
         "test_broken_update_and_then_a_good_one[initramfs-tools/]",
         "test_slot_that_lacks_a_required_file_is_passed_over",
         "test_release_brings_its_kernel_and_is_committed_with_it",
         "test_release_is_started_by_its_own_kernel_and_becomes_good",
         "test_signed_image_boots", "test_altered_image_is_refused",
         "test_busybox_that_starts_as_buildroots_does_has_a_root_to_write_to",
         "test_decisions_and_progress_are_on_every_console_of_a_quiet_kernel",
         "test_a_console_that_nobody_reads_holds_up_nothing")
# Of the other files, what a neighbour, a golden trace or a test on the host proves, too.
SLOW = ("test_a_bmc_is_taken_before_all_others[alone]", "test_a_bmc_is_taken_before_all_others[chipset]",
        "test_a_chipset_that_no_driver_finds_is_told", "test_a_hang_ends_by_the_watchdog_of_the_board",
        "test_a_slot_is_chosen_once_and_then_for_good",
        "test_an_answer_survives_kernel_messages_in_the_middle_of_its_marks",
        "test_boots_and_installs_what_is_staged[all]", "test_boots_and_installs_what_is_staged[least]",
        "test_boots_and_installs_what_is_staged[page]", "test_both_lost_regions_are_rebuilt_from_the_slots_manifests",
        "test_card_is_not_looked_at_when_the_command_line_says_so", "test_check_that_hangs_is_killed_and_has_failed",
        "test_damaged_block_of_a_good_slot_leads_to_the_other_slot",
        "test_damaged_bundle_on_the_partition_costs_no_slot", "test_damaged_stick_makes_room_for_the_other",
        "test_device_boots_by_the_copy_and_says_so[entries]", "test_device_boots_by_the_copy_and_says_so[mbr]",
        "test_device_is_found_behind_more_disks_than_the_table_holds", "test_device_that_has_only_a_usb_disk",
        "test_disk_with_sectors_of_4096_bytes",
        "test_disk_with_the_environment_that_never_comes_costs_its_time_and_is_told",
        "test_file_system_that_is_disk_and_partition_at_once_is_looked_at_once",
        "test_file_system_that_is_not_on_the_list_is_never_mounted", "test_five_boots_install_once_and_hardly_write",
        "test_given_up_after_three_boots_and_a_good_copy_is_taken",
        "test_good_slot_that_crashes_three_times_in_a_row_is_left",
        "test_good_slot_that_reports_in_each_boot_and_crashes_is_left_and_comes_back",
        "test_healthy_boot_that_is_counted_writes_two_records", "test_hook_sees_its_environment_and_nothing_else",
        "test_image_that_is_larger_than_its_partition_is_refused_before_a_byte_is_written",
        "test_install_without_progress_is_ended_and_later_finished",
        "test_kernel_that_hangs_in_the_initramfs_is_reset_by_the_watchdog", "test_litter_is_named_and_never_opened",
        "test_old_copy_at_the_end_of_a_stick_hides_no_update",
        "test_older_state_in_a_large_partition_goes_on_where_it_is", "test_older_than_the_floor",
        "test_one_lost_region_is_survived[1-zeroes-afterwards1]",
        "test_other_file_systems_boot_through_verity[6.0-squashfs]",
        "test_other_file_systems_boot_through_verity[7.0-erofs]", "test_parameter_that_a_module_refuses_costs_no_disk",
        "test_refused_and_nothing_written[damaged_signature]", "test_refused_and_nothing_written[foreign_key]",
        "test_refused_and_nothing_written[garbage]", "test_refused_and_nothing_written[not_newer]",
        "test_refused_and_nothing_written[other_processor]",
        "test_refused_and_nothing_written[truncated]", "test_refused_and_nothing_written[wrong_compatible]",
        "test_root_without_init_is_passed_over[ab]", "test_same_release_on_two_sticks_is_installed_once_and_named_so",
        "test_slot_of_the_command_line_is_booted_uncounted", "test_slot_that_a_person_marks_bad_is_left",
        "test_slot_with_a_root_hash_is_skipped_without_dm_verity",
        "test_slot_without_file_system_is_rejected_after_three_boots",
        "test_slot_without_the_driver_of_its_file_system_costs_no_try", "test_slots_take_turns_after_growing_delays",
        "test_state_of_a_newer_keelboot_boots_counts_and_takes_no_update",
        "test_state_of_two_erase_groups_survives_the_loss_of_one", "test_stick_repairs",
        "test_stick_repairs_the_device_at_once", "test_stick_repairs_the_only_slot_though_its_superblock_is_whole",
        "test_stick_that_comes_later_belongs_to_the_running_system",
        "test_stick_that_comes_while_modules_load_is_taken",
        "test_stick_with_the_devices_own_labels_is_not_mistaken_for_it",
        "test_switched_off_it_starts_root_as_it_stands", "test_system_disk_on_another_bus[sd-/dev/mmcblk0-cid-]",
        "test_t28_what_is_packed_drives_only_mass_storage_on_usb",
        "test_t34_state_of_a_stranger_boots_what_is_there[nothing]",
        "test_t34_state_of_a_stranger_boots_what_is_there[silent]",
        "test_the_one_that_fits_is_taken_from_among_those_that_do_not",
        "test_three_cuts_then_the_install_goes_on_where_it_was", "test_three_panics_then_the_protected_slot",
        "test_tree_of_a_hash_that_the_kernel_lacks_costs_nothing", "test_tree_of_sha512_boots_with_the_module_set",
        "test_unstaged_update_is_left_alone", "test_unwritable_state_boots_the_good_slot_not_the_trial",
        "test_usb_disk_is_no_device_unless_that_is_allowed",
        "test_watchdog_ends_three_tries_and_the_old_system_comes_back", "test_write_protected_stick_brings_an_update",
        "test_kernel_that_cannot_be_loaded_falls_back_at_once", "test_kernel_that_panics_falls_back_by_a_reset",
        "test_default_that_nobody_answers_is_left_after_its_starts",
        "test_default_that_cannot_be_loaded_is_not_counted_for_the_other",
        "test_store_that_cannot_be_written_starts_the_default_and_says_so", "test_damaged_block_starts_a_pair",
        "test_image_that_cannot_be_loaded_falls_back",
        "test_once_is_started_once_and_then_the_default",
        "test_release_brings_its_kernel_and_is_committed_with_it[x86_64-efi]",
        "test_partition_of_something_else_is_left_alone",
        "test_each_release_has_a_root_of_its_own_that_goes_with_it",
        "test_full_partition_boots_and_says_so_and_makes_room",
        "test_power_cuts_while_an_old_release_is_thrown_away", "test_slot_of_squashfs_has_a_root_to_write_to",
        "test_last_resort_does_not_use_what_may_be_to_blame", "test_three_kernel_crashes_then_the_old_system",
        *(f"test_busybox_that_starts_as_buildroots_does_has_a_root_to_write_to[{kind}]"
          for kind in ("as it is", "its own files")),
        "test_what_is_written_to_a_root_in_memory_is_gone_at_the_next_boot",
        "test_partition_that_is_missing_leaves_a_read_only_root",
        "test_partition_without_a_file_system_that_mounts_leaves_a_read_only_root[none]",
        "test_the_program_without_a_plan_starts_the_real_init", "test_root_without_modules_gets_all",
        "test_root_on_each_bus_loads_its_drivers_and_no_others[usb]",
        "test_root_on_each_bus_loads_its_drivers_and_no_others[virtio]",
        *(f"test_what_a_cut_leaves_on_the_partition_boots_with_its_overlay[{half}]"
          for half in ("nothing", "folder", "release", "upper", "before the rename", "half deleted",
                       "and it came back")),
        *(f"test_what_a_cut_leaves_settles[{number}]" for number in range(16) if number != 2),
        "test_an_image_for_a_machine_boots_it_and_has_no_other_disks_driver",
        "test_disk_with_an_mbr_is_found_by_partuuid", "test_kernel_without_overlayfs_leaves_a_read_only_root",
        "test_media_that_are_switched_off_are_not_looked_at",
        "test_namespace_with_two_controllers_is_named_by_the_first", "test_newest_of_both_sticks_is_installed",
        "test_once_that_cannot_be_forgotten_starts_the_default_and_says_so",
        "test_partition_without_a_file_system_that_mounts_leaves_a_read_only_root[damaged]",
        "test_root_on_each_bus_loads_its_drivers_and_no_others[nvme]",
        "test_stick_repairs_a_device_without_slots_and_state", "test_table_without_the_disk_boots_with_all",
        "test_tail_stands_behind_the_count", "test_the_program_does_the_same_as_init",
        "test_with_more_processors_it_holds_up_no_other_driver[4]")
# Of no other processor: tests/run arm64-boot, s390x-boot.
ONLY_OF = {"test_arm64_loaders": "arm64", "test_loader_uboot": "arm64", "test_pairs_uboot": "arm64",
           "test_pairs_uefi_arm64": "arm64", "test_pairs_sdboot_arm64": "arm64", "test_pairs_grub_arm64": "arm64",
           "test_mainframe": "s390x"}
CACHE = TOP / "build/boot-cache"
PROGRAMS = ("init", "keelboot", "keelboot-helper", "keelboot-guardian", "keelboot-select", "keelboot-overlay")
SOURCES = ("initramfs/mkinitramfs", "initramfs/mkinitramfs.d/*.*", "hooks/system/*",
           "qemu/kbdevice.py", "qemu/kbroot.py", "qemu/kbdisk.py", "tests/boot/conftest.py",
           "tests/boot/debian_slot.py", "tests/boot/distro.py")
# What QEMU's machine needs, and no more: modules are most of the time of a boot under TCG.
LEAN = ("virtio", "usb", "ext4", "vfat")
# Of a hook behind the mount: it crashes the kernel, but on slot a.
CRASHES = ('[ "$KEELBOOT_SLOT" = a ] || { mount -t proc proc /proc 2>/dev/null;'
           ' echo c > /proc/sysrq-trigger; }')
KERNEL_LINE = re.compile(r"^\[ *\d+\.\d+\] .*\n?", re.M)


def name_of_programs(*more: str) -> str:
    """Changes when anything changes that goes into the images. more: also the programs in these folders of build."""
    digest = hashlib.sha256()
    programs = [TOP / f"build/{folder}/{name}" for folder in (".", *more) for name in PROGRAMS]
    for path in (*programs, *(path for pattern in SOURCES for path in sorted(TOP.glob(pattern)))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Shared(Device):
    """A device whose images are shared by scenarios that run side by side: one makes, the others
    wait. The programs are copied, so that a build in between does not mix two versions."""

    locked = False

    def __init__(self, work: Path, **options):
        programs = work / "programs"
        programs.mkdir(parents=True, exist_ok=True)
        super().__init__(work, build=programs, **options)
        with self.lock():
            for folder in {".", self.board.build}:
                (programs / folder).mkdir(exist_ok=True)
                for name in (f"{folder}/{name}" for name in PROGRAMS):
                    if not (programs / name).exists():
                        shutil.copy(TOP / "build" / name, programs / f"{name}.new")
                        (programs / f"{name}.new").rename(programs / name)

    def with_kernel(self, kernel, **options) -> "Shared":
        """The same device by another kernel. What signs its bundles is trusted."""
        work = self.work / f"kernel-{kernel.version}"
        work.mkdir(exist_ok=True)
        other = Shared(work, kernel=kernel, **options)
        self.key()
        with self.lock():
            for name in ("keys", "dev.key"):
                if not (work / name).exists():
                    (work / name).symlink_to(self.work / name)
        return other

    @contextlib.contextmanager
    def lock(self):
        """Nobody else makes anything meanwhile. Whoever has it may take it again."""
        if self.locked:
            yield
            return
        with open(self.work / "lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.locked = True
            try:
                yield
            finally:
                self.locked = False

    def key(self, *options, **rest):
        with self.lock():
            return super().key(*options, **rest)

    def stripped(self, name):
        with self.lock():
            return super().stripped(name)

    def system(self, *options, **rest):
        with self.lock():
            return super().system(*options, **rest)

    def bundle(self, version, kind="ok", *, options=(), **rest):
        with self.lock():
            return super().bundle(version, kind, options=("--level", "1", *options), **rest)

    def initramfs(self, *options, **rest):
        with self.lock():
            return super().initramfs(*options, **rest)

    @functools.cached_property
    def conf_root(self) -> Path:
        """A folder with etc/keelboot as the device has it, for the command on the host."""
        root = self.work / "conf-root"
        with self.lock():
            if not root.exists():
                self.key()
                new = self.work / "conf-root.new"
                shutil.rmtree(new, ignore_errors=True)
                shutil.copytree(self.work / "keys", new / "etc/keelboot/keys")
                (new / "etc/keelboot/system.conf").write_text(self.conf)
                new.rename(root)
        return root


class Bench:
    """What a scenario works with: the shared images, and a folder of its own."""

    def __init__(self, device: Shared, work: Path):
        self.device = device
        self.work = work
        self.machines = 0

    # --- things ---------------------------------------------------------------------------------

    def bundle(self, release: str, **options) -> Path:
        """The bundle of "2.0", or of another kind of system: "3.0 hang"."""
        return self.device.bundle(*release.split(), **options)

    def tree_bundle(self, release: str, algorithm: str = "sha256", hash_block: int = 4096) -> Path:
        """A bundle whose dm-verity tree is not Keelboot's own, but veritysetup's."""
        version = release.split()[0]
        system = self.device.system(*release.split())
        image, recipe = self.work / f"tree-{version}.img", self.work / f"tree-{version}.ini"
        shutil.copy(system, image)
        size = image.stat().st_size
        told = run("/usr/sbin/veritysetup", "format", "--no-superblock", f"--hash={algorithm}", "--salt=00ff",
                   "--data-block-size=4096", f"--hash-block-size={hash_block}", f"--data-blocks={size // 4096}",
                   f"--hash-offset={size}", image, image)
        end = image.stat().st_size
        os.truncate(image, end + -end % 4096)
        root_hash = re.search(r"Root hash:\s*([0-9a-f]+)", told).group(1)
        recipe.write_text(f"[image.root]\nverity-root-hash={root_hash}\nverity-algorithm={algorithm}\n"
                          f"verity-data-block=4096\nverity-hash-block={hash_block}\nverity-salt=00ff\n"
                          f"verity-tree-offset={size}\n")
        return self.device.bundle(version, image=image, options=(str(recipe),))

    def command(self, *arguments, **options) -> str:
        """`keelboot` on the host, with the device's configuration."""
        env = {**os.environ, "KEELBOOT_HELPER": str(self.device.build / "keelboot-helper")}
        return run(self.device.keelboot, *arguments, "--conf-root", self.device.conf_root, env=env, **options)

    def factory(self, a="1.0", b=None, *, good="ab", bad="") -> tuple:
        """Images of the state and both slots, as installing there and marking would leave them: a, then b ("3.0 hang",
        or a bundle's path). What is not in `good` is on trial. They are made once."""
        bundle = self.bundle(b) if isinstance(b, str) else b
        kind = f"{b.parent.name}-{b.stem}" if isinstance(b, Path) else b
        name = re.sub(r"[^\w.-]+", "_", f"factory-{a}-{kind}-{good}-{bad}")
        images = [self.device.work / f"{name}-{part}.img" for part in ("state", "a", "b")]
        self.bundle(a), self.device.conf_root
        with open(self.device.work / "factory-lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not images[0].exists():
                self._make_factory(images, a, bundle, good, bad)
        return images

    def _make_factory(self, images: list, a: str, bundle, good: str, bad: str) -> None:
        new = self.device.work / "factory-state.new"
        new.unlink(missing_ok=True)
        self.command("state", "init", new, "--slots", "2", "--good" if "a" in good else "--trial",
                     "a", "--bundle", self.bundle(a))
        shutil.copy(self.device.system(*a.split()), images[1])
        for image in images[1:]:
            with open(image, "ab") as file:
                file.truncate(parse_size(self.device.slot_size))
        if bundle:
            self.command("install", bundle, "--progress=none", "--state", new, "--slot", f"b:root={images[2]}")
        if bundle and "b" in good:
            self.command("mark", "good", "b", "--state", new)
        for letter in bad:
            self.command("mark", "bad", letter, "--reason", "bad for the test", "--state", new)
        new.rename(images[0])

    def disk(self, a="1.0", b=None, *, data=None, name="disk", state=..., slots=(..., ...),
             size=None, extra=(), state_size="16M", data_image=None, **factory) -> Path:
        """A disk in the scenario's own folder. a and b: what is installed, see factory(). state:
        another image of it, None for a blank one; slots: other content of a and b. data: {path:
        file} for the data partition; data_image: what it is instead. extra: more partitions, (name, size,
        content), or with a type, such as esp, too. """
        images = self.factory(a, b, **factory)
        tree = self.work / f"{name}-data"
        tree.mkdir()
        for path, source in (data or {}).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tree / path)
        disk = Disk(size, seed=name)
        disk.add("keelboot-state", state_size, images[0] if state is ... else state)
        if data_image:
            disk.add("data", data_image.stat().st_size, data_image)
        else:
            disk.add("data", self.device.data_size, Ext4(tree, label="data"))
        for letter, image, own in zip("ab", images[1:], slots):
            disk.add(f"root-{letter}", self.device.slot_size, image if own is ... else own)
        for partition_ in extra:
            disk.add(*partition_[:3], type=(*partition_, "linux")[3])
        path = self.work / f"{name}.img"
        disk.build(path)
        return path

    def stick(self, *bundles, name="stick", plugged=True, folder="keelboot", files=None) -> Drive:
        """A vfat stick; bundles are paths, put into `folder`. files: anything else, by its name there."""
        content = {f"{folder}/{Path(path).name}": Path(path) for path in bundles}
        content.update(files or {})
        size = sum(path.stat().st_size for path in content.values() if isinstance(path, Path))
        image = self.work / f"{name}.img"
        mkvfat(image, size + (40 << 20), content, label="STICK")
        return Drive(image, bus="usb", name=name, plugged=plugged)

    def sd_card(self, *bundles, name="card", files=None) -> Drive:
        """A card with vfat on the bare medium, like a stick; its size is a power of two."""
        image = self.stick(*bundles, name=name, files=files).file
        size = 1 << (image.stat().st_size - 1).bit_length()
        with open(image, "ab") as file:
            file.truncate(size)
        return Drive(image, bus="sd", name=name)

    def conf_initramfs(self, name: str, text: str, *options, modules=LEAN, packed=False) -> Path:
        """An initramfs with a drop-in to system.conf; the same name means the same text."""
        folder = self.work / f"{name}.conf.d"
        folder.mkdir(exist_ok=True)
        (folder / "test.conf").write_text(text)
        return self.initramfs("--conf-dir", folder, *options, name=name, modules=modules, packed=packed)

    def hooks(self, **scripts) -> tuple:
        """Options that pack a hook 10-mine into each of these stages."""
        for stage, text in scripts.items():
            hook = self.work / f"hooks/{stage.replace('_', '-')}.d/10-mine"
            hook.parent.mkdir(parents=True)
            hook.write_text(f"#!/bin/sh\n{text}\n")
            hook.chmod(0o755)
        return "--hooks", self.work / "hooks", "--busybox", self.device.busybox

    def program(self, name: str, source: str) -> Path:
        """A static program for the device's processor."""
        code, out = self.work / f"{name}.c", self.work / name
        code.write_text(source)
        libraries = sorted(self.device.sysroot.glob("usr/lib/*-linux-gnu"))
        run(f"{self.device.board.binutils}gcc", *(f"--sysroot={self.device.sysroot}" for _ in libraries),
            *(f"-B{folder}/" for folder in libraries), "-static", "-O1", "-o", out, code)
        return out

    def raw_stick(self, bundle, name="rawstick") -> Drive:
        """A stick without any file system: the bundle from its first byte on, garbage behind."""
        image = self.work / f"{name}.img"
        data = Path(bundle).read_bytes()
        image.write_bytes(data + b"\xa5" * (-len(data) % (1 << 20) + (1 << 20)))
        return Drive(image, bus="usb", name=name)

    def damaged(self, bundle: Path, name: str, *, at=0.66) -> Path:
        """A copy with one flipped bit."""
        data = bytearray(bundle.read_bytes())
        data[int(len(data) * at)] ^= 1
        out = self.work / name
        out.write_bytes(data)
        return out

    def initramfs(self, *options, name="lean", modules=LEAN, packed=False) -> Path:
        """Not compressed, if it is not put onto a disk: TCG unpacks slower than QEMU loads."""
        form = ("--level", "3") if packed or {"--uki", "--addon"} & set(options) else ("--compress", "none")
        driver = self.device.board.watchdog_driver
        return self.device.initramfs("--module", driver, *form, *options, name=name, modules=modules)

    def initramfs_with(self, *lines, name, modules=LEAN, conf=None) -> Path:
        """One whose system.conf has these lines in [system]; or is `conf`."""
        path = self.work / f"{name}.system.conf"
        conf = conf or self.device.conf.replace("[system]\n", "\n".join(["[system]", *lines, ""]))
        path.write_text(conf)
        unique = hashlib.sha256(conf.encode()).hexdigest()[:12]
        return self.initramfs("--conf", path, name=f"{name}-{unique}", modules=modules)

    def machine(self, disk, *, initrd=None, append="", **options):
        """The machine, switched off; its console is logged into the scenario's folder."""
        self.machines += 1
        return self.device.machine(disk, initrd=initrd or self.initramfs(),
                                   append=f"loglevel=7 {append}",
                                   log=str(self.work / f"console-{self.machines}.log"), **options)

    # --- what happened --------------------------------------------------------------------------

    @staticmethod
    def up(machine, version: str, slot: str, timeout: float = 90, fail: str = "") -> str:
        """Waits until a system says that it is up and ready; returns what this boot said."""
        # A message of the kernel, or of the guardian, may share the line.
        machine.expect(rf"system {re.escape(version)} is up on slot {slot}\b", timeout, fail)
        machine.expect(rf"system {re.escape(version)} is ready", 60)
        return machine.boot_text()

    @staticmethod
    def ask(machine, command: str, timeout: float = 60) -> str:
        """The output of a command in the device, which has to succeed; without kernel messages."""
        status, output = machine.shell(f"dmesg -n 1; {command}", timeout)
        assert status == 0, f"{command}: exit {status}\n{output}"
        return KERNEL_LINE.sub("", output)

    @staticmethod
    def refused(machine, command: str, timeout: float = 60, code: int = 1) -> str:
        """What a command in the device says that has to fail."""
        status, output = machine.shell(command, timeout)
        assert status == code, f"{command}: exit {status}\n{output}"
        return output

    def status(self, machine) -> dict:
        return json.loads(self.ask(machine, "keelboot status --json"))

    def history(self, machine) -> list:
        """The events, newest first."""
        return json.loads(self.ask(machine, "keelboot history --json"))["events"]

    def boot_json(self, machine) -> dict:
        return json.loads(self.ask(machine, "cat /run/keelboot/boot.json"))

    def boot_warnings(self, machine) -> list:
        """Their texts."""
        return [one["text"] for one in self.boot_json(machine)["warnings"]]

    @staticmethod
    def slots(disk, letters="ab") -> dict:
        """Digests of slots, from outside."""
        return {letter: hashlib.sha256(read_partition(disk, f"root-{letter}")).hexdigest() for letter in letters}

    @contextlib.contextmanager
    def untouched(self, disk, letters="ab"):
        """What is done in a `with` leaves these slots as they are."""
        before = self.slots(disk, letters)
        yield
        assert self.slots(disk, letters) == before

    @staticmethod
    def holds(disk, slot: str, image: Path) -> bool:
        """Does the slot begin with the image, byte for byte?"""
        data = image.read_bytes()
        return read_partition(disk, f"root-{slot}", 0, len(data)) == data

    def holds_release(self, disk, slot: str, release: str) -> bool:
        return self.holds(disk, slot, self.device.system(*release.split()))

    @staticmethod
    def causes(machine) -> list:
        """How each boot after the first began."""
        return [boot.cause for boot in machine.boots[1:]]

    @staticmethod
    def partition(disk, name: str) -> tuple:
        """(offset, size) in bytes"""
        return partition(disk, name)


def pytest_addoption(parser):
    parser.addoption("--arch", choices=sorted(BOARDS), default="amd64", help="the processor of the devices")
    parser.addoption("--servers", default="own", help="of the stories that several play: own,hawkbit")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; part of make check-long")
    config.addinivalue_line("markers", "threat(number): a test of this threat; see tests/hostile/threats.py")


def pytest_collection_modifyitems(config, items):
    arch = config.getoption("arch", "amd64")
    items[:] = [item for item in items if ONLY_OF.get(item.path.stem, arch) == arch]
    for item in items:
        long = item.path.stem.removeprefix("test_") in LONG and not {item.originalname, item.name} & set(SHORT)
        if long or item.originalname in SLOW or item.name in SLOW:
            item.add_marker(pytest.mark.long)


@contextlib.contextmanager
def alone_with_packages():
    """`make deb` builds in a folder of its own, which nobody else makes anew until the block ends, or closes this."""
    with open(TOP / "build/deb.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def forget_others(version: str) -> None:
    """Removes the images of other versions of the programs that no session uses."""
    for folder in CACHE.iterdir():
        if folder.name.startswith(version) or not folder.is_dir():
            continue
        with open(folder / "session", "w") as session:
            try:
                fcntl.flock(session, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def images(kind: str = ""):
    """The folder for images of this kind that are made with these programs; nobody removes it meanwhile."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        version = name_of_programs()
        work = CACHE / (version + kind)
        work.mkdir(exist_ok=True)
        session = open(work / "session", "w")
        fcntl.flock(session, fcntl.LOCK_SH)
        forget_others(version)
    with session:
        yield work


@pytest.fixture(scope="session")
def device(pytestconfig):
    arch = pytestconfig.getoption("arch", "amd64")
    with images("" if arch == "amd64" else f"-{arch}-{name_of_programs(BOARDS[arch].build)}") as work:
        # A false alarm on a busy host would be worse than a slow test: those that need the
        # watchdog to fire ask for a shorter time.
        device = Shared(work, watchdog=30, arch=arch)
        # On a busy host it takes seconds until a stick is there: nothing may be quiet for so long meanwhile.
        device.conf = device.conf.replace("settle=2s", "settle=4s")
        yield device


@pytest.fixture
def bench(device, tmp_path):
    yield Bench(device, tmp_path)
    # Only the console's logs are worth keeping.
    for path in tmp_path.glob("*.img"):
        path.unlink()
