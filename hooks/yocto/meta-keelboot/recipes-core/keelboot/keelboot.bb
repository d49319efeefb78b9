# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Boots the right root slot, installs signed updates, falls back"
DESCRIPTION = "A small init of the initramfs that chooses the root slot, installs signed updates before root is \
mounted, and falls back when one fails; and the command for the system and for build hosts."
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"
PV = "${@keelboot_version(d)}"

def keelboot_version(d):
    import re
    makefile = d.getVar("KEELBOOT_SOURCE") + "/Makefile"
    bb.parse.mark_dependency(d, makefile)
    with open(makefile) as file:
        return re.search(r"(?m)^VERSION *:= *(\S+)", file.read())[1]

DEPENDS = "json-c libinih libubootenv lz4 openssl util-linux xz zlib zstd"

inherit externalsrc pkgconfig update-rc.d

EXTERNALSRC = "${KEELBOOT_SOURCE}"
EXTERNALSRC_SYMLINKS = ""
INITSCRIPT_NAME = "keelboot"
INITSCRIPT_PARAMS = "start 99 2 3 4 5 . stop 01 0 1 6 ."

# Shared libraries, as anywhere in an image of OpenEmbedded: its recipes build no static ones.
EXTRA_OEMAKE = "B='${B}' CC='${CC}' AR='${AR}' CFLAGS='${CFLAGS}' LDFLAGS='-pie ${LDFLAGS}' \
                FLEET=no PREFIX='${prefix}' SYSCONFDIR='${sysconfdir}' LIBDIR='${nonarch_libdir}/keelboot' \
                ZSHDIR='${datadir}/zsh/site-functions' -o compile_commands.json"

do_compile() {
	oe_runmake -C ${S} all
}

do_install() {
	oe_runmake -C ${S} install-device DESTDIR=${D}
	install -m 755 ${B}/init ${D}/init
	install -m 755 ${B}/keelboot-guardian ${D}${nonarch_libdir}/keelboot/
	# systemd would start it beside the units, which install-device brings.
	if ${@bb.utils.contains("DISTRO_FEATURES", "sysvinit", "true", "false", d)}; then
		install -D -m 755 ${S}/hooks/system/keelboot.init ${D}${sysconfdir}/init.d/keelboot
		install -D -m 755 ${S}/hooks/system/keelboot-early.init ${D}${sysconfdir}/init.d/keelboot-early
		install -d ${D}${sysconfdir}/rcS.d
		ln -s ../init.d/keelboot-early ${D}${sysconfdir}/rcS.d/S40keelboot-early
	fi
}

do_install:class-native() {
	oe_runmake -C ${S} install-device DESTDIR=${D}
}

PACKAGES =+ "${PN}-init ${PN}-helper"
SUMMARY:${PN}-init = "Keelboot's init, for an initramfs"
FILES:${PN}-init = "/init ${nonarch_libdir}/keelboot/keelboot-guardian"
RDEPENDS:${PN}-init = "${PN}-helper"
SUMMARY:${PN}-helper = "What Keelboot's init and command start to read and to check bundles"
FILES:${PN}-helper = "${nonarch_libdir}/keelboot/keelboot-helper"
FILES:${PN} += "${nonarch_libdir}/keelboot ${nonarch_libdir}/systemd ${datadir}/bash-completion ${datadir}/zsh ${datadir}/fish"
RDEPENDS:${PN} = "${PN}-helper"

BBCLASSEXTEND = "native"
