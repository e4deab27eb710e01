"""
One row for each format: how a file is read back, and what of an indicator must then be there.

parse(text, params) gives a Counter of keys; key(kind, value, params) gives the list of keys of an indicator,
None when the format cannot hold it (it must be counted as left out), [] when a parameter leaves it out.
"""
import base64
import ipaddress
import re
from collections import Counter

ROWS = {}


class Row:
    """compare(got, want), for what cannot be listed, gives what is wrong or None."""

    def __init__(self, parse, key, variants=({},), change=None, compare=None):
        self.parse, self.key, self.variants, self.change, self.compare = parse, key, variants, change, compare


class Maybe(list):
    """Keys of an indicator that may be left out or not: our readers are stricter than the consumer there."""


def row(*names, **kw):
    for name in names:
        ROWS[name] = Row(**kw)


class Bad(Exception):
    pass


def need(cond, what):
    if not cond:
        raise Bad(what)


def lines_of(text):
    need(text == "" or text.endswith("\n"), "the last line ends")
    need("\r" not in text and "\0" not in text, "no odd line ends")
    return text.split("\n")[:-1]


def value_lines(text, params):
    return Counter(lines_of(text))


def values(kind, value, params):
    return [value]


def net(text):
    need(text == text.strip(), "spaces: %r" % text)
    n = ipaddress.ip_network(text, strict=True)
    need(n.prefixlen > 0, "everything: %r" % text)
    return n


def is_net(value):
    return "/" in value


NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_-]{1,63}\.)+[a-z0-9_-]{1,63}\Z")


def name(text):
    need(NAME.match(text), "not a name: %r" % text)
    return text


def url_split(url):
    """Scheme or "", then all behind it without the fragment, then host, port, path."""
    m = re.match(r"([A-Za-z0-9][A-Za-z0-9+.-]*)://", url)
    scheme, rest = (m.group(1), url[m.end():]) if m else ("", url)
    if re.match(r"[A-Za-z0-9][A-Za-z0-9+.-]*://", rest):  # would be read as another URL
        return None
    rest = rest.split("#", 1)[0]
    host = re.split(r"[/?]", rest, maxsplit=1)[0]
    path = rest[len(host):]
    if "@" in host and not m:  # mailto:a@b
        return None
    host = host.rsplit("@", 1)[-1]
    rest = host + path
    if host.startswith("["):
        if "]" not in host:
            return None
        host, after = host[1:].split("]", 1)
        port = after[1:] if after.startswith(":") else ""
    else:
        host, _, port = host.partition(":")
    return (scheme, rest, host, port, path) if host and re.fullmatch("[0-9]*", port) else None


def http_split(url):
    """The same of what could be seen in HTTP."""
    parts = url_split(url)
    return parts if parts and parts[0].lower() in ("", "http", "https", "hxxp", "hxxps", "ws", "wss") else None


# ---- values, plain lists ----

row("values", parse=value_lines, key=lambda k, v, p: [v] if p.get("kinds", "all") == "all" or k in p["kinds"].split(",") else [],
    variants=({}, {"kinds": "ip,url"}))


def ip_lines(text, params):
    return Counter(net(l) for l in lines_of(text))


def ip_key(kind, value, params):
    n = ipaddress.ip_network(value)
    if params.get("version", "both") not in ("both", str(n.version)):
        return []
    return None if params.get("networks") == "no" and is_net(value) else [n]


row("ip-list", parse=ip_lines, key=ip_key, variants=({}, {"version": "4"}, {"version": "6", "networks": "no"}))


def domain_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        below = {"dot": ".", "star": "*."}.get(params.get("below"), "")
        if below and l.startswith(below):
            out[("below", name(l[len(below):]))] += 1
        else:
            out[("at", name(l))] += 1
    return out


def domain_key(kind, value, params):
    below = params.get("below", "plain")
    if kind == "hostname" or below == "plain":
        return [("at", value)]
    return [("below", value)] if below == "dot" else [("below", value), ("at", value)]


row("domain-list", parse=domain_lines, key=domain_key, variants=({}, {"below": "dot"}, {"below": "star"}))


def url_key(kind, value, params):
    if params.get("scheme", "yes") == "yes":
        return [value]
    parts = url_split(value)
    return [parts[1]] if parts else None


row("url-list", parse=value_lines, key=url_key, variants=({}, {"scheme": "no"}))


