# SPDX-License-Identifier: Apache-2.0
"""`bundle create --image root=FOLDER/` makes the image by the tool of its file system; and an image that is none is
told."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests"))

import test_format                                                  # noqa: E402
from test_format import BASE, FAILURE, MIB, USAGE, good, refused, run    # noqa: E402

keys = test_format.keys             # a fixture
SYSTEMS = ("ext4", "squashfs", "erofs")


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


def create(tree, out, *options, fs="", env=None, **kwargs):
    return run("bundle", "create", "-o", out, *BASE, "--image", f"root={tree}/{fs}", *options,
               env={"SOURCE_DATE_EPOCH": "1700000000", **(env or {})}, **kwargs)


def extracted(tmp_path, out, keys):
    image = tmp_path / "out.img"
    good("bundle", "extract", out, "--key", keys / "a.pem", "-o", image)
    return image


def listed(image, kind) -> str:
    """What is in an image, by the file system's own tools."""
    command = {"ext4": ["debugfs", "-R", "ls -p /usr/lib", image], "squashfs": ["unsquashfs", "-ll", image],
               "erofs": ["fsck.erofs", "--extract", image]}[kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_folder_becomes_an_image(tmp_path, tree, keys, kind):
    out = tmp_path / "x.keel"
    done = create(tree, out, "--key", keys / "a.key", fs=f",fs={kind}")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(good("bundle", "inspect", out, "--json").stdout)["images"][0]
    assert told["filesystem"] == kind
    image = extracted(tmp_path, out, keys)
    said = listed(image, kind)
    if kind == "ext4":
        assert "os-release" in said and "/0/0/" in said and "a name with, blanks" in said
        subprocess.run(["e2fsck", "-fn", image], check=True, capture_output=True)
    elif kind == "squashfs":
        assert "usr/lib/os-release" in said and "root/root" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.img", "rootfs", "x.keel"]


def test_ext4_is_what_a_folder_becomes_by_default(tmp_path, tree):
    assert create(tree, tmp_path / "x.keel").returncode == 0
    told = json.loads(good("bundle", "inspect", tmp_path / "x.keel", "--json").stdout)["images"][0]
    assert told["filesystem"] == "ext4" and told["size"] < 40 * MIB


@pytest.mark.parametrize("kind", SYSTEMS)
def test_the_same_folder_gives_the_same_bytes(tmp_path, tree, kind):
    """Also a copy of it, made at another time, with other inodes."""
    assert create(tree, tmp_path / "1.keel", fs=f",fs={kind}").returncode == 0
    subprocess.run(["cp", "-r", tree, tmp_path / "copy"], check=True)
    (tmp_path / "copy/usr/lib/other").unlink()
    os.link(tmp_path / "copy/usr/lib/os-release", tmp_path / "copy/usr/lib/other")
    assert create(tmp_path / "copy", tmp_path / "2.keel", fs=f",fs={kind}").returncode == 0
    assert (tmp_path / "1.keel").read_bytes() == (tmp_path / "2.keel").read_bytes()


def test_the_size_is_what_was_asked_for(tmp_path, tree):
    assert create(tree, tmp_path / "x.keel", fs=",fs=ext4,size=33M").returncode == 0
    told = json.loads(good("bundle", "inspect", tmp_path / "x.keel", "--json").stdout)["images"][0]
    assert told["size"] == 33 * MIB
    assert create(tree, tmp_path / "x.keel", fs=",size=34M,fs=ext4").returncode == 0
    done = create(tree, tmp_path / "y.keel", fs=",size=1M")
    assert done.returncode == FAILURE
    assert f"image {tree}/: mke2fs failed to make an image of 1048576 bytes of it; set a larger size=" in done.stderr
    assert not (tmp_path / "y.keel").exists()


def test_a_recipe_names_a_folder_too(tmp_path, tree):
    (tmp_path / "r.ini").write_text("[bundle]\ncompatible=box\nversion=2.0\nsequence=2\nlevel=3\n"
                                    f"[image.root]\nfile={tree}\nsize=33M\n")
    assert create(tree, tmp_path / "o.keel", fs=",size=33M").returncode == 0
    good("bundle", "create", tmp_path / "r.ini", "-o", tmp_path / "r.keel", env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert (tmp_path / "r.keel").read_bytes() == (tmp_path / "o.keel").read_bytes()


def test_a_folder_can_have_a_tree_of_verity(tmp_path, tree):
    done = create(tree, tmp_path / "x.keel", "--verity")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be two users")
def test_what_somebody_else_makes_belongs_to_root(tmp_path, tree, keys):
    for folder in [tmp_path, *list(tmp_path.parents)[:3]]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    subprocess.run(["chown", "-R", "65534", tree, tmp_path], check=True)
    (keys / "a.key").chmod(0o644)
    done = create(tree, tmp_path / "x.keel", user=65534, env={"PATH": "/usr/bin:/bin"})
    (keys / "a.key").chmod(0o600)
    assert done.returncode == 0, done.stderr
    good("bundle", "sign", tmp_path / "x.keel", "--key", keys / "a.key")
    said = listed(extracted(tmp_path, tmp_path / "x.keel", keys), "ext4")
    assert "/65534/" not in said and "/0/0/" in said


@pytest.mark.parametrize("kind, tool", [("squashfs", "mksquashfs"), ("erofs", "mkfs.erofs")])
def test_a_tool_that_is_missing_is_named(tmp_path, tree, kind, tool):
    done = create(tree, tmp_path / "x.keel", fs=f",fs={kind}", env={"PATH": "/nowhere"})
    package = {"squashfs": "squashfs-tools", "erofs": "erofs-utils"}[kind]
    assert done.returncode == FAILURE
    told = f"image {tree}/: {tool}, which makes {kind} of a folder, is not installed"
    assert done.stderr == (f"keelboot: {told} (Debian: "
                           f"{package}); install it, or make the image yourself and pass that\n")


def test_what_no_folder_becomes_is_refused(tmp_path, tree):
    assert "ext4, squashfs or erofs" in create(tree, tmp_path / "x.keel", fs=",fs=vfat").stderr
    assert "size= works only with ext4" in create(tree, tmp_path / "x.keel", fs=",fs=squashfs,size=5M").stderr
    (tmp_path / "root.img").write_bytes(bytes(MIB))
    assert "size= works only for a folder" in refused(FAILURE, "bundle", "create", "-o", tmp_path / "x.keel", *BASE,
                                                      "--image", f"root={tmp_path}/root.img,size=5M")
    assert "want a size" in refused(USAGE, "bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image",
                                    f"root={tree},size=many")
    assert not (tmp_path / "x.keel").exists()


def test_the_output_may_not_lie_in_the_folder(tmp_path, tree):
    """It would be in the image, or not, as it comes."""
    assert "lies in the folder" in create(tree, tree / "x.keel").stderr


def test_an_image_that_is_no_file_system_is_told(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("rootfs: see elsewhere\n")
    done = good("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image", f"root={text}")
    assert f"image {text}: unknown file system: devices may not mount it; name it: " "fs=TYPE\n" in done.stderr
    for option in f"root={text},fs=own", f"firmware={text}":
        more = [] if option.startswith("root") else ["--image", f"root={text},fs=own"]
        done = good("bundle", "create", "-o", tmp_path / "x.keel", *BASE, "--image", option, *more)
        assert "no file system" not in done.stderr
