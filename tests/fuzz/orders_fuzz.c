/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two processes of keelboot-fleet say to each other. The first byte chooses the side: "a",
 * the answers of the one with rights; else the orders to it, as the other one may give them once it
 * is not its own master, with as many files as the number in it says. What is done by an order is
 * below: monitor_work() of fleet/monitor.c starts programs.
 */
#include "fleet/monitor_link.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SAYS "{\"said\":true}"

static unsigned done;

/* ---------------------------------------------------------------- what is done */

/* In the place of the one that works: it sees nothing but what an order may be. */
void monitor_work(struct monitor *m, const struct monitor_order *order, struct monitor_result *r,
		  json_object **document, int *fd)
{
	unsigned char flag;

	(void)m;
	memcpy(&flag, &order->flag, sizeof(flag));
	FUZZ_CHECK(order->work < MONITOR_WORKS && flag <= 1);
	FUZZ_CHECK(fuzz_printable(order->version, sizeof(order->version)));
	FUZZ_CHECK(fuzz_printable(order->name, sizeof(order->name)));
	FUZZ_CHECK(*fd == -1 || order->work == MONITOR_CHANNEL);
	FUZZ_CHECK(*fd == -1 || fcntl(*fd, F_GETFD) == FD_CLOEXEC);
	done++;
	*r = (struct monitor_result){ .code = 7 };
	if (order->work == MONITOR_STATUS)
		*document = json_tokener_parse(SAYS);
	if (order->work == MONITOR_FOLDER)
		*fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* ---------------------------------------------------------------- orders */

/* Who looks at the other end of the pipe knows whether one of these is still open. */
static void send_with_files(int link, const void *bytes, size_t len, unsigned files, int file)
{
	char space[CMSG_SPACE(4 * sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = (void *)bytes, .iov_len = len };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	int all[4] = { file, file, file, file };
	struct cmsghdr *c;

	if (files > 0) {
		m.msg_control = space;
		m.msg_controllen = CMSG_SPACE(files * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(files * sizeof(int));
		memcpy(CMSG_DATA(c), all, files * sizeof(int));
	}
	FUZZ_CHECK(sendmsg(link, &m, MSG_NOSIGNAL) == (ssize_t)len);
}

static bool is_open(int other_end)
{
	struct pollfd p = { .fd = other_end };

	FUZZ_CHECK(poll(&p, 1, 0) >= 0);
	return (p.revents & POLLHUP) == 0;
}

/* One struct for each order that was served, with what the command printed behind it. */
static void check_answers(int link, unsigned served)
{
	static char text[1 << 16];
	ssize_t n = recv(link, text, sizeof(text), MSG_DONTWAIT);
	int code = 0;

	FUZZ_CHECK(served > 0 ? n > (ssize_t)sizeof(struct monitor_result) : n <= 0);
	if (served > 0)
		memcpy(&code, text, sizeof(code));
	FUZZ_CHECK(code == (served > 0 ? 7 : 0));
}

static void try_orders(struct fuzz_in *in, unsigned files)
{
	struct monitor m = { .link = -1 };
	unsigned served = 0;
	int link[2], file[2];
	size_t len;
	const uint8_t *bytes = fuzz_take(in, 4 * sizeof(struct monitor_order), &len);

	if (len == 0)
		return;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) == 0 &&
		   pipe2(file, O_CLOEXEC) == 0);
	done = 0;
	send_with_files(link[0], bytes, len, files, file[1]);
	close(file[1]);
	FUZZ_CHECK(shutdown(link[0], SHUT_WR) == 0);
	while (monitor_link_answer(link[1], &m))
		served++;
	FUZZ_CHECK(served == done && served <= len / sizeof(struct monitor_order));
	check_answers(link[0], served);
	/* None of them stays open. */
	FUZZ_CHECK(!is_open(file[0]));
	close(link[0]);
	close(link[1]);
	close(file[0]);
}

/* ---------------------------------------------------------------- answers */

/* Where the answer begins, behind those that only say that the work goes on. */
static size_t behind_beats(const uint8_t *bytes, size_t len)
{
	const size_t head = sizeof(struct monitor_result) + sizeof(uint32_t);
	size_t at = 0;
	uint32_t n;

	for (; len - at >= head; at += head) {
		memcpy(&n, bytes + at + sizeof(struct monitor_result), sizeof(n));
		if (n != UINT32_MAX)
			break;
	}
	return at;
}

/* They come from root. What is cut, or too long, is no answer. */
static void try_answer(struct fuzz_in *in, unsigned files)
{
	const struct monitor_order order = { .work = MONITOR_WHY };
	struct monitor m = { .link = -1 };
	struct monitor_result r;
	json_object *document = NULL;
	int link[2], fd = -1;
	size_t len, at;
	const uint8_t *bytes = fuzz_take(in, 1 << 14, &len);

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) == 0);
	if (len > 0)
		send_with_files(link[1], bytes, len, files > 0, link[1]);
	FUZZ_CHECK(shutdown(link[1], SHUT_WR) == 0);
	m.link = link[0];
	monitor_do(&m, &order, &r, &document, &fd);
	at = behind_beats(bytes, len);
	FUZZ_CHECK(len - at > sizeof(r) || r.code == MONITOR_GONE);
	FUZZ_CHECK(r.code == MONITOR_GONE || memcmp(&r, bytes + at, sizeof(r)) == 0);
	json_object_put(document);
	if (fd >= 0)
		close(fd);
	close(link[0]);
	close(link[1]);
}

/* Without a second process, this one does it. */
static void try_alone(void)
{
	const struct monitor_order order = { .work = MONITOR_STATUS };
	struct monitor m = { .link = -1 };
	struct monitor_result r;
	json_object *document = NULL;

	monitor_do(&m, &order, &r, &document, NULL);
	FUZZ_CHECK(r.code == 7 && document != NULL);
	json_object_put(document);
	monitor_do(&m, &order, &r, NULL, NULL);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t which = fuzz_u8(&in);

	if (which == 'a' || which == 'A')
		try_answer(&in, which == 'A');
	else if (which == '\0')
		try_alone();
	else
		try_orders(&in, which % 4u);
}
