/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/monitor_link.h"

#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* What goes before the text of a document. */
struct answer {
	struct monitor_result result;
	/* bytes of it; 0: none */
	uint32_t len;
};

#define BEAT UINT32_MAX /* a length: the work goes on */

/* CMSG_LEN: with room for a second one, that would stay open. */
union space {
	struct cmsghdr header;
	char bytes[CMSG_LEN(sizeof(int))];
};

/* ---------------------------------------------------------------- bytes */

static bool send_all(int link, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(link, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive_all(int link, void *bytes, size_t len)
{
	ssize_t n;

	do
		n = recv(link, bytes, len, MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len;
}

/* ---------------------------------------------------------------- with a file */

/* fd: -1: none goes with it. */
static bool send_head(int link, const void *head, size_t size, int fd)
{
	union space space = { .bytes = { 0 } };
	struct iovec data = { .iov_base = (void *)head, .iov_len = size };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = space.bytes;
		m.msg_controllen = sizeof(space.bytes);
		c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				       .cmsg_type = SCM_RIGHTS,
				       .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(link, &m, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool receive_head(int link, void *head, size_t size, int *fd)
{
	union space space = { .bytes = { 0 } };
	struct iovec data = { .iov_base = head, .iov_len = size };
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = space.bytes,
			    .msg_controllen = sizeof(space.bytes) };
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(link, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n == (ssize_t)size;
}

/* ---------------------------------------------------------------- both sides */

static bool receive_document(int link, size_t len, json_object **document)
{
	/* bound: MONITOR_TEXT_MAX */
	char *text = malloc(len + 1);
	bool whole = text != NULL && receive_all(link, text, len);

	if (whole) {
		text[len] = '\0';
		/* bound: MONITOR_TEXT_MAX, written by the process with rights */
		*document = json_tokener_parse(text);
	}
	free(text);
	return whole;
}

static bool ask_link(int link, const struct monitor_order *order, struct monitor_result *result,
		     json_object **document, int *fd)
{
	struct answer a;

	if (!send_head(link, order, sizeof(*order), *fd))
		return false;
	util_close(fd);
	do {
		if (!receive_head(link, &a, sizeof(a), fd))
			return false;
	} while (a.len == BEAT);
	if (a.len > MONITOR_TEXT_MAX)
		return false;
	*result = a.result;
	return a.len == 0 || receive_document(link, a.len, document);
}

/* The end of this process is that of the other one, as soon as that looks. */
static _Noreturn void give_up(void)
{
	log_err("the process that stages has not answered for long: a disk may hang; this one ends");
	exit(1);
}

static void ask_other(int link, const struct monitor_order *order, struct monitor_result *r,
		      json_object **document, int *fd)
{
	errno = 0;
	if (ask_link(link, order, r, document, fd))
		return;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		give_up();
	*r = (struct monitor_result){ .code = MONITOR_GONE,
				      .why = "the process that stages has ended" };
}

void monitor_do(struct monitor *m, const struct monitor_order *order, struct monitor_result *r,
		json_object **document, int *fd)
{
	json_object *unused = NULL;
	int none = -1;

	document = document != NULL ? document : &unused;
	fd = fd != NULL ? fd : &none;
	*document = NULL;
	if (m->link < 0)
		monitor_work(m, order, r, document, fd);
	else
		ask_other(m->link, order, r, document, fd);
	json_object_put(unused);
	util_close(&none);
}

static bool is_word(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len < size;
}

static bool is_order(struct monitor_order *o)
{
	unsigned char flag;

	/* A bool that is neither is undefined behaviour for whoever reads it. */
	memcpy(&flag, &o->flag, sizeof(flag));
	return o->work < MONITOR_WORKS && flag <= 1 && is_word(o->version, sizeof(o->version)) &&
	       is_word(o->name, sizeof(o->name)) && is_word(o->why, sizeof(o->why));
}

/* Who waits may have ended: then the answer finds that out. */
static void send_beat(int link)
{
	const struct answer a = { .len = BEAT };

	(void)!send_head(link, &a, sizeof(a), -1);
}

bool monitor_link_answer(int link, struct monitor *m)
{
	struct monitor_order order;
	struct answer a = { .len = 0 };
	json_object *document = NULL;
	KB_CLEANUP_FD int fd = -1;
	const char *text = NULL;
	size_t len;
	bool sent;

	if (!receive_head(link, &order, sizeof(order), &fd) || !is_order(&order))
		return false;
	/* None is open where an order opens one. */
	if (fd >= 0 && order.work != MONITOR_CHANNEL)
		return false;
	m->beat = send_beat;
	m->waits = link;
	monitor_work(m, &order, &a.result, &document, &fd);
	text = document != NULL ? json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN)
				: NULL;
	len = text != NULL ? strlen(text) : 0;
	/* What is larger is none of Keelboot's. */
	a.len = len <= MONITOR_TEXT_MAX ? (uint32_t)len : 0;
	sent = send_head(link, &a, sizeof(a), order.work == MONITOR_FOLDER ? fd : -1) &&
	       (a.len == 0 || send_all(link, text, a.len));
	json_object_put(document);
	return sent;
}
