/*
 * A peer for the bench: a broadcast server on libwebsockets as its
 * documentation teaches it. Messages go into a ring, every connection of the
 * room asks for WRITEABLE, and each WRITEABLE writes one of them. Who falls
 * a whole ring behind is closed.
 *
 * Who asks for another path than /websocket is in no room.
 */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 1024
#define MESSAGE_MAX 65536

struct message {
	size_t n;
	uint8_t *bytes; /* behind LWS_PRE bytes of headroom */
};

struct member {
	bool is_in_room;
	uint64_t next; /* number of the message that it gets next */
	size_t rx_len;
	uint8_t *rx; /* of a message that came in pieces */
};

static struct message ring[RING];
static uint64_t newest; /* how many there have been */

static int
keep(const uint8_t *text, size_t n)
{
	struct message *m = &ring[newest % RING];
	uint8_t *bytes = realloc(m->bytes, LWS_PRE + n);

	if (bytes == NULL)
		return -1;
	memcpy(bytes + LWS_PRE, text, n);
	m->bytes = bytes;
	m->n = n;
	newest++;
	return 0;
}

static int
receive(struct lws *wsi, struct member *me, const uint8_t *piece, size_t n)
{
	if (me->rx_len + n > MESSAGE_MAX)
		return -1;
	uint8_t *rx = realloc(me->rx, me->rx_len + n + 1);
	if (rx == NULL)
		return -1;
	memcpy(rx + me->rx_len, piece, n);
	me->rx = rx;
	me->rx_len += n;
	if (!lws_is_final_fragment(wsi) ||
	    lws_remaining_packet_payload(wsi) > 0)
		return 0;
	n = me->rx_len;
	me->rx_len = 0;
	if (keep(rx, n) == -1)
		return -1;
	lws_callback_on_writable_all_protocol(
	    lws_get_context(wsi), lws_get_protocol(wsi));
	return 0;
}

static int
write_next(struct lws *wsi, struct member *me)
{
	if (!me->is_in_room || me->next == newest)
		return 0;
	if (newest - me->next > RING)
		return -1;
	const struct message *m = &ring[me->next++ % RING];
	if (lws_write(wsi, m->bytes + LWS_PRE, m->n, LWS_WRITE_TEXT) <
	    (int)m->n)
		return -1;
	if (me->next != newest)
		lws_callback_on_writable(wsi);
	return 0;
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct member *me = user;
	char path[64];

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		memset(me, 0, sizeof(*me));
		me->next = newest;
		me->is_in_room = lws_hdr_copy(wsi, path, sizeof(path),
				     WSI_TOKEN_GET_URI) > 0 &&
		    strcmp(path, "/websocket") == 0;
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return receive(wsi, me, in, len);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return write_next(wsi, me);
	case LWS_CALLBACK_CLOSED:
		free(me->rx);
		return 0;
	default:
		return 0;
	}
}

int
main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = {
	    {"chat", on_event, sizeof(struct member), 4096, 0, NULL, 0},
	    {NULL, NULL, 0, 0, 0, NULL, 0}};

	if (argc != 2) {
		fputs("usage: textbook_lws PORT\n", stderr);
		return 2;
	}
	struct lws_context_creation_info info;
	memset(&info, 0, sizeof(info));
	info.port = (int)strtol(argv[1], NULL, 10);
	info.iface = "127.0.0.1";
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
	lws_set_log_level(LLL_ERR, NULL);
	struct lws_context *context = lws_create_context(&info);
	if (context == NULL) {
		fputs("textbook_lws: cannot start\n", stderr);
		return 1;
	}
	while (lws_service(context, 0) >= 0)
		;
	lws_context_destroy(context);
	return 0;
}
