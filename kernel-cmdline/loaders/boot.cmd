# SPDX-License-Identifier: Apache-2.0
# U-Boot's half of Keelboot: starts the pair of keelboot_default, or once that of keelboot_once. `mkimage -T script -d
# boot.cmd boot.scr` makes what U-Boot finds by itself; or put the lines into bootcmd. A pair is the partition boot-a or
# boot-b on the disk ${devtype} ${devnum}: U-Boot sets both where it finds boot.scr by itself. The pair has the files Image
# and initramfs.img, and, if the board has fdtfile and fdt_addr_r, its device tree as dtb/${fdtfile}. Or it has
# keelboot.conf, written as an extlinux.conf, with "append ${bootargs}" before words of its own: that is for other
# processors than AArch64 and x86, too. Change the kernel's words. x86 is known by arch=x86, which
# CONFIG_ENV_VARS_UBOOT_CONFIG sets; else set it.
#
# U-Boot needs the commands part and saveenv, fdt for a device tree, sysboot for keelboot.conf, and a redundant environment
# (CONFIG_SYS_REDUNDAND_ENVIRONMENT): a power cut while the only copy is written would leave U-Boot's defaults.
setenv keelboot_words "gpt panic=10 watchdog.stop_on_reboot=0"
# A 1 for each start of a pair that Keelboot's init does not answer; then another pair is started. A start and its answer
# are two writes of the environment. Without a value, starts are not counted, and a pair that stops starting is started
# again and again.
setenv keelboot_limit 111

# A board that keeps keelboot_default, keelboot_once and keelboot_starts elsewhere has commands for that in keelboot_load
# and keelboot_save.
test -n "${keelboot_save}" || setenv keelboot_save saveenv
if test -n "${keelboot_load}"; then run keelboot_load; fi

if test -z "${devtype}" || test -z "${devnum}"; then
	echo "Keelboot: devtype and devnum must name the disk of the pairs, such as mmc and 0: nothing can be loaded"
fi

test -n "${keelboot_default}" || keelboot_default=a
keelboot_others="b a"
test "${keelboot_default}" = a || keelboot_others="a b"
# What is started, in this order; "count" stands before the first start of the preset.
keelboot_list="count ${keelboot_default} ${keelboot_others}"

# Cleared durably before it is started: else a pair that hangs would be started forever.
if test -n "${keelboot_once}"; then
	keelboot_try=${keelboot_once}
	setenv keelboot_once
	if run keelboot_save; then
		keelboot_list="${keelboot_try} ${keelboot_list}"
		keelboot_how=once
	else
		keelboot_list="${keelboot_default} ${keelboot_others}"
		keelboot_how=unsaved
	fi
elif test -n "${keelboot_limit}" && test -n "${keelboot_starts}" && test "${keelboot_starts}" -ge "${keelboot_limit}"; then
	echo "Keelboot: the pair of slot ${keelboot_default} did not come up: another one is started"
	setenv keelboot_starts
	run keelboot_save
	keelboot_list="${keelboot_others}"
	keelboot_how=instead
fi

for keelboot_pair in ${keelboot_list}; do
	if test ${keelboot_pair} = count; then
		# Durably before it is started. What cannot be counted is started all the same.
		keelboot_how=plain
		if test -n "${keelboot_limit}"; then
			setenv keelboot_starts "1${keelboot_starts}"
			if run keelboot_save; then keelboot_how=counted; else keelboot_how=unsaved; fi
		fi
	elif part number ${devtype} ${devnum} boot-${keelboot_pair} keelboot_part; then
		setenv bootargs "${keelboot_words} keelboot.pair=${keelboot_pair}"
		test ${keelboot_how} = plain || setenv bootargs "${bootargs},${keelboot_how}"
		keelboot_tree=none
		if test -e ${devtype} ${devnum}:${keelboot_part} /keelboot.conf; then
			# The pair says what it is made of. Behind this line, it could not be loaded.
			keelboot_tree=damaged
			sysboot ${devtype} ${devnum}:${keelboot_part} any ${pxefile_addr_r} /keelboot.conf
		# The device tree of the pair, if it brings one. A pair whose tree is damaged cannot be loaded.
		elif test -n "${fdtfile}" && test -n "${fdt_addr_r}" && test -e ${devtype} ${devnum}:${keelboot_part} /dtb/${fdtfile}; then
			keelboot_tree=damaged
			if load ${devtype} ${devnum}:${keelboot_part} ${fdt_addr_r} /dtb/${fdtfile} && fdt addr ${fdt_addr_r}; then
				keelboot_tree=loaded
			fi
		fi
		if test ${keelboot_tree} != damaged && load ${devtype} ${devnum}:${keelboot_part} ${ramdisk_addr_r} /initramfs.img; then
			setenv keelboot_size ${filesize}
			if load ${devtype} ${devnum}:${keelboot_part} ${kernel_addr_r} /Image; then
				if test "${arch}" = x86; then
					zboot ${kernel_addr_r} ${filesize} ${ramdisk_addr_r} ${keelboot_size}
				elif test ${keelboot_tree} = loaded; then
					booti ${kernel_addr_r} ${ramdisk_addr_r}:${keelboot_size} ${fdt_addr_r}
				else
					booti ${kernel_addr_r} ${ramdisk_addr_r}:${keelboot_size} ${fdtcontroladdr}
				fi
			fi
		fi
	fi
	if test ${keelboot_pair} != count; then
		echo "Keelboot: the pair of slot ${keelboot_pair} cannot be loaded"
		keelboot_how=instead
	fi
done
sleep 10
reset