def hash_lines(text, params):
    for l in lines_of(text):
        need(re.fullmatch(r"[0-9a-f]+", l) and len(l) in (32, 40, 56, 64, 96, 128), l)
    return value_lines(text, params)


row("hash-list", parse=hash_lines, key=lambda k, v, p: [v] if p.get("kinds", "all") == "all" or k in p["kinds"].split(",") else [],
    variants=({}, {"kinds": "md5,sha256"}))

# ---- Suricata's sets and lists ----


def b64(text):
    need(re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text) and len(text) % 4 == 0, "base64: %r" % text[:80])
    need(len(text) <= 1000, "a line of %d bytes" % len(text))
    return base64.b64decode(text, validate=True).decode("utf-8")


def hexed(n):
    def check(text):
        need(re.fullmatch("[0-9a-f]{%d}" % n, text), text)
        return text
    return check


def one_ip(text):
    return str(ipaddress.ip_address(text))


def fits(text):
    return len(text.encode()) <= 1000 and len(base64.b64encode(text.encode())) <= 1000


SETS = {  # name: kind, type, how data are read, what they are
    "domain": ("domain", "string", b64, lambda v: v), "subdomain": ("domain", "string", b64, lambda v: "." + v),
    "hostname": ("hostname", "string", b64, lambda v: v), "url": ("url", "string", b64, lambda v: v),
    "user-agent": ("user-agent", "string", b64, lambda v: v), "ja3": ("ja3", "string", b64, lambda v: v),
    "filename": ("filename", "string", b64, lambda v: v),
    "cert-sha1": ("cert-sha1", "string", b64, lambda v: ":".join(re.findall("..", v))),
    "ip": ("ip", "ip", one_ip, lambda v: v if is_net(v) else one_ip(v)), "md5": ("md5", "md5", hexed(32), lambda v: v),
    "sha256": ("sha256", "sha256", hexed(64), lambda v: v)}


def set_key(kind, type_, shape):
    def key(k, v, p):
        if k != kind:
            return []
        return None if (type_ == "ip" and is_net(v)) or (type_ == "string" and not fits(shape(v))) else [shape(v)]
    return key


def set_change(what, type_, read):
    import json

    def change(text, params):
        gone, come = Counter(), Counter()
        for l in lines_of(text):
            d = json.loads(l)
            a = d["arguments"]
            need(set(d) == {"command", "arguments"} and set(a) == {"setname", "settype", "datavalue"}, l)
            need(a["setname"] == params.get("set", "tocsin-" + what) and a["settype"] == type_, l)
            {"dataset-add": come, "dataset-remove": gone}[d["command"]][read(a["datavalue"])] += 1
        return gone, come
    return change


for what, (kind_, type__, read_, shape_) in SETS.items():
    row("suricata-dataset-" + what, parse=lambda t, p, read=read_: Counter(read(l) for l in lines_of(t)),
        key=set_key(kind_, type__, shape_), change=set_change(what, type__, read_), variants=({}, {"set": "my_set-1"}))


def rep_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        data, value = l.rsplit(",", 1)
        need(value in ("900", "600", "300", "100"), l)
        out[SETS[params.get("data", "domain")][2](data)] += 1
    return out


row("suricata-datarep", parse=rep_lines, key=lambda k, v, p: set_key(SETS[p.get("data", "domain")][0], *SETS[p.get("data", "domain")][1::2])(k, v, p),
    variants=[{"data": d} for d in SETS])


def iprep_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        if params.get("part") == "categories":
            need(re.fullmatch(r"(\d+),([^,]+),([^,]+)", l) and int(l.split(",")[0]) <= 60, l)
            continue
        addr, cat, score = l.split(",")
        need(cat == "1" and 1 <= int(score) <= 127, l)
        out[net(addr)] += 1
    return out


row("suricata-iprep", parse=iprep_lines, key=lambda k, v, p: [] if p else [net(v)], variants=({}, {"part": "categories"}))
for n_, kind_ in ((32, "md5"), (40, "sha1"), (64, "sha256")):
    row("suricata-file" + kind_, parse=lambda t, p, read=hexed(n_): Counter(read(l) for l in lines_of(t)), key=values)

# ---- Zeek ----

ZEEK = {"domain": "DOMAIN", "hostname": "DOMAIN", "url": "URL", "filename": "FILE_NAME", "email": "EMAIL", "email-src": "EMAIL",
        "email-dst": "EMAIL", "user-agent": "SOFTWARE", "cert-sha1": "CERT_HASH", "ja3": "JA3"}


