"""Compare an answer with a recorded one: strict JSON types, volatile members normalised.

What counts as volatile is listed here and nowhere else; the source is the README of the recordings.
A difference is (path, recorded, got); an empty list of them means `the same`.
"""
import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile

ABSENT = "(absent)"

# server clock: same JSON type, same shape, zero stays zero
TIMES = {
    "timestamp", "publish_timestamp", "sighting_timestamp", "date_sighting", "modified",
    "created", "date_created", "date_modified", "last_pw_change", "date", "expiration", "time",
}
# times that only a client sets
EXACT = {"first_seen", "last_seen"}
# `..._id` that the client chooses or that is the same on every server
FIXED_IDS = {"threat_level_id", "role_id"}
# authkey: shown once by a server that hashes keys; the others: whether and when anybody called
# (the ends of a random key are as random as the key)
IGNORED = {"authkey", "authkey_start", "authkey_end", "last_api_access", "last_login", "current_login"}
# where a document was cut or malformed: ours say it, MISP does not
EXTRA = {"detail", "line", "column", "offset"}
# made from the cluster library that the recorded server had loaded, which is on no tape: where such
# clusters stand in it, only that there is a list is compared
LIBRARY = {"Galaxy"}
# likewise in rows of the event index, where such clusters stand beside custom ones
LIBRARY_ROWS = {"GalaxyCluster"}
# what a server can do beside what the recorded one could, whose PHP had no brotli
OFFERS = {"request_encoding"}
# numbers that MISP quotes or not, by where it has them from (its cache, its database)
QUOTED_OR_NOT = {"warninglist_id"}
# lists whose order MISP does not keep
UNORDERED = {"RelatedEvent", "RelatedAttribute"}
# members that hold an event's or an organisation's id, and the objects whose `id` is one
ID_KIND = {"event_id": "event", "org_id": "org", "orgc_id": "org"}
OWNER_KIND = {"Event": "event", "Org": "org", "Orgc": "org", "Organisation": "org"}
HEADERS = ("Content-Type", "X-Result-Count", "X-Export-Module-Used", "X-Response-Format",
           "X-Skipped-Elements-Count", "Content-Disposition", "Location")

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SPLIT = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
                    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)?"
                    r"|\d+)")
_ETAG = re.compile(r'"[0-9a-f]{40}"')
_DAY = 86400


