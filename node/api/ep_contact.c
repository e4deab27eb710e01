/*
 * ep_contact.c - events/contact: words of a user for those who reported an event, by e-mail. The message
 * holds what he writes, who he is, and UUID and address of the event: nothing of what is in it.
 */
#include "api/rest.h"
#include "api/throttle.h"
#include "base/clock.h"
#include "base/log.h"

struct recipients {
	struct str v[MAIL_TO_MAX];
	size_t n;
};

/* Members of the event's organisation who take such messages, and who made the event. */
static enum err find_recipients(struct http_req *r, const struct misp_event *e, bool maker_only,
				struct recipients *to, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_user u;
	uint64_t id = 0;
	enum err err;
	TRY(store_read(api_of(r)->store, &t, f));
	while (to->n < MAIL_TO_MAX && (err = store_next(t, T_USER, &id, NULL, &u)) == ERR_OK) {
		bool made_it = u.id == e->user_id;
		if (u.org_id != e->orgc_id || u.disabled || !mail_address_ok(u.email) ||
		    !(made_it || (u.contactalert && !maker_only)))
			continue;
		to->v[to->n] = arena_str(r->arena, u.email);
		to->n += to->v[to->n].p != NULL;
	}
	return ERR_OK;
}

static struct str text_of(struct http_req *r, const struct misp_event *e, struct str words)
{
	const struct api_user *u = me(r);
	char uuid[UUID_TEXT_LEN + 1];
	uuid_format(e->uuid, uuid);
	return arena_printf(r->arena,
			    "%.*s (%.*s) writes about an event that your organisation reported:\n\n%.*s\n\n"
			    "The event: %.*s/events/view/%s\nIts UUID: %s\n",
			    STR_ARG(u->user.email), STR_ARG(u->org.name), STR_ARG(words),
			    STR_ARG(api_of(r)->base_url), uuid, uuid);
}

/* Too many already? Answered. */
static bool is_held_back(struct http_req *r)
{
	struct str who = rest_id(r, me(r)->user.id);
	unsigned s = api_of(r)->throttle ? throttle_take(api_of(r)->throttle, THROTTLE_MAIL_USER, who,
							 clock_boot_ms())
					 : 0;
	if (s) {
		reply_header_u64(r, "Retry-After", s);
		reply_error(r, 429, "You have sent many messages: wait for %u seconds.", s);
	}
	return s > 0;
}

static enum err events_contact(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct recipients *to = ARENA_NEW(r->arena, struct recipients);
	struct misp_event e;
	struct fail why = {0};
	json_t *body;
	if (rest_json(r, "Event", &body, f) != ERR_OK)
		return ERR_OK;
	if (!to)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "id"), r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	struct str id = rest_id(r, e.id), words = rest_text(r, body, "message");
	const char *fault = NULL;
	if (!mail_able(api_of(r)->mail))
		fault = "This node sends no e-mail.";
	else if (!str_trim(words).n || words.n > MAIL_TEXT_MAX / 2)
		fault = words.n ? "The message is too long." : "You have to write a message.";
	if (!fault)
		TRY(find_recipients(r, &e, rest_flag(body, "person", false), to, f));
	if (!fault && !to->n)
		fault = "Nobody here takes messages for those who reported it.";
	if (!fault && is_held_back(r))
		return ERR_OK;
	if (!fault) {
		struct mail_message msg = {.to = to->v,
					   .n_to = to->n,
					   .reply_to = me(r)->user.email,
					   .subject = STR("A question about an event of yours"),
					   .text = text_of(r, &e, words)};
		if (mail_send(api_of(r)->mail, &msg, &why) != ERR_OK) {
			log_warn("api", "message not sent detail=%s", log_val(str_c(why.text)));
			fault = "The message could not be sent.";
		}
	}
	if (fault)
		rest_not_saved(r, "contact", "Event", id, rest_quoted(r, fault));
	else
		rest_saved(r, id, "Email sent to the reporter.");
	return ERR_OK;
}

const struct endpoint ep_events_contact = {
	.methods = HTTP_POST,
	.path = "/events/contact/:id",
	.run = events_contact,
	.shape = "Saved",
	.takes = "ContactIn",
	.doc = "Write to those who reported an event (message; person: only to who made it); needs mail.command",
};
