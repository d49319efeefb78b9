/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/ddi.h"

#include "channel/strict.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- the poll */

/* "HH:MM:SS"; what lies outside of hawkBit's bounds is moved into them. 0: it is none. */
static unsigned seconds_of(const char *text)
{
	unsigned h, m, s;
	char rest;

	if (sscanf(text, "%2u:%2u:%2u%c", &h, &m, &s, &rest) != 3 || m > 59 || s > 59)
		return 0;
	s += h * 3600 + m * 60;
	return s < DDI_SLEEP_MIN ? DDI_SLEEP_MIN : s > DDI_SLEEP_MAX ? DDI_SLEEP_MAX : s;
}

/* Each server says it in each answer. What does not is none: a proxy's words, as JSON. */
static enum kb_err read_sleep(unsigned *sleep_s, json_object *o)
{
	json_object *config, *polling;
	char text[16];

	TRY(strict_object(o, "config", &config));
	TRY(strict_object(config, "polling", &polling));
	TRY(strict_text(polling, "sleep", text, sizeof(text)));
	*sleep_s = seconds_of(text);
	return KB_OK;
}

/* The id that a link ends with, and what stands behind the '?': "…/deploymentBase/12?c=…". Its host
 * is not looked at: where the server is, the device's maker says. */
static enum kb_err read_link(json_object *links, const char *name, char id[URL_ID_MAX + 1],
			     char edition[OFFER_EDITION_MAX + 1])
{
	json_object *link;
	char href[URL_MAX + 1], mark[32], *at;
	enum kb_err err;

	id[0] = edition[0] = '\0';
	err = strict_object(links, name, &link);
	if (err == KB_ENOENT)
		return KB_OK;
	if (err != KB_OK || strict_text(link, "href", href, sizeof(href)) != KB_OK)
		return KB_EFORMAT;
	at = href + strcspn(href, "?#");
	snprintf(edition, OFFER_EDITION_MAX + 1, "%.*s", OFFER_EDITION_MAX, at);
	*at = '\0';
	snprintf(mark, sizeof(mark), "/%s/", name);
	at = strstr(href, mark);
	if (at == NULL || !url_is_id(at + strlen(mark)))
		return KB_EFORMAT;
	snprintf(id, URL_ID_MAX + 1, "%s", at + strlen(mark));
	return KB_OK;
}

static enum kb_err read_links(struct ddi_poll *p, json_object *o)
{
	json_object *links, *link;
	enum kb_err err = strict_object(o, "_links", &links);
	char none[OFFER_EDITION_MAX + 1];

	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	TRY(read_link(links, "deploymentBase", p->deployment, p->edition));
	TRY(read_link(links, "cancelAction", p->cancel, none));
	TRY(read_link(links, "confirmationBase", p->confirmation, none));
	p->config_data = strict_object(links, "configData", &link) == KB_OK;
	return KB_OK;
}

enum kb_err ddi_read_poll(struct ddi_poll *p, const char *text, size_t len, const char **why)
{
	json_object *o = strict_parse(text, len, why);
	enum kb_err err;

	memset(p, 0, sizeof(*p));
	if (o == NULL)
		return KB_EFORMAT;
	err = read_links(p, o);
	*why = "links that cannot be read";
	if (err == KB_OK) {
		err = read_sleep(&p->sleep_s, o);
		*why = "JSON that is no answer to a poll: config.polling.sleep is missing";
	}
	json_object_put(o);
	if (err == KB_OK)
		return KB_OK;
	memset(p, 0, sizeof(*p));
	return KB_EFORMAT;
}

/* ---------------------------------------------------------------- the deployment */

/* A word that is not known asks for nothing. */
static enum kb_err read_wish(json_object *o, const char *key, enum offer_wish *wish)
{
	static const char *const words[] = {
		[OFFER_SKIP] = "skip", [OFFER_ATTEMPT] = "attempt", [OFFER_FORCED] = "forced"
	};
	char text[16];

	TRY(strict_text(o, key, text, sizeof(text)));
	for (int i = OFFER_SKIP; i <= OFFER_FORCED; i++) {
		if (strcmp(text, words[i]) != 0)
			continue;
		*wish = (enum offer_wish)i;
		return KB_OK;
	}
	return KB_EFORMAT;
}

static bool is_bundle(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".keel") == 0;
}

static enum kb_err read_url(json_object *links, const char *name, char url[URL_MAX + 1])
{
	json_object *link;
	enum kb_err err = strict_object(links, name, &link);

	url[0] = '\0';
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	TRY(strict_text(link, "href", url, URL_MAX + 1));
	return url_is_http(url) ? KB_OK : KB_EFORMAT;
}

