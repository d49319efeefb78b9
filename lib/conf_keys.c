/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of system.conf. conf_value.c takes their values. */
#include "lib/conf.h"

#define MS_MAX	    60000
#define SECONDS_MAX 86400

/* kind, member, min, max of a number, what a bad value is taken for; or of a text, whose max is its
 * array. */
#define STRICT(kind, member, min, max, bad) \
	CONF_KIND_##kind, offsetof(struct conf, member), min, max, bad
#define NUMBER(kind, member, min, max) STRICT(kind, member, min, max, NULL)
#define TEXT(kind, member)	       STRICT_TEXT(kind, member, NULL)
#define STRICT_TEXT(kind, member, bad) \
	STRICT(kind, member, 0, sizeof(((struct conf *)0)->member) - 1, bad)

const struct conf_key conf_keys[] = {
	{ "system", "compatible", "NAME", "",
	  "What this device is: only bundles that are for it are installed; without it, none.",
	  TEXT(NAME, compatible) },
	{ "system", "disk", "GLOB", "",
	  "Pins the disk with slots and state: by its path in sysfs, which is the board's word, or "
	  "by its CID, WWID or serial number, which any disk can claim. A USB disk needs "
	  "usb-disk=yes too, unless the path names its port (/usb). Without it disks are ranked, "
	  "and a card or a USB disk waits 5 s for a fixed one.",
	  TEXT(TEXT, disk) },
	{ "system", "usb-disk", "yes|no", "no",
	  "Whether slots and state may be on a USB disk, for devices that have no other.",
	  NUMBER(BOOL, usb_disk, 0, 0) },
	{ "system", "count", "auto|always|never", "auto",
	  "Whether boots of good slots are counted too: auto, unless hangs and panics are both "
	  "told.",
	  NUMBER(COUNT, count, 0, 0) },
	{ "system", "cookie", "auto|off|/dev/NAME", "auto",
	  "Memory that outlives a reset but no power cut, to tell them apart: an mtd of the type "
	  "ram; auto: ramoops.",
	  TEXT(DEVICE, cookie) },
	{ "system", "timeout", "SECONDS (1..3600)", "30", "How long a boot waits for its devices.",
	  NUMBER(SECONDS, timeout_s, 1, 3600) },
	{ "system", "commit-deadline", "SECONDS (10..86400)", "300",
	  "A trial that has not been marked good after this time is given up.",
	  NUMBER(SECONDS, commit_deadline_s, 10, SECONDS_MAX) },
	{ "system", "stable-after", "SECONDS (0..86400)", "600",
	  "A good slot that reported has proved itself when it has run for this time, or shuts "
	  "down "
	  "in order before; a crash before that counts against it. 0: its report alone proves it.",
	  NUMBER(SECONDS, stable_after_s, 0, SECONDS_MAX) },
	{ "system", "shutdown-deadline", "SECONDS (30..86400)", "300",
	  "An orderly shutdown that takes longer is forced: by the guardian, and by the watchdog "
	  "that systemd feeds (RebootWatchdogSec=).",
	  NUMBER(SECONDS, shutdown_deadline_s, 30, SECONDS_MAX) },
	{ "system", "tries", "NUMBER (1..9)", "3",
	  "How often a newly installed slot is started before it is given up.",
	  NUMBER(NUMBER, tries, 1, 9) },
	{ "system", "verify-slot", "never|boot|always", "never",
	  "boot: the manifest of a slot on trial is verified again before each of its boots. "
	  "always: "
	  "nothing is booted, not even as a last resort, but what dm-verity checks against a root "
	  "hash that a trusted key signed.",
	  NUMBER(VERIFY, verify_slot, 0, 0) },
	{ "system", "slots", "readonly|writable", "readonly",
	  "readonly: the slot that runs is write-protected, and stays what was signed.",
	  NUMBER(SLOTS, slots, 0, 0) },
	{ "system", "init", "PATH", "/sbin/init",
	  "Program that is started from the root; init= of the kernel command line goes before it.",
	  TEXT(PATH, init) },
	{ "system", "root-filesystem", "NAME", "",
	  "File system of the slots; without it the one that is found.", TEXT(NAME, fstype) },
	{ "system", "mount-options", "OPTIONS", "",
	  "Options to mount the root with; rootflags= of the kernel command line goes before it.",
	  TEXT(TEXT, mount_options) },
	{ "system", "command-line", "all|none|LIST of keys", "all",
	  "Keys of the kernel command line that are heeded, for a device that does not trust it; "
	  "the others are ignored with a warning. A parameter of a module that init loads is the "
	  "key MODULE.PARAMETER.",
	  STRICT_TEXT(NAME, command_line, "none") },
	{ "state", "partition", "PARTITION", "PARTLABEL=keelboot-state",
	  "Partition that holds the state.", TEXT(SPEC, state) },
	{ "source.data", "enabled", "yes|no", "yes",
	  "Whether an update may come from the data partition.", NUMBER(BOOL, data_enabled, 0, 0) },
	{ "source.data", "partition", "PARTITION", "PARTLABEL=data", "The data partition.",
	  TEXT(SPEC, data_part) },
	{ "source.data", "filesystem", "NAME", "ext4", "File system of the data partition.",
	  TEXT(NAME, data_fstype) },
	{ "source.data", "stage", "FOLDER", "keelboot/stage",
	  "Folder inside the data partition where bundles are staged.", TEXT(SUBPATH, data_stage) },
	{ "source.data", "mount", "PATH", "/data",
	  "Where the running system has the data partition mounted.", TEXT(PATH, data_mount) },
	{ "source.data", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write: a staged file that decayed then "
	  "costs no slot.",
	  NUMBER(BOOL, data_verify_first, 0, 0) },
	{ "source.raw", "enabled", "yes|no", "yes",
	  "Whether an update may lie, as it is, on a partition of the device's own disk.",
	  NUMBER(BOOL, raw_enabled, 0, 0) },
	{ "source.raw", "partition", "PARTITION", "PARTLABEL=keelboot-stage",
	  "The partition on which a bundle may lie from the first byte on; a bundle that is done "
	  "with is erased there.",
	  TEXT(SPEC, raw_part) },
	{ "source.raw", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write: one that decayed then costs no "
	  "slot.",
	  NUMBER(BOOL, raw_verify_first, 0, 0) },
	{ "source.sd", "enabled", "yes|no", "yes",
	  "Whether an update may come from an SD card that is not the device's own disk.",
	  NUMBER(BOOL, sd_enabled, 0, 0) },
	{ "source.sd", "settle", "TIME (0..60, or 500ms)", "500ms",
	  "How long a boot waits for a card to show up, if there is a slot for one.",
	  NUMBER(MS, sd_settle_ms, 0, MS_MAX) },
	{ "source.sd", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write, so that a bad card costs nothing.",
	  NUMBER(BOOL, sd_verify_first, 0, 0) },
	{ "source.sd", "filesystems", "none|LIST of vfat,exfat", "vfat,exfat",
	  "File systems with which cards are mounted; whatever has another is ignored. none: no "
	  "file "
	  "system is ever mounted, only a bundle that lies raw on the medium is taken.",
	  STRICT(FS, sd_filesystems, 0, 0, "none") },
	{ "source.usb", "enabled", "yes|no", "yes", "Whether an update may come from a USB stick.",
	  NUMBER(BOOL, usb_enabled, 0, 0) },
	{ "source.usb", "settle", "TIME (0..60, or 500ms)", "500ms",
	  "How long a boot waits for a stick to show up.", NUMBER(MS, usb_settle_ms, 0, MS_MAX) },
	{ "source.usb", "verify-first", "yes|no", "yes",
	  "Reads the whole bundle once before the first write, so that a bad stick costs nothing.",
	  NUMBER(BOOL, usb_verify_first, 0, 0) },
	{ "source.usb", "filesystems", "none|LIST of vfat,exfat", "vfat,exfat",
	  "File systems with which sticks are mounted; whatever has another is ignored. none: no "
	  "file "
	  "system is ever mounted, only a bundle that lies raw on the medium is taken.",
	  STRICT(FS, usb_filesystems, 0, 0, "none") },
	{ "install", "progress-deadline", "SECONDS (5..3600)", "60",
	  "An install at boot that makes no progress for this time is stopped, and the boot goes "
	  "on. It is never longer than two thirds of the watchdog's timeout: 40 s with the "
	  "defaults.",
	  NUMBER(SECONDS, progress_deadline_s, 5, 3600) },
	{ "install", "max-sequence-jump", "none|NUMBER (1..9223372036854775807)", "1000000000000",
	  "A bundle whose sequence is ahead of all that this device has by more than this is "
	  "refused: one with the highest there is would keep every later one out.",
	  NUMBER(JUMP, max_jump, 0, 0) },
	{ "install", "verify-first", "yes|no", "yes",
	  "The same for keelboot install; at boot the key of the source counts.",
	  NUMBER(BOOL, install_verify_first, 0, 0) },
	{ "rescue", "wait", "SECONDS (10..600)", "600",
	  "How long a device on which nothing can be booted waits for a medium before it restarts.",
	  NUMBER(SECONDS, rescue_wait_s, 10, 600) },
	{ "watchdog", "device", "auto|off|/dev/NAME", "auto",
	  "The watchdog to arm; auto: the first that is hardware. keelboot.watchdog= goes before "
	  "it.",
	  TEXT(DEVICE, watchdog) },
	{ "watchdog", "timeout", "SECONDS (1..65535)", "60",
	  "Time after which the watchdog resets a machine that hangs.",
	  NUMBER(SECONDS, watchdog_timeout_s, 1, 65535) },
	{ "watchdog", "handover", "system|keeper|release", "system",
	  "Who feeds the watchdog later: the system, Keelboot's guardian, or nobody once the slot "
	  "is good.",
	  NUMBER(HANDOVER, handover, 0, 0) },
	{ "watchdog", "bootstatus", "trust|ignore", "trust",
	  "Whether the watchdog is believed when it says that it ended the boot before. ignore: "
	  "its "
	  "driver restarts the machine by the watchdog, so that every restart looks like a hang.",
	  NUMBER(BOOTSTATUS, bootstatus, 0, 0) },
	{ "hooks", "timeout", "SECONDS (1..600)", "10",
	  "A hook that runs longer is killed, and has failed.",
	  NUMBER(SECONDS, hook_timeout_s, 1, 600) },
	{ "keyring", "path", "PATH", "/etc/keelboot/keys",
	  "Folder with the public keys, *.pem, that bundles have to be signed with. All that is in "
	  "its subfolder retired.d is keys that are trusted no more; if one of them cannot be "
	  "read, none is trusted.",
	  TEXT(PATH, keyring) },
	{ "keyring", "signatures-required", "NUMBER (1..16)", "1",
	  "How many of these keys must have signed a bundle; one that signed twice counts once.",
	  STRICT(NUMBER, signatures_required, 1, 16, "16") },
	{ NULL, NULL, NULL, NULL, NULL, CONF_KIND_BOOL, 0, 0, 0, NULL },
};