class Comparer:
    """Holds what this run knows about ids, given tokens and the two clocks."""

    def __init__(self, bindings, recorded_now, our_now, limit=40):
        self.b = bindings
        self.recorded_now, self.our_now = recorded_now, our_now
        self.limit = limit
        self.ordered = False  # did the request ask for an order?

    def body(self, recorded, got):
        """Differences of two bodies (bytes)."""
        if recorded.startswith(b"PK\x03\x04") and got.startswith(b"PK\x03\x04"):
            r, g = _zip(recorded), _zip(got)
            return [] if r == g else [("(zip)", r, g)]
        rtext = recorded.decode("utf-8", "surrogateescape")
        gtext = got.decode("utf-8", "surrogateescape")
        out = []
        if rtext[:1] in "{[":
            try:
                rdoc = json.loads(rtext)
            except ValueError:
                rdoc = None
            if rdoc is not None:
                try:
                    gdoc = json.loads(gtext)
                except ValueError:
                    return [("(body)", "JSON " + _cut(rtext), "not JSON: " + _cut(gtext))]
                self._value("", "", rdoc, gdoc, out, "")
                return out
        if rtext.startswith("<?xml"):
            try:
                tree = _xml(ElementTree.fromstring(gtext))
            except ElementTree.ParseError as e:
                return [("(body)", "XML", "not XML (%s): %s" % (e, _cut(gtext)))]
            self._value("", "", _xml(ElementTree.fromstring(rtext)), tree, out, "")
            return out
        if not self._table(rtext, gtext, out):
            self._lines(rtext, gtext, out)
        return out

    def _table(self, rtext, gtext, out):
        """CSV that begins with the same names on both sides: cell by cell."""
        r, g = (list(csv.reader(io.StringIO(t, newline=""))) for t in (rtext, gtext))
        if len(r) < 2 or len(r) != len(g) or r[0] != g[0] or not {"id", "uuid", "date"} <= set(r[0]):
            return False
        for i, (a, b) in enumerate(zip(r[1:], g[1:])):
            if len(a) != len(b) or len(a) not in (0, len(r[0])):
                out.append(("line %d" % (i + 2), a, b))
                continue
            for key, x, y in zip(r[0], a, b):
                if len(out) < self.limit and not self._same_member(key, x, y, "Event"):
                    out.append(("line %d.%s" % (i + 2, key), x, y))
        return True

    def headers(self, recorded, got, empty=False):
        """Differences of the headers that matter; `got` has lower-case names.

        An empty body has no type worth comparing.
        """
        out = []
        if "ETag" in recorded and not _ETAG.fullmatch(got.get("etag", "")):
            out.append(("ETag", recorded["ETag"], got.get("etag", ABSENT)))
        for name in HEADERS:
            if empty and name == "Content-Type":
                continue
            r, g = recorded.get(name), got.get(name.lower())
            if r is None and name in ("Content-Type", "Content-Disposition"):
                continue  # 304 and the like: what else is there does not matter
            if r is None and g is None:
                continue
            if r is None or g is None:
                out.append((name, ABSENT if r is None else r, ABSENT if g is None else g))
            elif not self._same_text(r.lower() if name == "Content-Type" else r,
                                     g.lower() if name == "Content-Type" else g):
                out.append((name, r, g))
        return out

    def _lines(self, rtext, gtext, out):
        r, g = rtext.split("\n"), gtext.split("\n")
        if len(r) != len(g):
            out.append(("(lines)", len(r), len(g)))
        for i, (a, b) in enumerate(zip(r, g)):
            if not self._same_text(a, b) and len(out) < self.limit:
                out.append(("line %d" % (i + 1), a, b))

    def _value(self, path, key, r, g, out, owner):
        if len(out) >= self.limit:
            return
        if key in QUOTED_OR_NOT and str(r) == str(g):
            return
        if type(r) is not type(g):
            out.append((path or "(body)", r, g))
        elif isinstance(r, dict):
            self._object(path, key, r, g, out, owner)
        elif key in OFFERS and isinstance(r, list):
            if any(x not in g for x in r):
                out.append((path, r, g))
        elif isinstance(r, list):
            self._list(path, key, r, g, out)
        elif isinstance(r, str):
            if not self._same_member(key, r, g, owner):
                out.append((path or "(body)", r, g))
        elif r != g and not self._same_number(key, r, g, owner):
            out.append((path or "(body)", r, g))

    def _object(self, path, key, r, g, out, owner):
        name = key if not key.isdigit() else owner
        if r and g and _numbered(r) and _numbered(g) and set(r) != set(g):
            # by ids of the server, which are others here: what they name, whatever the number
            self._by_what(path, key, r, g, out, owner)
            return
        for k in r:
            if k in IGNORED:
                continue
            sub = path + "." + k if path else k
            if k in LIBRARY_ROWS and isinstance(r[k], list) and all(
                    isinstance(c, dict) and c.get("default") is True for c in r[k]):
                continue
            if k in g:
                self._value(sub, k, r[k], g[k], out, name)
            elif not self._renamed_key(k, g):
                out.append((sub, r[k], ABSENT))
        extra = EXTRA if str(r.get("name", "")).startswith("Invalid JSON input.") else ()
        for k in g:
            if k not in r and k not in IGNORED and k not in LIBRARY_ROWS and k not in extra and not self._renamed_key(k, r):
                out.append((path + "." + k if path else k, ABSENT, g[k]))

    def _by_what(self, path, key, r, g, out, owner):
        """Values of two maps whose keys mean nothing: those of texts by text, others in their order."""
        rows = [list(doc.values()) for doc in (r, g)]
        if all(isinstance(v, str) for row in rows for v in row):
            rows = [sorted(row) for row in rows]
        if len(r) != len(g):
            out.append((path + "{}", "%d members" % len(r), "%d members" % len(g)))
            return
        for k, a, b in zip(r, *rows):
            self._value(path + "." + k, k, a, b, out, key)

    @staticmethod
    def _renamed_key(key, other):
        """Maps keyed by server ids (id -> ...) may use other numbers."""
        if _UUID.fullmatch(key):  # likewise those keyed by UUIDs that the server made
            return any(_UUID.fullmatch(k) for k in other)
        return key.isdigit() and any(k.isdigit() for k in other)

    def _list(self, path, key, r, g, out):
        if key in LIBRARY and any(c.get("default") is not False for gal in r if isinstance(gal, dict)
                                  for c in gal.get("GalaxyCluster", [{}])):
            return
        if _sightings(r) and _sightings(g) and _newest_first(r) and _newest_first(g):
            # which of those made a moment ago are of the same second is chance
            r, g = self._by_day(r, self.recorded_now), self._by_day(g, self.our_now)
        elif key in UNORDERED:
            r, g = sorted(r, key=_sort_key), sorted(g, key=_sort_key)
        elif not self.ordered and _falls(r):
            if _falls(g):
                out.append((path + "[]", "any order", "not by ascending id"))
            r, g = sorted(r, key=_sort_key), sorted(g, key=_sort_key)
        if len(r) != len(g):
            out.append((path + "[]", "%d members" % len(r), "%d members" % len(g)))
            return
        for i, (a, b) in enumerate(zip(r, g)):
            self._value("%s[%d]" % (path, i), key, a, b, out, key)

    @staticmethod
    def _by_day(rows, now):
        rows = sorted(rows, key=lambda d: int(_row(d)["id"]))
        return sorted(rows, key=lambda d: -min(int(_row(d)["date_sighting"]), now - _DAY))

    def _same_member(self, key, r, g, owner):
        if key in EXACT:
            return r == g
        if key in TIMES or key.endswith("_timestamp"):
            return self._same_time(r, g)
        if (key == "id" or key.endswith(("_id", "_ids"))) and key not in FIXED_IDS and r.isdigit():
            kind = OWNER_KIND.get(owner) if key == "id" else ID_KIND.get(key)
            return self._same_id(kind, r, g)
        if key == "nids_sid" and r not in self.b.given:
            return g.isdigit()
        return self._same_text(r, g)

    def _same_number(self, key, r, g, owner):
        if isinstance(r, bool) or isinstance(g, bool) or not isinstance(r, int):
            return False
        return self._same_member(key, str(r), str(g), owner) if key in TIMES or key.endswith(
            ("id", "_timestamp")) else False

    def _same_id(self, kind, r, g):
        if not g.isdigit():
            return False
        known = self.b.ids.get(kind, {}).get(r)
        if known is not None:
            return g == known
        return (int(r) == 0) == (int(g) == 0)

    def _same_time(self, r, g):
        if r == g:
            return True
        if r in self.b.given and self.b.given[r] == g:
            return True
        if r.isdigit() and g.isdigit():
            if len(r) != len(g) or int(r) == 0 or int(g) == 0:
                return False
            return self._both_now(int(r), int(g)) or r not in self.b.given
        if r[:10] in self.b.given and not self._recorded_day(r):
            return False
        return _shape(r) == _shape(g)

    def _both_now(self, r, g):
        return abs(r - self.recorded_now) < _DAY and abs(g - self.our_now) < _DAY

    def _recorded_day(self, text):
        return text[:7] == "2026-11"

    def _same_text(self, r, g):
        """Equal but for our base URL, server-made UUIDs, clock readings and ids in their places."""
        g = g.replace(self.b.base, "<BASE>").replace(self.b.host, "<HOST>")
        g = g.replace(self.b.feed, "<FEED>").replace(self.b.peer, "<PEER>")
        r = r.replace("httpS://", "https://")  # a fault of MISP's refanging
        r = r.replace("<HOST>", self.b.host).replace(self.b.host, "<HOST>")
        if r == g:
            return True
        if "<AUTHKEY>" in r:
            r = re.escape(r).replace(re.escape("<AUTHKEY>"), "[0-9A-Za-z*]{4,}")
            return re.fullmatch(r, g) is not None
        if "<PATH>" in r:
            return re.fullmatch(re.escape(r).replace("<PATH>", "[^\"' ]+"), g) is not None
        rs, gs = _SPLIT.split(r), _SPLIT.split(g)
        if len(rs) != len(gs):
            return False
        for i, (a, b) in enumerate(zip(rs, gs)):
            if a == b:
                continue
            if i % 2 == 0 or not self._same_token(a, b, rs[i - 1], rs[i + 1]):
                return False
        return True

    def _same_token(self, r, g, before, after):
        if r in self.b.given:
            if self.b.given[r] == g:
                return True
            if not r.isdigit():
                return False
        if _UUID.fullmatch(r):
            return _UUID.fullmatch(g) is not None
        if not r.isdigit():
            given = r[:10] in self.b.given and not self._recorded_day(r)
            return not given and _shape(r) == _shape(g)
        if not g.isdigit():
            return False
        if not before and not after:  # a bare number counts something
            return len(r) == 10 and len(g) == 10 and self._both_now(int(r), int(g))
        if g in self.b.pairs.get(r, ()):
            return True
        if len(r) == 10 and len(g) == 10 and self._both_now(int(r), int(g)):
            return True
        if before.endswith("sid:"):  # rule number: base + 10 times the attribute's id + kind
            return r[-1] == g[-1] and len(g) > 1
        in_place = (before.endswith("/") or (before.endswith("(") and after.startswith(")")))
        return in_place and int(r) != 0 and int(g) != 0


