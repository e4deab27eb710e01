/* fold.c - the form in which values are kept in the text and looked up. One place to change. */
#include "index/rows.h"

#include "model/fold.h"

struct str index_fold(struct str value, char *room)
{
	struct str s;

	if (!value.n)
		return STR("");
	s = value_fold_into(value, room);
	/* bytes that are not UTF-8 stay as they are, and one of them would look like an end */
	if (memchr(s.p, (unsigned char)IX_END, s.n)) {
		if (s.p != room)
			memcpy(room, s.p, s.n);
		for (size_t i = 0; i < s.n; i++)
			if (room[i] == IX_END)
				room[i] = '\xfe';
		s.p = room;
	}
	return s;
}
