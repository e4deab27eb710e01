/*
 * log.h - structured log lines: time, level, room, then key=value pairs.
 *
 * Lines carry ids, never values of intelligence and never secrets. Text from outside goes through
 * log_val(), which escapes and cuts it. Thread-safe; one write(2) per line.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* Lines up to `level` go to `fd` (default: info, logfmt, standard error). */
void log_setup(int fd, enum log_level level, enum log_format format);
bool log_level_parse(struct str s, enum log_level *out);
bool log_wants(enum log_level level);
/* `room` is a short literal such as "http". The text is "key=value key=value". */
void log_line(enum log_level level, const char *room, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(room, ...) log_line(LOG_ERROR, room, __VA_ARGS__)
#define log_warn(room, ...) log_line(LOG_WARN, room, __VA_ARGS__)
#define log_info(room, ...) log_line(LOG_INFO, room, __VA_ARGS__)
#define log_debug(room, ...)                                                                       \
	do {                                                                                       \
		if (log_wants(LOG_DEBUG))                                                          \
			log_line(LOG_DEBUG, room, __VA_ARGS__);                                    \
	} while (0)

/* Quote, escape and cut (to 120 bytes) text for a log line; four results live per thread. */
const char *log_val(struct str s);