def zeek_unescape(text):
    return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes([int(m.group(1), 16)]), text.encode()).decode()


def zeek_lines(text, params):
    rows = lines_of(text)
    head = rows.pop(0).split("\t")
    need(head[0] == "#fields" and head[1:] == ["indicator", "indicator_type", "meta.source", "meta.desc", "meta.url", "meta.do_notice", "meta.if_in"], head)
    out = Counter()
    for l in rows:
        need(not l.startswith("#"), "a comment: %r" % l)
        f = l.split("\t")
        need(len(f) == 7 and all(f), "fields: %r" % l)
        need(f[5] in "TF" and f[6] == "-" and f[1].startswith("Intel::") and f[0] != "-", l)
        need(all(ord(c) >= 32 and c != "\x7f" for c in "".join(f)), l)
        need(not re.search(r"\\(?!x[0-9a-f]{2})", f[0]) and not "\\" in "".join(f[2:]), "escapes: %r" % l)
        value = zeek_unescape(f[0])
        if f[1] == "Intel::ADDR":
            ipaddress.ip_address(value)
        elif f[1] == "Intel::SUBNET":
            net(value)
        elif f[1] == "Intel::URL":
            need(not re.match(r"[a-z]+://", value), value)
        out[(f[1][7:], value)] += 1
    return out


def zeek_key(kind, value, params):
    if kind == "ja3" and params.get("ja3") != "yes":
        return []
    if kind == "url":
        parts = url_split(value)
        return [("URL", parts[1])] if parts else None
    return [({"ip": "SUBNET" if is_net(value) else "ADDR"}.get(kind) or ZEEK.get(kind, "FILE_HASH"), value)]


row("zeek-intel", parse=zeek_lines, key=zeek_key, variants=({}, {"ja3": "yes", "notice": "no"}))

# ---- resolvers ----


def rpz_owner(v):
    n = ipaddress.ip_network(v)
    if n.version == 4:
        return "%d.%s" % (n.prefixlen, ".".join(reversed(str(n.network_address).split("."))))
    return "%d.%s" % (n.prefixlen, ".".join(reversed(str(n.network_address).replace("::", ":zz:").strip(":").split(":"))))


def rpz_lines(text, params):
    rows = lines_of(text)
    policy = params.get("policy", "NXDOMAIN").lower()
    want = {"nxdomain": "CNAME .", "nodata": "CNAME *.", "drop": "CNAME rpz-drop.", "passthru": "CNAME rpz-passthru.", "tcp-only": "CNAME rpz-tcp-only.",
            "local-data": {"127.0.0.1": "A 127.0.0.1", "::1": "AAAA ::1"}.get(params.get("walled_garden", "127.0.0.1"), "CNAME " + params.get("walled_garden", ""))}[policy]
    need(re.fullmatch(r"\$TTL \w+", rows[0]) and re.fullmatch(r"@ SOA \S+ \S+ \(7 \w+ \w+ \w+ \w+\)", rows[1]) and re.fullmatch(r" NS \S+", rows[2]), rows[:3])
    out = Counter()
    for l in rows[3:]:
        owner, rest = l.split(" ", 1)
        need(rest == want, l)
        out[owner] += 1
    return out


def rpz_holds(v, zone):
    return len(v) + len(zone.rstrip(".")) + 3 <= 253 and not v.rsplit(".", 1)[-1].startswith("rpz-")


def rpz_key(kind, value, params):
    if kind == "ip":
        trigger = params.get("ip_trigger", "ip")
        return [] if trigger == "none" else ["%s.rpz-%s" % (rpz_owner(value), trigger)]
    if not rpz_holds(value, params.get("zone", "tocsin.rpz")):
        return None
    return [value] + (["*." + value] if kind == "domain" else [])


row("rpz", parse=rpz_lines, key=rpz_key, variants=({}, {"policy": "nodata", "zone": "a.very.long.name.of.a.zone.example."}, {"policy": "Local-Data", "ip_trigger": "nsip"},
    {"policy": "Local-Data", "walled_garden": "::1", "ip_trigger": "client-ip"}, {"policy": "Local-Data", "walled_garden": "garden.example."}, {"policy": "DROP", "ip_trigger": "none"}))


def hosts_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        addr, host = l.split(" ")
        need(addr in (params.get("address", "0.0.0.0"), "::"), l)
        out[(addr, name(host))] += 1
    return out


