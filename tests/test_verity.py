# SPDX-License-Identifier: Apache-2.0
"""`bundle create --verity` against veritysetup, which Debian's cryptsetup-bin brings."""

import random
import re
import resource
from pathlib import Path

import pytest
from cli_device import FAILURE, GIB, MIB, OK, USAGE, call, document, run

BLOCK = 4096


def create(folder: Path, image: Path, *options, code=OK, limits=None):
    key = folder / "dev.key"
    if not key.exists():
        run("key", "generate", "-o", folder / "dev", code=OK)
    return run("bundle", "create", "--key", key, "-o", folder / "out.keel", "--compatible", "box", "--version", "1.0",
               "--sequence", "1", "--image", f"root={image}", "--level", "1", *options, code=code, limits=limits)


def root_hash(bundle: Path) -> str:
    return document("bundle", "inspect", bundle)["images"][0]["verity_root_hash"]


def salt(bundle: Path) -> str:
    return re.search(rb"verity-salt=([0-9a-f]+)", bundle.read_bytes()).group(1).decode()


def oracle(image: Path, out: Path, blocks: int, salt_hex: str) -> str:
    text = call("/usr/sbin/veritysetup", "format", "--no-superblock", "--hash=sha256", "--data-block-size=4096",
                "--hash-block-size=4096", f"--data-blocks={blocks}", f"--salt={salt_hex}", image, out).stdout
    return re.search(r"Root hash:\s*([0-9a-f]+)", text).group(1)


# Around the borders of a level: 128 hashes fit a block.
@pytest.mark.parametrize("blocks", [2, 127, 128, 129, 255, 256, 300, 16384, 16385])
def test_tree_is_that_of_veritysetup(tmp_path, blocks):
    image, tree = tmp_path / "image", tmp_path / "tree"
    data = random.Random(blocks)
    with open(image, "wb") as file:
        file.truncate(blocks * BLOCK)
        for _ in range(min(blocks, 40)):        # the rest are holes
            file.seek(data.randrange(blocks) * BLOCK)
            file.write(data.randbytes(BLOCK))
    create(tmp_path, image, "--verity")
    bundle = tmp_path / "out.keel"
    assert root_hash(bundle) == oracle(image, tree, blocks, salt(bundle))
    run("bundle", "extract", bundle, "-o", tmp_path / "extracted", "--key", tmp_path / "dev.pem", code=OK)
    extracted = (tmp_path / "extracted").read_bytes()
    assert extracted[:blocks * BLOCK] == image.read_bytes()
    assert extracted[blocks * BLOCK:] == tree.read_bytes()


def test_image_that_is_no_multiple_of_a_block_is_padded_first(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(random.Random(1).randbytes(3 * BLOCK + 100))
    create(tmp_path, image, "--verity")
    image.write_bytes(image.read_bytes() + bytes(BLOCK - 100))
    assert root_hash(tmp_path / "out.keel") == oracle(image, tmp_path / "tree", 4, salt(tmp_path / "out.keel"))


def test_unchanged_blocks_keep_their_part_of_the_tree(tmp_path):
    """The salt is the product's, not the release's: an update does not write the whole tree anew."""
    image = tmp_path / "image"
    image.write_bytes(random.Random(2).randbytes(64 * BLOCK))
    create(tmp_path, image, "--verity")
    first = salt(tmp_path / "out.keel"), root_hash(tmp_path / "out.keel")
    create(tmp_path, image, "--verity", "--version", "2.0", "--sequence", "2")
    assert (salt(tmp_path / "out.keel"), root_hash(tmp_path / "out.keel")) == first


def test_ext4_with_small_blocks_is_refused(tmp_path):
    image = tmp_path / "image"
    call("mke2fs", "-q", "-t", "ext4", "-b", "1024", image, "4M")
    assert "mke2fs -b 4096" in create(tmp_path, image, "--verity", code=FAILURE).stderr
    image.write_bytes(bytes(BLOCK))
    assert "too small for --verity" in create(tmp_path, image, "--verity", code=FAILURE).stderr


def test_recipe_says_it_too_and_not_twice(tmp_path):
    image, recipe = tmp_path / "image", tmp_path / "recipe.ini"
    image.write_bytes(random.Random(3).randbytes(10 * BLOCK))
    recipe.write_text(f"[bundle]\nverity=yes\n[image.root]\nverity-salt=00ff\nfile={image}\n")
    run("bundle", "create", recipe, "-o", tmp_path / "out.keel", "--compatible", "box", "--version", "1",
        "--sequence", "1", code=OK)
    assert salt(tmp_path / "out.keel") == "00ff"
    assert root_hash(tmp_path / "out.keel") == oracle(image, tmp_path / "tree", 10, "00ff")
    recipe.write_text(f"[bundle]\nverity=maybe\n[image.root]\nfile={image}\n")
    assert "expected yes or no" in run("bundle", "create", recipe, "-o", tmp_path / "x.keel", code=USAGE).stderr


def test_no_memory_is_asked_for_an_image_that_no_bundle_can_hold(tmp_path):
    """A tree is a 127th of its image, and was made before anybody looked at the size."""
    image = tmp_path / "huge.img"
    with image.open("wb") as file:
        file.truncate(65 * GIB)
    failed = create(tmp_path, image, "--verity", "--chunk-size", "16K", code=FAILURE,
                    limits=lambda: resource.setrlimit(resource.RLIMIT_AS, (256 * MIB, 256 * MIB)))
    assert "too large for chunks of 16384 bytes" in failed.stderr
