# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Keelboot's configuration of a device, and the keys that it trusts"
DESCRIPTION = "KEELBOOT_KEYS names the public keys: files of a layer that has a .bbappend, or absolute paths. \
Such a .bbappend brings another system.conf, too."
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

inherit keelboot-release

KEELBOOT_KEYS ??= ""
SRC_URI = "file://system.conf ${@' '.join('file://%s;subdir=keys' % key for key in d.getVar('KEELBOOT_KEYS').split())}"
S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"
do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
	install -d ${D}${sysconfdir}/keelboot/keys
	[ -n "${KEELBOOT_COMPATIBLE}" ] || bbfatal "KEELBOOT_COMPATIBLE is not set: say which devices a bundle is for, as in acme-box-1"
	sed 's/@KEELBOOT_COMPATIBLE@/${KEELBOOT_COMPATIBLE}/' ${S}/system.conf >${D}${sysconfdir}/keelboot/system.conf
	[ -d ${S}/keys ] || bbfatal "KEELBOOT_KEYS is not set: without a public key a device installs no update"
	find ${S}/keys -type f -exec install -m 644 -t ${D}${sysconfdir}/keelboot/keys {} +
}

CONFFILES:${PN} = "${sysconfdir}/keelboot/system.conf"