row("hosts", parse=hosts_lines, variants=({}, {"address": "::1", "ipv6": "yes"}),
    key=lambda k, v, p: [(p.get("address", "0.0.0.0"), v)] + ([("::", v)] if p.get("ipv6") == "yes" else []))


def dnsmasq_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        m = re.fullmatch(r"address=/([^/]+)/(#?)|host-record=([^,]+),0\.0\.0\.0,::", l)
        need(m, l)
        need(m.group(3) or (m.group(2) == "#") == (params.get("answer") == "null"), l)
        out[("domain", name(m.group(1))) if m.group(1) else ("hostname", name(m.group(3)))] += 1
    return out


row("dnsmasq", parse=dnsmasq_lines, key=lambda k, v, p: [(k, v)], variants=({}, {"answer": "null"}))


def unbound_lines(text, params):
    rows = lines_of(text)
    need(rows.pop(0) == "server:", "clause")
    out = Counter()
    for l in rows:
        m = re.fullmatch(r'\tlocal-zone: "([^"]+)\." (\w+)|\tlocal-data: "([^" ]+)\. A 0\.0\.0\.0"', l)
        need(m and (m.group(3) or m.group(2) == params.get("type", "always_nxdomain")), l)
        out[("domain", name(m.group(1))) if m.group(1) else ("hostname", name(m.group(3)))] += 1
    return out


def unbound_change(text, params):
    gone, come = Counter(), Counter()
    for l in lines_of(text):
        w = l.split(" ")
        need(w[1].endswith("."), l)
        kind = "domain" if w[0].startswith("local_zone") else "hostname"
        if w[0].endswith("_remove"):
            need(len(w) == 2, l)
            gone[(kind, name(w[1][:-1]))] += 1
        else:
            need(w[2:] == ([params.get("type", "always_nxdomain")] if kind == "domain" else ["A", "0.0.0.0"]), l)
            come[(kind, name(w[1][:-1]))] += 1
    return gone, come


row("unbound", parse=unbound_lines, key=lambda k, v, p: [(k, v)], change=unbound_change, variants=({}, {"type": "always_null"}))

# ---- packet filters ----


def nft_lines(text, params):
    out, version = Counter(), None
    for l in lines_of(text):
        opens = re.fullmatch(r"add element (\w+) (\w+) (\w+)([46]) \{", l)
        if version and l != "}":
            m = re.fullmatch(r"(\S+?)(?: timeout (\d+)s)?(,?)", l)
            n = net(m.group(1))
            need(more and n.version == version and (m.group(2) or "0") == params.get("timeout", "0"), l)
            more = bool(m.group(3))
            out[n] += 1
        elif version:
            need(not more, "a command ends behind a comma")
            version = None
        elif opens:
            need(opens.group(3) == params.get("set", "blocked"), l)
            version, more = int(opens.group(4)), True
        else:
            need(re.match(r"# |add table |add set |flush set ", l), l)
    need(version is None, "a command is not ended")
    return out


def nft_change(text, params):
    gone, come = Counter(), Counter()
    for l in lines_of(text):
        m = re.fullmatch(r"(add|delete) element \w+ \w+ \w+[46] \{ (\S+)(?: timeout (\d+)s)? \}", l)
        need(m, l)
        if m.group(1) == "add":
            come[net(m.group(2))] += 1
        else:
            gone[net(m.group(2))] += 1
            come[net(m.group(2))] -= 1  # it was added just before
    return gone, +come


row("nftables", parse=nft_lines, key=lambda k, v, p: [net(v)], change=nft_change, variants=({}, {"timeout": "3600", "set": "mine"}))


def ipset_lines(text, params):
    """The end is that the sets have changed places; entries go into those beside."""
    rows = lines_of(text)
    set_, timed = params.get("set", "tocsin"), params.get("timeout", "0")
    tail = " timeout " + timed if timed != "0" else ""
    out = Counter()
    for l in rows:
        m = re.fullmatch(r"add (\S+) (\S+)%s -exist" % tail, l)
        if m:
            n = net(m.group(2))
            need(m.group(1) == "%s%dn" % (set_, n.version), l)
            out[n] += 1
        else:
            need(re.fullmatch(r"create %s([46])n? hash:net family inet6? hashsize \d+ maxelem \d+%s -exist|flush %s[46]n|swap %s[46]n %s[46]|destroy %s[46]n" % (
                set_, tail, set_, set_, set_, set_), l), l)
    return out


