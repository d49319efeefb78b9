#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dracut: puts Keelboot into the initramfs. docs/INTEGRATE.md has the contract.
# shellcheck disable=SC1091,SC2154,SC2086,SC2046 # what the distribution brings

. /usr/lib/keelboot/pack.sh

# pack.sh is for a shell without pipefail, which dracut sets. Each function that calls it takes that back, for itself only.

# called by dracut
check() {
	return 0
}

# called by dracut
depends() {
	echo base
}

# called by dracut
installkernel() {
	local -
	set +o pipefail
	[ -z "$(keelboot_missing)" ] || return 0
	# A stick may come whatever the machine has now.
	hostonly='' instmods $(keelboot_modules $KEELBOOT_SETS)
}

# Slots that are no partitions are opened by dracut's queue, which is not at work unless somebody asks for it.
want_queue() {
	[ -z "$(keelboot_mapped)" ] || dracut_need_initqueue
}

install_for_systemd() {
	local unit
	for unit in arm select reload enter; do
		inst_simple "$systemdsystemunitdir/keelboot-$unit.service"
	done
	mkdir -p "$initdir$systemdutildir/system-generators"
	ln -sf /usr/lib/keelboot/keelboot-select "$initdir$systemdutildir/system-generators/keelboot-generator"
	# dracut's waits for the device of root=, which need not be there: ours stands in its place, and in front of it.
	inst_simple "$(dracut_module_path dracut-systemd)/rootfs-generator.sh" /usr/lib/keelboot/rootfs-generator
	inst_script "$moddir/rootfs-generator.sh" "$systemdutildir/system-generators/dracut-rootfs-generator"
	mkdir -p "$initdir/etc/systemd/system.conf.d"
	# The last one counts.
	keelboot_system_conf >"$initdir/etc/systemd/system.conf.d/zz-keelboot.conf"
	keelboot_pack_units "$initdir"
	inst_script "$moddir/died.sh" "$systemdutildir/system-shutdown/keelboot"
	inst_hook cmdline 01 "$moddir/unwait.sh"
}

install_for_shell() {
	inst_hook cmdline 94 "$moddir/cmdline.sh"
	inst_hook pre-udev 01 "$moddir/arm.sh"
	inst_hook mount 10 "$moddir/mount.sh"
	inst_hook pre-pivot 99 "$moddir/enter.sh"
	# The last one, whose name is behind those of dracut's own: memstrack sources its library again.
	inst_hook cleanup 99 "$moddir/start.sh"
	inst_hook emergency 01 "$moddir/emergency.sh"
}

without_keelboot() {
	dwarn "keelboot: $1: this initramfs boots without Keelboot"
	keelboot_pack_missing "$initdir" "$1"
	inst_hook cmdline 95 "$moddir/missing.sh"
}

# called by dracut
install() {
	local - file target missing said
	set +o pipefail
	missing=$(keelboot_missing)
	if [ -n "$missing" ]; then
		without_keelboot "$missing"
		return 0
	fi
	# Its emergency script stops the watchdog, which then covers no boot that ends there.
	if dracut_module_included watchdog; then
		dfatal "keelboot: dracut's module watchdog stops the watchdog in an emergency: leave it out"
		exit 1
	fi
	said=$(keelboot_error "$srcmods")
	if [ -n "$said" ]; then
		dfatal "keelboot: $said"
		exit 1
	fi
	while IFS= read -r said; do
		dwarn "keelboot: $said"
	done < <(keelboot_warning)
	while read -r file target; do
		# With its libraries, at once: else dracut looks for them at its end. From 110 on, the second word asks for that.
		DRACUT_RESOLVE_DEPS=1 DRACUT_RESOLVE_LAZY='' inst "$file" $target
	done < <(keelboot_programs)
	missing=$(keelboot_unusable "$initdir")
	said=$(keelboot_refuses "$missing")
	if [ -n "$said" ]; then
		dfatal "keelboot: $said: is there room in $initdir?"
		exit 1
	elif [ -n "$missing" ]; then
		without_keelboot "$missing"
		return 0
	fi
	while IFS= read -r file; do
		inst "$file"
	done < <(keelboot_files)
	mkdir -p "$initdir/etc/modprobe.d"
	keelboot_pack_notes "$initdir"
	keelboot_watchdog_drivers "$srcmods" >"$initdir/etc/keelboot/watchdog-drivers"
	echo "options watchdog stop_on_reboot=0" >"$initdir/etc/modprobe.d/keelboot.conf"
	# A system that sleeps remembers its disks as they were before Keelboot looked at them.
	mkdir -p "$initdir/etc/cmdline.d"
	echo noresume >"$initdir/etc/cmdline.d/50-keelboot.conf"
	inst_hook initqueue/finished 10 "$moddir/finished.sh"
	inst_simple "$moddir/finished.sh" /usr/lib/keelboot/finished.sh
	inst_hook cmdline 01 "$moddir/keep.sh"
	want_queue
	if dracut_module_included "systemd"; then
		install_for_systemd
	else
		install_for_shell
	fi
}
