# SPDX-License-Identifier: Apache-2.0
# A recipe that inherits this makes a signed bundle of images:
#
#     LICENSE = "MIT"
#     KEELBOOT_IMAGE_root = "acme-image"
#     inherit keelboot-bundle
#
# KEELBOOT_KEY names the private key: an absolute path, or what else keelboot-bundle(1) takes.
inherit deploy nopackages image-artifact-names keelboot-release

# Classes of the bundle's images. Of each, KEELBOOT_IMAGE_CLASS names the image's recipe; [fstype] its type.
KEELBOOT_IMAGES ??= "root"
KEELBOOT_KEY ??= ""
# More arguments of "keelboot bundle create".
KEELBOOT_ARGUMENTS ??= ""

INHIBIT_DEFAULT_DEPS = "1"
DEPENDS = "keelboot-native"
PACKAGE_ARCH = "${MACHINE_ARCH}"
S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}"
do_fetch[noexec] = "1"
do_unpack[noexec] = "1"
do_patch[noexec] = "1"
do_configure[noexec] = "1"
do_compile[noexec] = "1"
do_install[noexec] = "1"

# --image CLASS=FILE,fs=TYPE for each class
def keelboot_images(d):
    arguments = []
    for cls in d.getVar("KEELBOOT_IMAGES").split():
        name = "KEELBOOT_IMAGE_" + cls
        fstype = d.getVarFlag(name, "fstype") or "ext4"
        file = d.expand("${DEPLOY_DIR_IMAGE}/%s${IMAGE_MACHINE_SUFFIX}${IMAGE_NAME_SUFFIX}.%s" % (d.getVar(name), fstype))
        arguments.append("--image %s=%s,fs=%s" % (cls, file, fstype.split(".")[0]))
    return " ".join(arguments)

python () {
    for cls in d.getVar("KEELBOOT_IMAGES").split():
        image = d.getVar("KEELBOOT_IMAGE_" + cls)
        if not image:
            raise bb.parse.SkipRecipe("KEELBOOT_IMAGE_%s names no image" % cls)
        d.appendVarFlag("do_bundle", "depends", " %s:do_image_complete" % image)
    for name in ("KEELBOOT_COMPATIBLE", "KEELBOOT_KEY"):
        if not d.getVar(name):
            raise bb.parse.SkipRecipe("%s is not set" % name)
}

do_bundle() {
	rm -f ${B}/${PN}.keel
	keelboot bundle create -o ${B}/${PN}.keel --compatible '${KEELBOOT_COMPATIBLE}' --version '${KEELBOOT_VERSION}' \
		--sequence '${KEELBOOT_SEQUENCE}' --key '${KEELBOOT_KEY}' ${@keelboot_images(d)} ${KEELBOOT_ARGUMENTS}
}
do_bundle[dirs] = "${B}"
addtask bundle after do_prepare_recipe_sysroot before do_deploy

do_deploy() {
	install -m 644 ${B}/${PN}.keel ${DEPLOYDIR}/${PN}${IMAGE_MACHINE_SUFFIX}.keel
}
addtask deploy after do_bundle before do_build
