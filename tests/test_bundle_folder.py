# SPDX-License-Identifier: Apache-2.0
"""`bundle create --image root=FOLDER/` makes the image by the tool of its file system; and an image that is none is
told."""
import os

import pytest
import test_format
from cli_device import FAILURE, MIB, OK, USAGE, call, document, lacking, let_others_in, run
from test_format import BASE, good, refused

keys = test_format.keys             # a fixture
SYSTEMS = ("ext4", "squashfs", "erofs")
# As setfiles writes them, with the byte at the end.
LABELS = {"/": "system_u:object_r:root_t:s0\0", "/sbin": "system_u:object_r:bin_t:s0\0",
          "/usr/lib/big": "system_u:object_r:lib_t:s0\0", "/usr/lib/deep/er/empty": "u:object_r:etc_t:s0:c0.c1023\0"}


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    """A folder as a system is: files of all sizes, a hard and a symbolic link, a deep folder, strange names."""
    tree = tmp_path / "rootfs"
    (tree / "usr/lib/deep/er").mkdir(parents=True)
    (tree / "sbin").symlink_to("usr/lib")
    (tree / "usr/lib/big").write_bytes(os.urandom(3 * MIB))
    (tree / "usr/lib/os-release").write_text("ID=test\n")
    (tree / "usr/lib/deep/er/empty").touch()
    (tree / "usr/lib/a name with, blanks").write_text("x")
    os.link(tree / "usr/lib/os-release", tree / "usr/lib/other")
    for i in range(200):
        (tree / f"usr/lib/deep/{i}").write_text(f"{i}\n" * i)
    return tree


def create(tree, out, *options, fs="", env=None, code=OK, **kwargs):
    return run("bundle", "create", "-o", out, *BASE, "--image", f"root={tree}/{fs}", *options, code=code,
               env={"SOURCE_DATE_EPOCH": "1700000000", **(env or {})}, **kwargs)


def extracted(tmp_path, out, keys):
    image = tmp_path / "out.img"
    good("bundle", "extract", out, "--key", keys / "a.pem", "-o", image)
    return image