def generalise(path):
    """The path without list positions and map ids, for counting causes."""
    return re.sub(r"\.\d+(?=\.|$)", ".N", re.sub(r"\[\d+\]", "[]", path))


def show(value, width=100):
    """A value for one line of a report."""
    text = value if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return _cut(text, width)


def _cut(text, width=100):
    text = text.replace("\n", "\\n")
    return text if len(text) <= width else text[:width - 3] + "..."


def _shape(text):
    return re.sub(r"\d", "9", text)


def _sort_key(doc):
    if isinstance(doc, dict):
        if "uuid" in doc:
            return str(doc["uuid"])
        inner = doc.get("Event") or doc.get("Attribute")
        if isinstance(inner, dict) and "uuid" in inner:
            return str(inner["uuid"])
    return json.dumps(doc, sort_keys=True)


def _row(doc):
    doc = doc.get("Sighting", doc) if isinstance(doc, dict) else {}
    return doc if isinstance(doc, dict) else {}


def _sightings(rows):
    return bool(rows) and all(str(_row(d).get(k, "")).isdigit() for d in rows for k in ("id", "date_sighting"))


def _newest_first(rows):
    times = [int(_row(d)["date_sighting"]) for d in rows]
    return times == sorted(times, reverse=True)


def _numbered(doc):
    """A map by ids; what counts something by years or small numbers has the same keys everywhere."""
    return all(k.isdigit() for k in doc)


def _zip(data):
    """What a packed sample holds, without its times, random bytes and how it was squeezed."""
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        return [(i.filename, i.file_size, i.flag_bits & 1, i.CRC) for i in z.infolist()]


def _falls(rows):
    """Elements with UUIDs whose ids do not ascend: MISP gave the order of some index of its own."""
    if not all(isinstance(d, dict) and "uuid" in d and str(d.get("id")).isdigit() for d in rows):
        return False
    ids = [int(d["id"]) for d in rows]
    return ids != sorted(ids)


def _xml(el):
    """An element as nested JSON, so that the same rules hold for both."""
    kids = [_xml(k) for k in el]
    doc = {el.tag: [k for k in kids] if kids else (el.text or "")}
    if el.attrib:
        doc["@" + el.tag] = dict(el.attrib)
    return doc
