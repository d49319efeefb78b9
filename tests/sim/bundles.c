/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bundles.h"

#include <fcntl.h>
#include <sys/stat.h>

static char folder[64];
struct key_file bundles_key;

/* It protects nothing. */
static const char private_key[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n"
	"-----END PRIVATE KEY-----\n";
static const char public_key[] = "-----BEGIN PUBLIC KEY-----\n"
				 "MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=\n"
				 "-----END PUBLIC KEY-----\n";

void bundles_must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

const char *bundles_path(const char *name)
{
	static char p[16][512];
	static unsigned n;

	n = (n + 1) % 16;
	snprintf(p[n], sizeof(p[0]), "%s/%s", folder, name);
	return p[n];
}

void bundles_put(const char *name, const void *data, size_t len)
{
	int fd = open(bundles_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	bundles_must(fd >= 0 && write(fd, data, len) == (ssize_t)len, name);
	close(fd);
}

void bundles_append(int from, int to)
{
	static uint8_t buf[65536];
	ssize_t n;

	for (off_t at = 0; (n = pread(from, buf, sizeof(buf), at)) > 0; at += n)
		bundles_must(write(to, buf, (size_t)n) == n, "copy");
}

void bundles_copy(int from, const char *name)
{
	int fd = open(bundles_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	bundles_must(fd >= 0, name);
	bundles_append(from, fd);
	close(fd);
}

void bundles_begin(const char *who, bool same_key, const char *const *folders, unsigned n)
{
	char name[128];

	snprintf(folder, sizeof(folder), "%s/keelboot-%s-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", who);
	bundles_must(mkdtemp(folder) != NULL, folder);
	for (unsigned i = 0; i < n; i++)
		bundles_must(mkdir(bundles_path(folders[i]), 0755) == 0, folders[i]);
	snprintf(name, sizeof(name), same_key ? "%s/key.pem" : "%s/key", folders[n - 1]);
	if (same_key) {
		bundles_put(name, public_key, strlen(public_key));
		bundles_put("key.key", private_key, strlen(private_key));
		fixture_ok(key_file_load(&bundles_key, bundles_path("key.key")));
	} else {
		fixture_ok(key_file_generate(bundles_path(name), KEYRING_ED25519, &bundles_key));
	}
}

/* rmdir() and unlink() may be the simulation's. */
void bundles_end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

void bundles_make(struct bundles_release *r, uint32_t chunk, bool raw)
{
	const struct fixture_image im[] = { { "root", r->data, r->size, chunk, raw },
					    { "boot", r->boot, r->boot_size, chunk, raw } };
	const struct fixture_bundle b = { .image = im,
					  .nimages = r->boot != NULL ? 2 : 1,
					  .version = r->version,
					  .sequence = r->sequence,
					  .key = &bundles_key,
					  .per_frame = 4,
					  .raw_each = 5 };

	r->bundle = fixture_make(&b);
	bundles_take(r);
}

void bundles_take(struct bundles_release *r)
{
	static struct reader reader;
	uint8_t *to;
	char hex[2 * 8 + 1];

	fixture_ok(reader_open(&reader, r->bundle, false, (uint64_t)lseek(r->bundle, 0, SEEK_END),
			       &bundles_key.ring));
	memcpy(r->id, reader.release.id, sizeof(r->id));
	bytes_hex(hex, r->id, 8);
	snprintf(r->file, sizeof(r->file), "%s.keel", hex);
	r->blob_len = READER_HEADER_LEN + reader.h.sig_cap + reader.h.manifest_len;
	to = r->blob = cut_content_must(malloc(r->blob_len));
	to = mempcpy(to, reader.header, READER_HEADER_LEN);
	to = mempcpy(to, reader.sig, reader.h.sig_cap);
	memcpy(to, reader.text, reader.h.manifest_len);
	reader_close(&reader);
}

void bundles_slot(struct state_slot *t, const struct bundles_release *r, enum state_st st)
{
	bool good = st == STATE_GOOD;

	*t = (struct state_slot){ .st = st, .ever_good = good, .grace = good ? STATE_GRACE : 0 };
	t->has_release = true;
	t->sequence = r->sequence;
	memcpy(t->release, r->id, sizeof(t->release));
	state_set_text(t->version, r->version);
}