def listed(image, kind) -> str:
    """What is in an image, by the file system's own tools."""
    command = {"ext4": ["debugfs", "-R", "ls -p /usr/lib", image], "squashfs": ["unsquashfs", "-ll", image],
               "erofs": ["fsck.erofs", "--extract", image]}[kind]
    done = call(*command)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_link_to_a_folder_is_that_folder(tmp_path, tree, keys, kind):
    """As rootfs -> rootfs-2.1: the tools would pack the link."""
    (tmp_path / "latest").symlink_to("rootfs")
    create(tree, tmp_path / "x.keel", "--key", keys / "a.key", fs=f",fs={kind}")
    with_folder = extracted(tmp_path, tmp_path / "x.keel", keys).read_bytes()
    good("bundle", "create", "-o", tmp_path / "y.keel", *BASE, "--image", f"root={tmp_path}/latest,fs={kind}",
         "--key", keys / "a.key", env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert extracted(tmp_path, tmp_path / "y.keel", keys).read_bytes() == with_folder


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_folder_becomes_an_image(tmp_path, tree, keys, kind):
    out = tmp_path / "x.keel"
    assert create(tree, out, "--key", keys / "a.key", fs=f",fs={kind}").stderr == ""
    assert document("bundle", "inspect", out)["images"][0]["filesystem"] == kind
    image = extracted(tmp_path, out, keys)
    said = listed(image, kind)
    if kind == "ext4":
        assert "os-release" in said and "/0/0/" in said and "a name with, blanks" in said
        call("e2fsck", "-fn", image)
    elif kind == "squashfs":
        assert "usr/lib/os-release" in said and "root/root" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.img", "rootfs", "x.keel"]


def test_ext4_is_what_a_folder_becomes_by_default(tmp_path, tree):
    create(tree, tmp_path / "x.keel")
    told = document("bundle", "inspect", tmp_path / "x.keel")["images"][0]
    assert told["filesystem"] == "ext4" and told["size"] < 40 * MIB


@pytest.mark.parametrize("kind", SYSTEMS)
def test_the_same_folder_gives_the_same_bytes(tmp_path, tree, kind):
    """Also a copy of it, made at another time, with other inodes."""
    create(tree, tmp_path / "1.keel", fs=f",fs={kind}")
    call("cp", "-r", tree, tmp_path / "copy")
    (tmp_path / "copy/usr/lib/other").unlink()
    os.link(tmp_path / "copy/usr/lib/os-release", tmp_path / "copy/usr/lib/other")
    create(tmp_path / "copy", tmp_path / "2.keel", fs=f",fs={kind}")
    assert (tmp_path / "1.keel").read_bytes() == (tmp_path / "2.keel").read_bytes()


def test_the_size_is_what_was_asked_for(tmp_path, tree):
    create(tree, tmp_path / "x.keel", fs=",fs=ext4,size=33M")
    assert document("bundle", "inspect", tmp_path / "x.keel")["images"][0]["size"] == 33 * MIB
    create(tree, tmp_path / "x.keel", fs=",size=34M,fs=ext4")
    done = create(tree, tmp_path / "y.keel", fs=",size=1M", code=FAILURE)
    assert f"image {tree}/: mke2fs failed with a size of 1048576 bytes; set a larger size=" in done.stderr
    assert not (tmp_path / "y.keel").exists()


def test_a_recipe_names_a_folder_too(tmp_path, tree):
    (tmp_path / "r.ini").write_text("[bundle]\ncompatible=box\nversion=2.0\nsequence=2\nlevel=3\n"
                                    f"[image.root]\nfile={tree}\nsize=33M\n")
    create(tree, tmp_path / "o.keel", fs=",size=33M")
    good("bundle", "create", tmp_path / "r.ini", "-o", tmp_path / "r.keel", env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert (tmp_path / "r.keel").read_bytes() == (tmp_path / "o.keel").read_bytes()


def test_a_folder_can_have_a_tree_of_verity(tmp_path, tree):
    create(tree, tmp_path / "x.keel", "--verity")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be two users")
def test_what_somebody_else_makes_belongs_to_root(tmp_path, tree, keys):
    user = let_others_in(tmp_path)
    call("chown", "-R", user, tree, tmp_path)
    create(tree, tmp_path / "x.keel", user=user, env={"PATH": "/usr/bin:/bin"})
    good("bundle", "sign", tmp_path / "x.keel", "--key", keys / "a.key")
    said = listed(extracted(tmp_path, tmp_path / "x.keel", keys), "ext4")
    assert "/65534/" not in said and "/0/0/" in said


@pytest.mark.parametrize("kind, tool", [("squashfs", "mksquashfs"), ("erofs", "mkfs.erofs")])
def test_a_tool_that_is_missing_is_named(tmp_path, tree, kind, tool):
    package = {"squashfs": "squashfs-tools", "erofs": "erofs-utils"}[kind]
    assert create(tree, tmp_path / "x.keel", fs=f",fs={kind}", within=lacking(tool), env={"PATH": "/nowhere"},
                  code=FAILURE).stderr == (
        f"keelboot: image {tree}/: {tool}, which makes {kind} of a folder, is not installed (Debian: {package}); "
        "install it, or make the image yourself and pass that\n")


def test_what_no_folder_becomes_is_refused(tmp_path, tree):
    assert "ext4, squashfs or erofs" in create(tree, tmp_path / "x.keel", fs=",fs=vfat", code=None).stderr
    assert "size= works only with ext4" in create(tree, tmp_path / "x.keel", fs=",fs=squashfs,size=5M",
                                                  code=None).stderr
    (tmp_path / "root.img").write_bytes(bytes(MIB))
    assert "size= works only for a folder" in refused(FAILURE, "bundle", "create", "-o", tmp_path / "x.keel", *BASE,
                                                      "--image", f"root={tmp_path}/root.img,size=5M")
    assert "want a size" in refused(USAGE, "bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image",
                                    f"root={tree},size=many")
    assert not (tmp_path / "x.keel").exists()


def test_the_output_may_not_lie_in_the_folder(tmp_path, tree):
    """It would be in the image, or not, as it comes."""
    assert "lies in the folder" in create(tree, tree / "x.keel", code=FAILURE).stderr


def test_an_image_that_is_no_file_system_is_told(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("rootfs: see elsewhere\n")
    done = good("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image", f"root={text}")
    assert f"image {text}: unknown file system: devices may not mount it; name it: " "fs=TYPE\n" in done.stderr
    for option in f"root={text},fs=own", f"firmware={text}":
        more = [] if option.startswith("root") else ["--image", f"root={text},fs=own"]
        done = good("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image", option, *more)
        assert "no file system" not in done.stderr


def labels_of(image, kind, tmp_path) -> dict:
    """The SELinux labels in an image, by the file system's own tools."""
    if kind == "ext4":
        said = {name: call("debugfs", "-R", f"ea_get -V {name} security.selinux", image).stdout for name in LABELS}
        return {name: text.removesuffix("\n") for name, text in said.items()}
    if kind == "squashfs":
        call("unsquashfs", "-quiet", "-no-progress", "-d", tmp_path / "out", image)
        return {name: os.getxattr(tmp_path / "out" / name.lstrip("/"), "security.selinux", follow_symlinks=False)
                .decode() for name in LABELS}
    # No tool of erofs shows attributes: they stand in it as they are.
    data = image.read_bytes()
    return {name: label for name, label in LABELS.items() if label.encode() in data}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write labels")
@pytest.mark.parametrize("kind", SYSTEMS)
def test_labels_of_a_folder_are_those_of_its_image(tmp_path, tree, keys, kind):
    """docs/ROOT.md: files are labelled when the image is built. The folder itself and a link have a label, too."""
    for name, label in LABELS.items():
        os.setxattr(tree / name.lstrip("/"), "security.selinux", label.encode(), follow_symlinks=False)
    create(tree, tmp_path / "x.keel", "--key", keys / "a.key", fs=f",fs={kind}")
    assert labels_of(extracted(tmp_path, tmp_path / "x.keel", keys), kind, tmp_path) == LABELS