def ipset_change(text, params):
    gone, come = Counter(), Counter()
    for l in lines_of(text):
        m = re.fullmatch(r"(add|del) (\S+)([46]) (\S+?)( timeout \d+)? -exist", l)
        n = net(m.group(4))
        need(m.group(2) == params.get("set", "tocsin") and n.version == int(m.group(3)), l)
        {"add": come, "del": gone}[m.group(1)][n] += 1
    return gone, come


row("ipset", parse=ipset_lines, key=lambda k, v, p: [net(v)], change=ipset_change, variants=({}, {"timeout": "3600", "set": "x"}))

# ---- firewalls ----

row("pf-table", "paloalto-ip", "fortinet-address", "cisco-ip", "checkpoint-ip", parse=ip_lines, key=lambda k, v, p: [net(v)])


def star_lines(text, params):
    return Counter(("below", name(l[2:])) if l.startswith("*.") else ("at", name(l)) for l in lines_of(text))


row("paloalto-domain", "fortinet-domain", parse=star_lines, variants=({}, {"below": "plain"}),
    key=lambda k, v, p: [("at", v)] + ([("below", v)] if k == "domain" and p.get("below") != "plain" else []))
row("cisco-domain", parse=star_lines, key=lambda k, v, p: [("at", v)])
row("fortinet-hash", parse=hash_lines, key=values)


def percent(text):
    return "".join(c if 32 < ord(c) < 127 else "".join("%%%02X" % b for b in c.encode()) for c in text)


def site_lines(most):
    def parse(text, params):
        out = Counter()
        for l in lines_of(text):
            need(len(l) <= most and all(32 < ord(c) < 127 for c in l) and not re.match(r"[a-z]+://", l), l)
            out[l] += 1
        return out
    return parse


def site_key(refused, most):
    def key(kind, value, params):
        if kind != "url":
            return [value + "/"] + (["*.%s/" % value] if kind == "domain" else [])
        parts = http_split(value)
        if any(c in value for c in refused) or not parts:
            return None
        line = percent(parts[1]) + ("" if parts[4] else "/")
        return [line] if len(line) <= most else None
    return key


row("paloalto-url", parse=site_lines(1023), key=site_key("*^[]", 1023))
row("fortinet-category", parse=site_lines(4000), key=site_key("*", 4000))
row("cisco-url", parse=site_lines(4000), key=site_key("*", 4000))

