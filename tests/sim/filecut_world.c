/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_world.h"

#include "lib/os.h"
#include "lib/util.h"
#include "tests/unit/install_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define IMAGE 4096u
#define SLOT  (2u << 20)

static char dir[64];
static struct release {
	uint32_t bundle;
	uint8_t id[STATE_ID_LEN];
	char path[FILECUT_IMAGE_PATH];
	uint8_t image[IMAGE];
} releases[2];

const char *filecut_world_at(const char *name)
{
	static char p[16][512];
	static unsigned n;

	n = (n + 1) % 16;
	snprintf(p[n], sizeof(p[0]), "%s/%s", dir, name);
	return p[n];
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "filecut: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put_file(const char *name, const void *p, size_t len, uint64_t size)
{
	int fd = open(filecut_world_at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && pwrite(fd, p, len, 0) == (ssize_t)len, name);
	must(size == 0 || ftruncate(fd, (off_t)size) == 0, name);
	close(fd);
}

/* ---------------------------------------------------------------- making it */

static void make_release(struct release *r, bool other, const struct key_file *key)
{
	struct fixture_image im = { "root", r->image, IMAGE, 16384, true };
	struct fixture_bundle b = {
		.image = &im,
		.nimages = 1,
		.version = other ? "2.0" : "3.0",
		.compatible = "box",
		.sequence = other ? 2 : 3,
		.key = key,
	};
	static uint8_t buf[FILECUT_FS_FILE];
	static struct reader reader;
	struct keyring keys;
	char hex[2 * 8 + 1];
	ssize_t len;
	int fd;

	for (unsigned i = 0; i < IMAGE; i++)
		r->image[i] = (uint8_t)(i * i >> 5 | 1) ^ (uint8_t)(other ? 0x20 : 0);
	fd = fixture_make(&b);
	len = pread(fd, buf, sizeof(buf), 0);
	must(len > 0 && len < (ssize_t)sizeof(buf), "bundle");
	put_file(other ? "other.keel" : "new.keel", buf, (size_t)len, 0);
	r->bundle = filecut_image_blob(buf, (size_t)len);
	fixture_ok(keyring_load(&keys, filecut_world_at("root/etc/keelboot/keys")));
	fixture_ok(reader_open(&reader, fd, false, (uint64_t)len, &keys));
	memcpy(r->id, reader.release.id, STATE_ID_LEN);
	reader_close(&reader);
	keyring_free(&keys);
	close(fd);
	bytes_hex(hex, r->id, 8);
	snprintf(r->path, sizeof(r->path), "keelboot/stage/%s.keel", hex);
}

void filecut_world_stable_after(unsigned seconds)
{
	char conf[600];

	snprintf(conf, sizeof(conf),
		 "[system]\ncompatible=box\nstable-after=%u\n[source.data]\nmount=%s\n", seconds,
		 filecut_world_at("data"));
	put_file("root/etc/keelboot/system.conf", conf, strlen(conf), 0);
}

void filecut_world_reported(bool reported)
{
	if (reported)
		put_file("run/good", "", 0, 0);
	else
		unlink(filecut_world_at("run/good"));
}

bool filecut_world_begin(void)
{
	static const char *const dirs[] = { "root", "root/etc", "root/etc/keelboot",
					    "root/etc/keelboot/keys", "run" };
	struct key_file key;
	char pem[512];

	snprintf(dir, sizeof(dir), "%s/keelboot-filecut-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL, dir);
	for (unsigned i = 0; i < KB_ARRAY_LEN(dirs); i++)
		must(mkdir(filecut_world_at(dirs[i]), 0700) == 0, dirs[i]);
	filecut_world_stable_after(0);
	if (key_file_generate(filecut_world_at("k"), KEYRING_ED25519, &key) != KB_OK)
		return false;
	snprintf(pem, sizeof(pem), "%s", filecut_world_at("root/etc/keelboot/keys/k.pem"));
	must(rename(filecut_world_at("k.pem"), pem) == 0, pem);
	make_release(&releases[0], false, &key);
	make_release(&releases[1], true, &key);
	key_file_free(&key);
	put_file("a", "", 0, SLOT);
	return true;
}

static void remove_tree(const char *at)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -rf '%s'", at);
	if (system(command) != 0)
		fprintf(stderr, "filecut: %s is left\n", at);
}

void filecut_world_end(void)
{
	remove_tree(dir);
}

uint32_t filecut_world_bundle(bool other)
{
	return releases[other].bundle;
}

const char *filecut_world_path(bool other)
{
	return releases[other].path;
}

const uint8_t *filecut_world_release(bool other)
{
	return releases[other].id;
}

void filecut_world_fresh(struct state *s)
{
	state_init(s, 2);
	s->slot[0].st = STATE_GOOD;
	s->slot[0].ever_good = s->slot[0].has_release = true;
	s->slot[0].sequence = 1;
	state_set_text(s->slot[0].version, "1.0");
	s->last = s->pref = 0;
}

static void add_cells(struct filecut_image *im, int fd)
{
	off_t at = 0;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		uint8_t buf[STORE_CELL];

		at -= at % (off_t)STORE_CELL;
		must(pread(fd, buf, sizeof(buf), at) == sizeof(buf), "state");
		if (!bytes_all(buf, sizeof(buf), 0))
			filecut_image_add_cell(im, (uint64_t)at,
					       filecut_image_blob(buf, sizeof(buf)));
		at += (off_t)STORE_CELL;
	}
}

