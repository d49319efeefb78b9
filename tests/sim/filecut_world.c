/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_world.h"

#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define IMAGE FILECUT_WORLD_IMAGE
#define SLOT  (2u << 20)

struct filecut_world_release filecut_world_release[2] = {
	{ .r = { .version = "3.0", .sequence = 3 } },
	{ .r = { .version = "2.0", .sequence = 2 } },
};

static void put_file(const char *name, const void *p, size_t len, uint64_t size)
{
	bundles_put(name, p, len);
	bundles_must(size == 0 || truncate(bundles_path(name), (off_t)size) == 0, name);
}

/* ---------------------------------------------------------------- making it */

static void make_release(struct filecut_world_release *r, bool other)
{
	static uint8_t buf[FILECUT_FS_FILE];
	ssize_t len;

	for (unsigned i = 0; i < IMAGE; i++)
		r->image[i] = (uint8_t)(i * i >> 5 | 1) ^ (uint8_t)(other ? 0x20 : 0);
	r->r.data = r->image;
	r->r.size = IMAGE;
	bundles_make(&r->r, 16384, true, NULL);
	len = pread(r->r.bundle, buf, sizeof(buf), 0);
	bundles_must(len > 0 && len < (ssize_t)sizeof(buf), "bundle");
	put_file(other ? "other.keel" : "new.keel", buf, (size_t)len, 0);
	r->bundle = filecut_image_blob(buf, (size_t)len);
	snprintf(r->path, sizeof(r->path), "keelboot/stage/%s", r->r.file);
}

void filecut_world_stable_after(unsigned seconds)
{
	char conf[600];

	snprintf(conf, sizeof(conf),
		 "[system]\ncompatible=box\nstable-after=%u\n[source.data]\nmount=%s\n", seconds,
		 bundles_path("data"));
	put_file("root/etc/keelboot/system.conf", conf, strlen(conf), 0);
}

void filecut_world_reported(bool reported)
{
	if (reported)
		put_file("run/good", "", 0, 0);
	else
		unlink(bundles_path("run/good"));
}

void filecut_world_begin(void)
{
	static const char *const folders[] = { "root", "root/etc", "root/etc/keelboot", "run",
					       "root/etc/keelboot/keys" };

	bundles_begin("filecut", true, folders, KB_ARRAY_LEN(folders));
	filecut_world_stable_after(0);
	make_release(&filecut_world_release[0], false);
	make_release(&filecut_world_release[1], true);
	put_file("a", "", 0, SLOT);
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

void filecut_world_stage(struct state *s, bool other)
{
	s->staged = (struct state_staged){ .source = STATE_SRC_DATA };
	memcpy(s->staged.release, filecut_world_release[other].r.id, STATE_ID_LEN);
}

void filecut_world_in_b(struct state *s, enum state_st st)
{
	bundles_slot(&s->slot[1], &filecut_world_release[0].r, st);
	s->slot[1].tries = st == STATE_TRIAL ? STATE_TRIES - 1 : 0;
}

void filecut_world_cells(struct filecut_image *im)
{
	int fd = open(bundles_path("state"), O_RDONLY | O_CLOEXEC);
	off_t at = 0;

	bundles_must(fd >= 0, "state");
	im->ncells = 0;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		uint8_t buf[STORE_CELL];

		at -= at % (off_t)STORE_CELL;
		bundles_must(pread(fd, buf, sizeof(buf), at) == sizeof(buf), "state");
		if (!bytes_all(buf, sizeof(buf), 0))
			filecut_image_put_cell(im, (uint64_t)at,
					       filecut_image_blob(buf, sizeof(buf)));
		at += (off_t)STORE_CELL;
	}
	close(fd);
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
	fixture_ok(bdev_file_open(&dev, bundles_path("state"), BDEV_FILE_WRITE));
	fixture_ok(store_load(&st, &dev.bdev, &old, &found));
	filecut_world_fresh(&old);
	fixture_ok(store_save_both(&st, &old));
	fixture_ok(store_save(&st, s));
	bdev_file_close(&dev);
	filecut_world_cells(im);
}

/* ---------------------------------------------------------------- an image of it */

static uint64_t ino_of(const char *name)
{
	struct stat st;

	bundles_must(lstat(bundles_path(name), &st) == 0, name);
	return st.st_ino;
}

static void clear(const char *name)
{
	static struct filecut_image im;

	filecut_world_get(&im);
	for (unsigned i = im.nfiles; i-- > 0;) {
		char full[FILECUT_IMAGE_PATH + 8];

		snprintf(full, sizeof(full), "%s/%s", name, im.file[i].path);
		bundles_must((im.file[i].dir ? rmdir : unlink)(bundles_path(full)) == 0, full);
	}
}

void filecut_world_put(const struct filecut_image *im, struct filecut_fs *fs, size_t block)
{
	uint64_t ino[FILECUT_IMAGE_FILES];
	const uint8_t *p;
	size_t len;
	int fd;

	bundles_must(mkdir(bundles_path("data"), 0755) == 0 || errno == EEXIST, "data");
	clear("data");
	for (unsigned i = 0; i < im->nfiles; i++) {
		char full[FILECUT_IMAGE_PATH + 8];

		snprintf(full, sizeof(full), "data/%s", im->file[i].path);
		if (im->file[i].dir) {
			bundles_must(mkdir(bundles_path(full), 0755) == 0, full);
		} else {
			p = filecut_image_bytes(im->file[i].blob, &len);
			put_file(full, p, len, 0);
		}
		ino[i] = ino_of(full);
	}
	put_file("state", "", 0, STORE_MIN_SIZE);
	fd = open(bundles_path("state"), O_WRONLY | O_CLOEXEC);
	bundles_must(fd >= 0, "state");
	for (unsigned i = 0; i < im->ncells; i++) {
		p = filecut_image_bytes(im->cell[i].blob, &len);
		bundles_must(pwrite(fd, p, len, (off_t)im->cell[i].off) == (ssize_t)len, "state");
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
	bundles_must(os_list(bundles_path(full), names, FILECUT_IMAGE_FILES, &n) == KB_OK, full);
	for (unsigned i = 0; i < n; i++) {
		static uint8_t buf[FILECUT_FS_FILE];
		struct stat st;
		char below[128];
		ssize_t len;
		int fd;

		bundles_must(snprintf(below, sizeof(below), "%s%s%s", at,
				      at[0] != '\0' ? "/" : none, names[i]) < (int)sizeof(below),
			     names[i]);
		snprintf(full, sizeof(full), "data/%s", below);
		bundles_must(lstat(bundles_path(full), &st) == 0, full);
		if (S_ISDIR(st.st_mode)) {
			filecut_image_add_file(im, below, true, 0);
			get_folder(im, below);
			continue;
		}
		fd = open(bundles_path(full), O_RDONLY | O_CLOEXEC);
		len = read(fd, buf, sizeof(buf));
		bundles_must(fd >= 0 && len >= 0, full);
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
	put_file("b", filecut_world_release[other].image, IMAGE, SLOT);
}

bool filecut_world_slot_b(bool other)
{
	uint8_t buf[IMAGE];
	int fd = open(bundles_path("b"), O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && pread(fd, buf, sizeof(buf), 0) == sizeof(buf) &&
		    memcmp(buf, filecut_world_release[other].image, sizeof(buf)) == 0;

	close(fd);
	return same;
}
