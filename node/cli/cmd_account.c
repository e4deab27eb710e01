/*
 * cmd_account.c - how users log in: passwords, one-time codes, sessions. Secrets come from a terminal
 * without being shown, or from standard input; never from the command line, which others can see.
 */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/call.h"
#include "cli/grid.h"
#include "cli/rows.h"
#include "cli/term.h"

#define PASSWORD_MAX 1024

static const char *const user_names[] = {"email", NULL};

static int user_id(struct cli *c, struct str *id)
{
	int code = cli_want_args(c, 1, 1);
	return code != CLI_OK ? code
			      : rows_id(c, "/admin/users/index", "User", user_names, c->argv[0], id);
}

/* ---- passwords ---- */

/* A line without its end; false at the end of input or when it is too long. */
static bool read_line(char out[PASSWORD_MAX + 2])
{
	if (!fgets(out, PASSWORD_MAX + 2, stdin))
		return false;
	size_t n = strlen(out);
	if (n && out[n - 1] == '\n')
		out[--n] = 0;
	return n <= PASSWORD_MAX;
}

/* The same from a terminal, with nothing shown. */
static bool ask_line(const char *prompt, char out[PASSWORD_MAX + 2])
{
	struct termios before, quiet;
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return read_line(out);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fputs(prompt, stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	bool good = read_line(out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return good;
}

/* 20 of 55 letters and digits that cannot be taken for each other: 115 bits. */
static void make_password(char out[PASSWORD_MAX + 2])
{
	static const char set[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
	unsigned n = 0;
	while (n < 20) {
		uint8_t b;
		random_bytes(&b, 1);
		if (b < 220) /* 4 * 55 */
			out[n++] = set[b % 55];
	}
	out[n] = 0;
}

static int take_password(struct cli *c, char out[PASSWORD_MAX + 2])
{
	char again[PASSWORD_MAX + 2];
	if (cli_opt(c, "random")) {
		make_password(out);
		return CLI_OK;
	}
	if (!isatty(STDIN_FILENO))
		return read_line(out) && *out ? CLI_OK : cli_usage(c, "no password on standard input");
	if (!ask_line("Password: ", out) || !*out)
		return cli_usage(c, "no password");
	bool same = ask_line("Again: ", again) && strcmp(out, again) == 0;
	secret_wipe(again, sizeof(again));
	return same ? CLI_OK : cli_usage(c, "these are two");
}

int cmd_user_password(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	char password[PASSWORD_MAX + 2];
	struct str id;
	int code = user_id(c, &id);
	if (code == CLI_OK)
		code = take_password(c, password);
	if (code != CLI_OK)
		return code;
	json_t *u = json_object();
	json_object_set_new(u, "password", json_string(password));
	json_object_set_new(u, "change_pw", json_boolean(!cli_opt(c, "final")));
	code = call_json(c, "POST", arena_printf(c->arena, "/admin/users/edit/%.*s", STR_ARG(id)), u, &j);
	if (code == CLI_OK && c->json) {
		if (cli_opt(c, "random"))
			json_object_set_new(json_object_get(j, "User"), "password",
					    json_string(password));
		code = cli_print_json(j);
	} else if (code == CLI_OK) {
		if (cli_opt(c, "random"))
			term_pair(c, "password", TERM_BOLD, str_c(password));
		cli_say(c, "password of user %.*s set", STR_ARG(id));
	}
	secret_wipe(password, sizeof(password));
	return code;
}

/* ---- one-time codes ---- */

int cmd_user_totp(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	struct str id;
	size_t i;
	json_t *v;
	int code = user_id(c, &id);
	if (code == CLI_OK && cli_opt(c, "remove")) {
		code = rows_post(c, "/users/totp_delete", id);
		if (code == CLI_OK)
			cli_say(c, "user %.*s logs in without codes", STR_ARG(id));
		return code;
	}
	if (code == CLI_OK)
		code = call_json(c, "POST",
				 arena_printf(c->arena, "/users/totp_new/%.*s", STR_ARG(id)),
				 json_object(), &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	term_pair(c, "secret", TERM_BOLD, cli_text_in(c, j, "Totp", "secret"));
	term_pair(c, "address", TERM_PLAIN, cli_text_in(c, j, "Totp", "uri"));
	json_array_foreach(json_object_get(json_object_get(j, "Totp"), "recovery_codes"), i, v)
		term_pair(c, i ? "" : "recovery", TERM_PLAIN, str_c(json_string_value(v)));
	cli_say(c, "Keep them: they are not shown again. Each recovery code is good once.");
	return CLI_OK;
}

/* ---- sessions ---- */

int cmd_user_sessions(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"SINCE", 0, TERM_PLAIN},
		{"LAST SEEN", 0, TERM_PLAIN},
		{"FROM", 0, TERM_NAME},
		{"BROWSER", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	struct str id;
	size_t i;
	json_t *row;
	int code = user_id(c, &id);
	if (code == CLI_OK && cli_opt(c, "end")) {
		code = rows_post(c, "/users/endSessions", id);
		if (code == CLI_OK)
			cli_say(c, "sessions of user %.*s ended", STR_ARG(id));
		return code;
	}
	struct str path = arena_printf(c->arena, "/users/sessions/%.*s", STR_ARG(id));
	if (code == CLI_OK)
		code = rows_get(c, arena_cstr(c->arena, path), &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, row) {
		uint64_t since = 0, seen = 0;
		(void)!str_u64(cli_text_in(c, row, "Session", "created"), &since);
		(void)!str_u64(cli_text_in(c, row, "Session", "last_seen"), &seen);
		grid_add(t, term_time(c, (int64_t)since));
		grid_add(t, term_time(c, (int64_t)seen));
		grid_add(t, cli_text_in(c, row, "Session", "ip"));
		grid_add(t, cli_text_in(c, row, "Session", "user_agent"));
	}
	return grid_print(t, c);
}