CP = {"domain": "Domain", "hostname": "Domain", "url": "URL", "md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "subject": "Mail-subject", "email-src": "Mail-from", "email-dst": "Mail-to"}


def csv_rows(text):
    import csv
    import io
    lines_of(text)
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def checkpoint_lines(text, params):
    out = Counter()
    rows = csv_rows(text)
    need(rows.pop(0)[0] == "#UNIQ-NAME", "head")
    need(len({r[0] for r in rows}) == len(rows), "names that are not unique")
    for r in rows:
        need(len(r) == 7 and r[3] == "high" and r[4] in ("high", "medium", "low") and r[5] == "AV", r)
        out[(r[2], r[1])] += 1
    return out


def checkpoint_key(kind, value, params):
    if kind != "ip":
        return [(CP[kind], value)]
    if not is_net(value):
        return [("IP", value)]
    n = net(value)
    first = value.split("/")[0]
    last = n.broadcast_address
    return [("IP Range", "%s-%s" % (first, last))]


row("checkpoint", parse=checkpoint_lines, key=checkpoint_key)

# ---- proxies ----


def dot_lines(text, params):
    return Counter(("domain", name(l[1:])) if l.startswith(".") else ("hostname", name(l)) for l in lines_of(text))


row("squid-domain", parse=dot_lines, key=lambda k, v, p: [(k, v)])


def squid_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        need(len(l) < 2047 and l.startswith("^") and l.endswith("$") and all(32 < ord(c) < 127 for c in l), l)
        re.compile(l)
        plain = re.sub(r"\\(.)", r"\1", l[1:-1].replace("https?", "?", 1) if l.startswith("^https?") else l[1:-1])
        need(re.fullmatch(r"(?:[^.\[\]{}()*+?^$|\\]|\\.)*", l[1:-1].replace("https?", "", 1)), l)
        out[plain] += 1
    return out


def squid_key(kind, value, params):
    parts = url_split(value)
    if not parts or not parts[2].isascii():
        return None
    rest = percent(parts[1]) + ("" if parts[4] else "/")
    at = parts[1].find(parts[2], parts[1].split("/")[0].split("?")[0].rfind("@") + 1) + len(parts[2])
    low = "".join(c.lower() for c in rest[:at]) + rest[at:]
    text = (parts[0].lower() or "?") + "://" + low
    size = len(re.sub(r"[.\[\]{}()*+?^$|\\]", "xx", rest)) + len(parts[0] or "https?") + 3 + 3
    return [text] if size <= 2000 else None


row("squid-url", parse=squid_lines, key=squid_key)


def haproxy_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        if "value" in params or params.get("_map"):
            l, value = l.rsplit(" ", 1)
            need(value == params.get("value", "1"), l)
        need(" " not in l and not l.startswith("#") and l, l)
        out[l] += 1
    return out


def haproxy_key(kind, value, params):
    data = params.get("data", "domain")
    if kind != data:
        return []
    if data == "url":
        parts = http_split(value)
        if not parts or not parts[2].isascii():
            return None
        host = parts[2].lower()
        path = percent(parts[4])
        return [("[%s]" % host if ":" in host else host) + (path if path.startswith("/") else "/" + path)]
    return ["." + value if data == "domain" else value]


DATA = [{"data": d} for d in ("domain", "hostname", "ip", "url")]
row("haproxy-acl", parse=haproxy_lines, key=haproxy_key, variants=DATA)
row("haproxy-map", parse=lambda t, p: haproxy_lines(t, dict(p, _map=1)), key=haproxy_key, variants=DATA + [{"value": "block-1"}])


def nginx_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        m = re.fullmatch(r"(\S+) (\S+);", l)
        need(m and m.group(2) == params.get("value", "1"), l)
        out[m.group(1)] += 1
    return out


row("nginx-map", parse=nginx_lines, key=lambda k, v, p: ["." + v if k == "domain" else v], variants=({}, {"value": "bad"}))
row("nginx-geo", parse=nginx_lines, key=values, variants=({}, {"value": "bad"}))

# ---- scanners ----


def clam_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        f = l.split(":")
        need(len(f) == 4 and f[1] == "*" and f[3] == "73" and re.fullmatch(r"Tocsin\.[0-9a-f-]{36}", f[2]), l)
        out[f[0]] += 1
    return out


row("clamav-hdb", "clamav-hsb", parse=clam_lines, key=values)


# ---- rules that attributes are ----


def yara_lines(text, params):
    """Each rule behind its attribute's UUID; the numbers that names were given are taken off again."""
    out = Counter()
    lines_of(text)
    for piece in re.split(r"^// [0-9a-f-]{36}\n", text, flags=re.M)[1:]:
        out[re.sub(r"\b(\w+)_t\d+\b", r"\1", piece).strip()] += 1
    return out


def yara_key(kind, value, params):
    try:
        import yara
    except ImportError:
        return Maybe([value.replace("\r", "").strip()])
    if re.search(r"\bglobal\s+rule\b", value) or "\0" in value or set(re.findall(r'import\s*"([^"]*)"', value)) - {"pe", "elf", "math", "time", "hash", "dotnet"}:
        return None
    try:
        yara.compile(source=value, includes=False)
    except (yara.SyntaxError, yara.Error, UnicodeEncodeError):
        return None
    keys = [value.replace("\r", "").strip()] if "rule" in value else None
    # a bracket in a comment in hexadecimal is more than is read, so are long expressions
    return Maybe(keys) if keys and ("//" in value or len(value) > 2000) else keys


row("yara-rules", parse=yara_lines, key=yara_key)


def sigma_text(value):
    lines = [l.rstrip("\r") for l in value.split("\n")]
    lines = [l for l in lines if l.strip() != "---"]
    if "..." in [l.strip() for l in lines]:
        lines = lines[:[l.strip() for l in lines].index("...")]
    return "\n".join(lines).strip()


def sigma_lines(text, params):
    lines_of(text)
    return Counter(d.strip() for d in text.split("---\n")[1:])


def sigma_key(kind, value, params):
    """What pysigma takes, and a little less: one map without aliases and double keys, nothing that is empty."""
    try:
        import yaml
        from sigma.collection import SigmaCollection
        from sigma.exceptions import SigmaError
    except ImportError:
        return Maybe([sigma_text(value)])
    try:
        docs = list(yaml.compose_all(value))
        if any(isinstance(t, yaml.AliasToken) for t in yaml.scan(value)):
            return None
    except yaml.YAMLError:
        return None
    if len(docs) != 1 or not isinstance(docs[0], yaml.MappingNode):
        return None
    keys = [k.value for k, _ in docs[0].value]
    if len({str(k) for k in keys}) != len(keys) or "condition" not in [k.value for n, m in docs[0].value if n.value == "detection" and isinstance(m.value, list) for k, _ in m.value]:
        return None
    try:
        rule = SigmaCollection.from_yaml(value).rules[0]
    except (SigmaError, yaml.YAMLError, AttributeError, TypeError, ValueError, IndexError, KeyError):
        return None
    if not rule.title or rule.errors:
        return None

    def empty(node):
        if isinstance(node, yaml.ScalarNode):
            return node.value == ""
        return any(empty(n) for pair in node.value for n in (pair if isinstance(pair, tuple) else (pair,)))
    return Maybe([sigma_text(value)]) if empty(docs[0]) else [sigma_text(value)]


row("sigma", parse=sigma_lines, key=sigma_key)

# ---- agents ----


def kinds_of(key):
    return lambda k, v, p: key(k, v, p) if p.get("kinds", "all") == "all" or k in p["kinds"].split(",") else []


def wazuh_lines(text, params):
    out = Counter()
    for l in lines_of(text):
        m = re.fullmatch(r'"([^"]+)":([a-z0-9-]+)|([^":]+):([a-z0-9-]+)', l)
        need(m and (not m.group(1) or ":" in m.group(1)) and not l.startswith("#"), l)
        out[(m.group(1) or m.group(3), m.group(2) or m.group(4))] += 1
    return out


def wazuh_key(kind, value, params):
    if '"' in value or value.startswith("#"):
        return None
    if kind == "ip" and is_net(value):
        n = net(value)
        if n.version == 6 or n.prefixlen % 8:
            return None
        return [(".".join(str(n.network_address).split(".")[:n.prefixlen // 8]) + ".", kind)]
    return [(value, kind)]


row("wazuh-cdb", parse=wazuh_lines, key=kinds_of(wazuh_key), variants=({}, {"kinds": "ip,md5"}))


def osquery_lines(text, params):
    import sqlite3
    db = sqlite3.connect(":memory:")
    db.executescript(text)
    return Counter(db.execute("SELECT kind, value FROM " + params.get("table", "tocsin")).fetchall())


def osquery_change(text, params):
    gone, come = Counter(), Counter()
    rows = lines_of(text)
    need(rows[0] == "BEGIN;" and rows[-1] == "COMMIT;", "one transaction")
    for l in rows[1:-1]:
        t = params.get("table", "tocsin")
        m = re.fullmatch(r"DELETE FROM %s WHERE kind='([a-z0-9-]+)' AND value='((?:[^']|'')*)';|INSERT OR REPLACE INTO %s VALUES\('([a-z0-9-]+)','((?:[^']|'')*)','[0-9a-f-]{36}'\);" % (t, t), l)
        need(m, l)
        (gone if m.group(1) else come)[(m.group(1) or m.group(3), (m.group(2) if m.group(1) else m.group(4)).replace("''", "'"))] += 1
    return gone, come


row("osquery", parse=osquery_lines, key=lambda k, v, p: [(k, v)], change=osquery_change, variants=({}, {"table": "iocs"}))


def kunai_lines(text, params):
    import json
    out = Counter()
    for l in lines_of(text):
        d = json.loads(l)
        need(set(d) == {"type", "uuid", "source", "value", "event_uuid", "severity"} and d["source"], l)
        out[({"ip-dst": "ip"}.get(d["type"], d["type"]), d["value"])] += 1
    return out


row("kunai-ioc", parse=kunai_lines, key=lambda k, v, p: None if k == "ip" and is_net(v) else [(k, v)])

# ---- logs ----

ECS = {"domain": ("domain-name", "url", "domain"), "hostname": ("domain-name", "url", "domain"), "url": ("url", "url", "full"), "filename": ("file", "file", "name"),
       "email": ("email-addr", "email", "address"), "email-src": ("email-addr", "email", "address"), "email-dst": ("email-addr", "email", "address"),
       "cert-md5": ("x509-certificate", "x509", "hash", "md5"), "cert-sha1": ("x509-certificate", "x509", "hash", "sha1"), "cert-sha256": ("x509-certificate", "x509", "hash", "sha256"),
       "regkey": ("windows-registry-key", "registry", "path"), "user-agent": ("user-agent", "user_agent", "original"), "ja3": ("ja3", "tls", "client", "ja3"), "mutex": ("mutex", "mutex", "name")}


def ecs_document(l):
    import json
    d = json.loads(l)
    need(d["event"]["kind"] == "enrichment" and d["event"]["category"] == ["threat"] and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", d["@timestamp"]), l)
    i = d["threat"]["indicator"]
    t = i["type"]
    need(i.get("marking", {}).get("tlp", "CLEAR") in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"), l)
    if t in ("ipv4-addr", "ipv6-addr"):
        if "network" in i:
            return ("ip", str(net(i["network"])), None), d["event"]["id"]
        return ("ip", str(ipaddress.ip_address(i["ip"])), i.get("port")), d["event"]["id"]
    if t == "autonomous-system":
        return ("asn", str(i["as"]["number"]), None), d["event"]["id"]
    keys = [k for k in i if k not in ("type", "name", "provider", "description", "marking", "first_seen", "last_seen", "modified_at", "reference")]
    need(len(keys) == 1, l)
    path, v = [t], i
    while isinstance(v, dict):
        k = keys[0] if v is i else list(v)[0]
        path.append(k)
        v = v[k]
    return (tuple(path), v, None), d["event"]["id"]


def ecs_lines(text, params):
    import json
    out, rows = Counter(), lines_of(text)
    if params.get("index"):
        for action, doc in zip(rows[::2], rows[1::2]):
            a = json.loads(action)
            what, ident = ecs_document(doc)
            need(a == {"index": {"_index": params["index"], "_id": ident}}, action)
            out[what] += 1
        return out
    seen = set()
    for l in rows:
        what, ident = ecs_document(l)
        need(ident not in seen, "ids are unique")
        seen.add(ident)
        out[what] += 1
    return out


def ecs_key(kind, value, params):
    if kind in ("ip", "ip-port"):
        if kind == "ip":
            return [("ip", str(net(value)) if is_net(value) else one_ip(value), None)]
        addr, _, port = value.rpartition(":")
        return [("ip", one_ip(addr.strip("[]")), int(port))]
    if kind == "asn":
        return [("asn", value, None)]
    return [(ECS.get(kind) or ("file", "file", "hash", kind), value, None)]


def ecs_ids(text, params):
    """A file as the ids that it has."""
    import json
    ids = Counter()
    for l in lines_of(text):
        d = json.loads(l)
        if "event" in d:
            ids[d["event"]["id"]] += 1
    return ids


def ecs_change(text, params):
    import json
    gone, come = Counter(), Counter()
    for l in lines_of(text):
        d = json.loads(l)
        if "delete" in d:
            need(d["delete"].get("_index") == params.get("index"), l)
            gone[d["delete"]["_id"]] += 1
        elif "index" in d:
            come[d["index"]["_id"]] += 1
        else:
            ecs_document(l)
    return gone, come


row("ecs", parse=ecs_lines, key=ecs_key, change=ecs_change, variants=({}, {"index": "iocs-1"}))
ROWS["ecs"].state = ecs_ids


def splunk_lines(text, params):
    out, rows = Counter(), csv_rows(text)
    need(rows.pop(0)[:3] == ["value", "kind", "weight"], "head")
    for r in rows:
        need(len(r) == 10 and r[2] in "0123" and r[3] in ("", "clear", "green", "amber", "amber+strict", "red") and len(r[6]) == 36, r)
        out[(r[1], r[0])] += 1
    return out


row("splunk", parse=splunk_lines, key=kinds_of(lambda k, v, p: [(k, v)]), variants=({}, {"kinds": "url"}))

# ---- Bloom filter ----


def bloom_reader(data, params):
    import importlib.util
    import os
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/sensors/bloom.py")
    spec = importlib.util.spec_from_file_location("bloom", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Bloom(data)


def bloom_compare(got, want):
    missing = [w for w in want if w not in got]
    wrong = sum("md5:%032x" % (i * 7919) in got for i in range(20000))
    if missing or got.n != len(want) or got.serial != 7:
        return "missing %s, %d of %d" % (missing[:3], got.n, len(want))
    rate = (1 - 2.718281828 ** (-got.k * got.n / got.m)) ** got.k
    return "%d of 20000 are there wrongly" % wrong if wrong > 20000 * rate * 2 + 10 else None


row("bloom", parse=bloom_reader, key=kinds_of(lambda k, v, p: ["%s:%s" % (k, v)]), compare=bloom_compare, variants=({}, {"bits": "8"}, {"bits": "24", "kinds": "url,md5"}))
