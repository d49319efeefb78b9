################################################################################
#
# keelboot
#
################################################################################

KEELBOOT_VERSION = 0.1.0
KEELBOOT_SITE = $(realpath $(BR2_EXTERNAL_KEELBOOT_PATH)/../..)
KEELBOOT_SITE_METHOD = local
KEELBOOT_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude /build
KEELBOOT_LICENSE = Apache-2.0
KEELBOOT_LICENSE_FILES = LICENSE
KEELBOOT_DEPENDENCIES = host-pkgconf inih json-c lz4 openssl util-linux xz zlib zstd
HOST_KEELBOOT_DEPENDENCIES = \
	host-inih \
	host-json-c \
	host-lz4 \
	host-openssl \
	host-pkgconf \
	host-util-linux \
	host-xz \
	host-zlib \
	host-zstd

# Of libubootenv, Buildroot has neither a static library nor one for the host.
KEELBOOT_WITHOUT = FLEET=no UBOOTENV=no

KEELBOOT_MAKE = \
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) $(KEELBOOT_WITHOUT) \
	CC="$(TARGET_CC)" \
	AR="$(TARGET_AR)" \
	CFLAGS="$(TARGET_CFLAGS)" \
	PKG_CONFIG="$(PKG_CONFIG_HOST_BINARY)"

# The libraries of a build host are shared.
HOST_KEELBOOT_MAKE = \
	$(HOST_MAKE_ENV) $(MAKE) -C $(@D) $(KEELBOOT_WITHOUT) \
	CC="$(HOSTCC)" \
	AR="$(HOSTAR)" \
	CFLAGS="$(HOST_CFLAGS)" \
	LDFLAGS="-pie $(HOST_LDFLAGS)" \
	PKG_CONFIG="$(PKG_CONFIG_HOST_BINARY)"

define KEELBOOT_BUILD_CMDS
	$(KEELBOOT_MAKE)
endef

define KEELBOOT_INSTALL_TARGET_CMDS
	$(KEELBOOT_MAKE) install-device DESTDIR=$(TARGET_DIR)
endef

define KEELBOOT_INSTALL_IMAGES_CMDS
	$(INSTALL) -d $(BINARIES_DIR)/keelboot
	$(INSTALL) -m 755 $(@D)/build/no-ubootenv/init \
		$(@D)/build/no-ubootenv/keelboot-helper \
		$(@D)/build/no-ubootenv/keelboot-guardian \
		$(BINARIES_DIR)/keelboot/
endef
KEELBOOT_INSTALL_IMAGES = YES

define KEELBOOT_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 755 $(@D)/hooks/system/keelboot-early.init \
		$(TARGET_DIR)/etc/init.d/S00keelboot-early
	$(INSTALL) -D -m 755 $(@D)/hooks/system/keelboot.init \
		$(TARGET_DIR)/etc/init.d/S99keelboot
endef

define HOST_KEELBOOT_BUILD_CMDS
	$(HOST_KEELBOOT_MAKE)
endef

# The device's init and guardian are another machine's: see images/keelboot.
define HOST_KEELBOOT_INSTALL_CMDS
	$(HOST_KEELBOOT_MAKE) install-host PREFIX=$(HOST_DIR)
	rm -f $(HOST_DIR)/lib/keelboot/init $(HOST_DIR)/lib/keelboot/keelboot-guardian
endef

$(eval $(generic-package))
$(eval $(host-generic-package))
