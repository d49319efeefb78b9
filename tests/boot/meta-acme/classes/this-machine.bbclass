# SPDX-License-Identifier: Apache-2.0
# Programs and libraries of this machine, in place of those that would be fetched and built. No task gets more than its
# own recipe.
HOSTTOOLS_NONFATAL += "keelboot"
HOSTTOOLS += "pkg-config gcc-ar mke2fs mkfs.ext4 fsck.ext4 tune2fs e2fsck dumpe2fs debugfs sfdisk mlabel mattrib mtype mdir mcopy parted sgdisk mkdosfs mcopy mmd cpio objcopy"
PSEUDO_SYSROOT = "${ACME_LAYER}/pseudo"
CC:pn-keelboot = "gcc"
AR:pn-keelboot = "gcc-ar"
PKG_CONFIG_LIBDIR:pn-keelboot = "/usr/lib/x86_64-linux-gnu/pkgconfig:/usr/share/pkgconfig"
PKG_CONFIG_SYSROOT_DIR:pn-keelboot = ""
DEBUG_PREFIX_MAP:remove = "-fcanon-prefix-map"
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
SKIP_FILEDEPS = "1"

python () {
    d.setVarFlag("do_prepare_recipe_sysroot", "noexec", "1")
    if bb.data.inherits_class("image", d):
        d.setVar("do_rootfs", "    acme_rootfs(d)\n")
}

python package_prepare_pkgdata:forcevariable () {
    pass
}

# What the packages of the image would have put there.
def acme_rootfs(d):
    import subprocess
    rootfs = d.getVar("IMAGE_ROOTFS")
    subprocess.run(["cp", "-a", d.getVar("ACME_FOLDER") + "/" + d.getVar("PN") + "/.", rootfs], check=True)
    if "keelboot_folders" in d.getVar("ROOTFS_POSTPROCESS_COMMAND"):
        bb.build.exec_func("keelboot_folders", d)