/* A name that cannot be read is no bundle's: it may be anybody's, as "Änderungen.pdf" is. */
static enum kb_err read_artifact(struct offer *d, json_object *o)
{
	json_object *hashes, *links;
	char name[OFFER_NAME_MAX + 1];

	if (strict_text(o, "filename", name, sizeof(name)) != KB_OK || !is_bundle(name))
		return KB_OK;
	memcpy(d->name, name, sizeof(name));
	d->bundles++;
	TRY(strict_number(o, "size", &d->size, DDI_SIZE_MAX));
	TRY(strict_object(o, "_links", &links));
	TRY(read_url(links, "download", d->url));
	TRY(read_url(links, "download-http", d->plain_url));
	if (d->size == 0 || (d->url[0] == '\0' && d->plain_url[0] == '\0'))
		return KB_EFORMAT;
	if (strict_object(o, "hashes", &hashes) == KB_OK &&
	    strict_text(hashes, "sha256", d->digest, sizeof(d->digest)) == KB_EFORMAT)
		return KB_EFORMAT;
	return KB_OK;
}

static enum kb_err read_chunk(struct offer *d, json_object *chunk)
{
	json_object *artifacts;

	if (!json_object_is_type(chunk, json_type_object))
		return KB_EFORMAT;
	TRY(strict_list(chunk, "artifacts", &artifacts));
	for (size_t i = 0; i < json_object_array_length(artifacts); i++) {
		json_object *one = json_object_array_get_idx(artifacts, i);

		if (!json_object_is_type(one, json_type_object))
			return KB_EFORMAT;
		TRY(read_artifact(d, one));
	}
	return KB_OK;
}

static enum kb_err read_wishes(struct offer *d, json_object *deployment)
{
	json_object *chunks;
	char window[16];

	TRY(read_wish(deployment, "download", &d->download));
	TRY(read_wish(deployment, "update", &d->update));
	if (strict_text(deployment, "maintenanceWindow", window, sizeof(window)) != KB_ENOENT)
		d->window_closed = strcmp(window, "available") != 0;
	TRY(strict_list(deployment, "chunks", &chunks));
	for (size_t i = 0; i < json_object_array_length(chunks); i++)
		TRY(read_chunk(d, json_object_array_get_idx(chunks, i)));
	return KB_OK;
}

/* What has an id and the object of an action is no proxy's word: that is answered, whatever is in
 * it. */
static enum kb_err read_body(struct offer *d, json_object *o, const char *key)
{
	json_object *deployment;
	char id[sizeof(d->id)];

	TRY(strict_text(o, "id", id, sizeof(id)));
	TRY(strict_object(o, key, &deployment));
	if (!url_is_id(id))
		return KB_EFORMAT;
	if (read_wishes(d, deployment) != KB_OK)
		*d = (struct offer){ .unclear = true };
	memcpy(d->id, id, sizeof(id));
	return KB_OK;
}

static enum kb_err read_offer(struct offer *d, const char *text, size_t len, const char *key,
			      const char **why)
{
	json_object *o = strict_parse(text, len, why);
	enum kb_err err;

	memset(d, 0, sizeof(*d));
	if (o == NULL)
		return KB_EFORMAT;
	err = read_body(d, o, key);
	json_object_put(o);
	if (err == KB_OK)
		return KB_OK;
	memset(d, 0, sizeof(*d));
	*why = "a deployment that cannot be read";
	return KB_EFORMAT;
}

enum kb_err ddi_read_deployment(struct offer *d, const char *text, size_t len, const char **why)
{
	return read_offer(d, text, len, "deployment", why);
}

enum kb_err ddi_read_confirmation(struct offer *d, const char *text, size_t len, const char **why)
{
	return read_offer(d, text, len, "confirmation", why);
}

/* ---------------------------------------------------------------- the end of one */

enum kb_err ddi_read_cancel(char stop[URL_ID_MAX + 1], const char *text, size_t len,
			    const char **why)
{
	json_object *o = strict_parse(text, len, why), *cancel;
	bool ok;

	stop[0] = '\0';
	if (o == NULL)
		return KB_EFORMAT;
	ok = strict_object(o, "cancelAction", &cancel) == KB_OK &&
	     strict_text(cancel, "stopId", stop, URL_ID_MAX + 1) == KB_OK && url_is_id(stop);
	json_object_put(o);
	if (ok)
		return KB_OK;
	stop[0] = '\0';
	*why = "a cancellation that cannot be read";
	return KB_EFORMAT;
}
