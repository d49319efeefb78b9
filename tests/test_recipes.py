# SPDX-License-Identifier: Apache-2.0
"""What a build of others learns that Keelboot needs: the recipes of Buildroot and Yocto, and Debian's packages. Their
own tests build with the libraries of this machine, and miss none."""

import re

import pytest
from cli_device import TOP

MAKEFILE = TOP / "Makefile"
# By the name that pkg-config has: that of the package in each of them; None: it is built without.
LIBRARIES = {
    "blkid": ("util-linux", "util-linux", "libblkid-dev"), "inih": ("inih", "libinih", "libinih-dev"),
    "json-c": ("json-c", "json-c", "libjson-c-dev"), "libcrypto": ("openssl", "openssl", "libssl-dev"),
    "liblz4": ("lz4", "lz4", "liblz4-dev"), "liblzma": ("xz", "xz", "liblzma-dev"),
    "libubootenv": (None, "libubootenv", "libubootenv-dev"), "libzstd": ("zstd", "zstd", "libzstd-dev"),
    "zlib": ("zlib", "zlib", "zlib1g-dev")}
RECIPES = {
    "buildroot": (0, "hooks/buildroot/package/keelboot/keelboot.mk", r"^KEELBOOT_DEPENDENCIES = (.*)$", ""),
    "buildroot-host": (0, "hooks/buildroot/package/keelboot/keelboot.mk",
                       r"^HOST_KEELBOOT_DEPENDENCIES = ((?:.*\\\n)*.*)$", "host-"),
    "yocto": (1, "hooks/yocto/meta-keelboot/recipes-core/keelboot/keelboot.bb", r'^DEPENDS = "(.*)"$', ""),
    "debian": (2, "debian/control", r"^Build-Depends: ((?:.*,\n)*.*)$", ""),
}


def test_each_library_is_known_here():
    asked = set(re.findall(r"\(call libs_of,([\w-]+),", MAKEFILE.read_text())) - {"cmocka"}
    assert asked == set(LIBRARIES)


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_wants_each_library_that_the_build_asks_for(name):
    place, path, pattern, prefix = RECIPES[name]
    text = (TOP / path).read_text()
    said = set(re.split(r"[\s,\\]+", re.search(pattern, text, re.M)[1]))
    wanted = {library: names[place] for library, names in LIBRARIES.items()}
    assert {f"{prefix}{one}" for one in wanted.values() if one} <= said
    assert (wanted["libubootenv"] is None) == ("UBOOTENV=no" in text)


def test_the_selected_packages_are_those_of_the_recipe():
    """Kconfig builds what is selected: what the recipe wants besides would be missing there."""
    config = (TOP / "hooks/buildroot/package/keelboot/Config.in").read_text()
    selected = set(re.findall(r"select BR2_PACKAGE_(\w+)", config))
    names = {names[0] for names in LIBRARIES.values() if names[0]}
    assert {name.upper().replace("-", "_") for name in names} <= selected
