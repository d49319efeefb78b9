# SPDX-License-Identifier: Apache-2.0
# U-Boot's half of Keelboot: starts the pair of keelboot_default, or once that of keelboot_once. `mkimage -T script -d
# boot.cmd boot.scr` makes what U-Boot finds by itself; or put the lines into bootcmd. A pair is the partition boot-a or
# boot-b, with the files Image and initramfs.img. Change the kernel's words, and booti for a processor that is no AArch64.
#
# U-Boot needs the commands part and saveenv, and a redundant environment (CONFIG_SYS_REDUNDAND_ENVIRONMENT): a power cut
# while the only copy is written would leave U-Boot's defaults.
setenv keelboot_words "gpt panic=10 watchdog.stop_on_reboot=0"

# A board that keeps the two variables elsewhere has commands for that in keelboot_load and keelboot_save.
test -n "${keelboot_save}" || setenv keelboot_save saveenv
if test -n "${keelboot_load}"; then run keelboot_load; fi

keelboot_try=${keelboot_default}
test -n "${keelboot_try}" || keelboot_try=a
keelboot_next=${keelboot_try}

# Cleared durably before it is started: else a pair that hangs would be started forever.
if test -n "${keelboot_once}"; then
	keelboot_try=${keelboot_once}
	setenv keelboot_once
	run keelboot_save || keelboot_try=${keelboot_next}
fi

for keelboot_pair in ${keelboot_try} ${keelboot_next} a b; do
	if part number ${devtype} ${devnum} boot-${keelboot_pair} keelboot_part; then
		setenv bootargs "${keelboot_words} keelboot.pair=${keelboot_pair}"
		if load ${devtype} ${devnum}:${keelboot_part} ${ramdisk_addr_r} /initramfs.img; then
			setenv keelboot_size ${filesize}
			if load ${devtype} ${devnum}:${keelboot_part} ${kernel_addr_r} /Image; then
				booti ${kernel_addr_r} ${ramdisk_addr_r}:${keelboot_size} ${fdtcontroladdr}
			fi
		fi
	fi
	echo "Keelboot: the pair of slot ${keelboot_pair} cannot be loaded"
done
sleep 10
reset