void filecut_world_state(struct filecut_image *im, struct state *s)
{
	enum store_finding found;
	struct bdev_file dev;
	struct state old;
	struct store st;

	/* As filecut_world_booted() has it. */
	s->open_token = s->open != STATE_NONE ? 1 : 0;
	put_file("state", "", 0, STORE_MIN_SIZE);
	fixture_ok(bdev_file_open(&dev, filecut_world_at("state"), BDEV_FILE_WRITE));
	fixture_ok(store_load(&st, &dev.bdev, &old, &found));
	filecut_world_fresh(&old);
	fixture_ok(store_save_both(&st, &old));
	fixture_ok(store_save(&st, s));
	im->ncells = 0;
	add_cells(im, dev.fd);
	bdev_file_close(&dev);
}

void filecut_world_cells(struct filecut_image *im)
{
	int fd = open(filecut_world_at("state"), O_RDONLY | O_CLOEXEC);

	must(fd >= 0, "state");
	im->ncells = 0;
	add_cells(im, fd);
	close(fd);
}

/* ---------------------------------------------------------------- an image of it */

static uint64_t ino_of(const char *name)
{
	struct stat st;

	must(lstat(filecut_world_at(name), &st) == 0, name);
	return st.st_ino;
}

static void clear(const char *name)
{
	static struct filecut_image im;

	filecut_world_get(&im);
	for (unsigned i = im.nfiles; i-- > 0;) {
		char full[FILECUT_IMAGE_PATH + 8];

		snprintf(full, sizeof(full), "%s/%s", name, im.file[i].path);
		must((im.file[i].dir ? rmdir : unlink)(filecut_world_at(full)) == 0, full);
	}
}

void filecut_world_put(const struct filecut_image *im, struct filecut_fs *fs, size_t block)
{
	uint64_t ino[FILECUT_IMAGE_FILES];
	const uint8_t *p;
	size_t len;
	int fd;

	must(mkdir(filecut_world_at("data"), 0755) == 0 || errno == EEXIST, "data");
	clear("data");
	for (unsigned i = 0; i < im->nfiles; i++) {
		char full[FILECUT_IMAGE_PATH + 8];

		snprintf(full, sizeof(full), "data/%s", im->file[i].path);
		if (im->file[i].dir) {
			must(mkdir(filecut_world_at(full), 0755) == 0, full);
		} else {
			p = filecut_image_bytes(im->file[i].blob, &len);
			put_file(full, p, len, 0);
		}
		ino[i] = ino_of(full);
	}
	put_file("state", "", 0, STORE_MIN_SIZE);
	fd = open(filecut_world_at("state"), O_WRONLY | O_CLOEXEC);
	must(fd >= 0, "state");
	for (unsigned i = 0; i < im->ncells; i++) {
		p = filecut_image_bytes(im->cell[i].blob, &len);
		must(pwrite(fd, p, len, (off_t)im->cell[i].off) == (ssize_t)len, "state");
	}
	close(fd);
	if (fs != NULL)
		filecut_fs_load(fs, im, ino, ino_of("data"), block);
}

static void get_folder(struct filecut_image *im, const char *at)
{
	static const char *const none = "";
	char names[FILECUT_IMAGE_FILES][64], full[256];
	unsigned n = 0;

	snprintf(full, sizeof(full), "data%s%s", at[0] != '\0' ? "/" : none, at);
	must(os_list(filecut_world_at(full), names, FILECUT_IMAGE_FILES, &n) == KB_OK, full);
	for (unsigned i = 0; i < n; i++) {
		static uint8_t buf[FILECUT_FS_FILE];
		struct stat st;
		char below[128];
		ssize_t len;
		int fd;

		must(snprintf(below, sizeof(below), "%s%s%s", at, at[0] != '\0' ? "/" : none,
			      names[i]) < (int)sizeof(below),
		     names[i]);
		snprintf(full, sizeof(full), "data/%s", below);
		must(lstat(filecut_world_at(full), &st) == 0, full);
		if (S_ISDIR(st.st_mode)) {
			filecut_image_add_file(im, below, true, 0);
			get_folder(im, below);
			continue;
		}
		fd = open(filecut_world_at(full), O_RDONLY | O_CLOEXEC);
		len = read(fd, buf, sizeof(buf));
		must(fd >= 0 && len >= 0, full);
		close(fd);
		filecut_image_add_file(im, below, false, filecut_image_blob(buf, (size_t)len));
	}
}

void filecut_world_get(struct filecut_image *im)
{
	memset(im, 0, sizeof(*im));
	get_folder(im, "");
}

void filecut_world_booted(uint64_t token)
{
	char text[32];

	put_file("b", "", 0, SLOT);
	snprintf(text, sizeof(text), "%c\n", token != 0 ? 'b' : 'a');
	put_file("run/slot", text, strlen(text), 0);
	snprintf(text, sizeof(text), "%c %llu\n", token != 0 ? 'b' : 'a',
		 (unsigned long long)token);
	put_file("run/token", text, strlen(text), 0);
}

void filecut_world_fill_b(bool other)
{
	put_file("b", releases[other].image, IMAGE, SLOT);
}

bool filecut_world_slot_b(bool other)
{
	uint8_t buf[IMAGE];
	int fd = open(filecut_world_at("b"), O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && pread(fd, buf, sizeof(buf), 0) == sizeof(buf) &&
		    memcmp(buf, releases[other].image, sizeof(buf)) == 0;

	close(fd);
	return same;
}
