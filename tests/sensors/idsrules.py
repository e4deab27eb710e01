"""A strict grammar of Suricata's and Snort 3's rules, and what rules made of indicators must say."""
import ipaddress
import re
from collections import Counter

import rows
from rows import lines_of, need, row

ACTIONS = {"alert", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth", "block", "log", "sdrop"}
REFUSED = {"lua", "luajit", "luaxform", "dataset", "datarep", "filestore", "filemd5", "filesha1", "filesha256", "iprep", "config", "bypass", "replace", "react", "resp",
           "session", "logto", "activates", "activated_by", "noalert", "so", "soid"}
KEYWORDS = {"msg", "content", "classtype", "priority", "metadata", "sid", "rev", "dns.query", "tls.sni", "http.host", "http.uri.raw", "http.user_agent", "ja3.hash", "tls.cert_fingerprint",
            "file.name", "ip.src", "ip.dst", "dotprefix", "endswith", "bsize", "nocase", "distance", "within", "flow", "pcrexform", "dataset", "filemd5", "filesha1", "filesha256",
            "http_header", "http_raw_uri", "isdataat", "bufferlen"}
ADDR = r"\[(?:\d+\.\d+\.\d+\.\d+|[0-9a-f:.]*:[0-9a-f:.]*)(?:/\d+)?\]"
HEAD = re.compile(r"(alert|drop|reject) ([a-z0-9]+)(?: (\$HOME_NET|any|%s) (any|\d+) (->|<>) (\$HOME_NET|any|%s) (any|\d+))? \(" % (ADDR, ADDR))

ROOM = 5500  # a rule has 8,000 bytes, of which remarks may take 2,000


def split(text):
    """Head before the bracket, then keywords as pairs; None: no rule."""
    m = re.match(r"([^(]*)\(", text)
    if not m:
        return None
    rest, out = text[m.end():], []
    while True:
        rest = rest.lstrip(" ")
        if rest.startswith(")"):
            return (m.group(1), out) if rest[1:].strip() == "" else None
        k = re.match(r'((?:[^"\\;]|\\.|"(?:[^"\\]|\\.)*")*);', rest, re.S)
        if not k:
            return None
        name, _, value = k.group(1).partition(":")
        out.append((name.strip(" "), value.strip(" ")))
        rest = rest[k.end():]


def strict(line):
    """A rule of ours, taken apart; each sign that it may not have is a fault."""
    need(len(line) <= 8000, "a line of %d bytes" % len(line))
    need(all(c >= " " and c != "\x7f" for c in line), "control characters")
    m = HEAD.match(line)
    need(m, "head: %r" % line[:200])
    parts = split(line)
    need(parts, "keywords: %r" % line[-300:])
    for name, value in parts[1]:
        need(name in KEYWORDS, "keyword %r: %r" % (name, line[:300]))
        if name == "content":
            need(re.fullmatch(r'"(?:[^"\\:;|]|\|[0-9A-F]{2}(?: [0-9A-F]{2})*\|)+"(?:,(?:nocase|(?:offset|depth|distance|within) \d+))*', value) and not "" == value, value)
        elif name == "msg":
            need(re.fullmatch(r'"[^"\\:;|()]*"', value), value)
        elif '"' in value:
            need(name == "pcrexform", value)
    return m, parts[1]


def content(value):
    text = re.match('"(.*)"', value).group(1)
    out = b""
    for i, piece in enumerate(text.split("|")):
        out += bytes.fromhex(piece) if i % 2 else piece.encode()
    return out


def meaning(line, base):
    """What a rule looks for: head without action, then buffers with the bytes that must be there, and the rest."""
    m, words = strict(line)
    names = [w[0] for w in words]
    need(names[-2:] == ["sid", "rev"] and names.count("sid") == 1 and "classtype" in names, line)
    sid = int(dict(words)["sid"])
    need(base <= sid < 2 ** 32 and sid < base + 8 * 2 ** 28, "sid %d" % sid)
    out, here = [m.group(0).split(" ", 1)[1][:-2]], b""
    for name, value in words:
        if name == "content":
            here += content(value)
            extra = re.sub(r'^".*"', "", value)
            if extra and "distance" not in extra:
                out.append(extra)
        elif name in ("distance", "within") and len(here) > 200:
            continue
        elif name in ("msg", "classtype", "priority", "metadata", "sid", "rev"):
            continue
        else:
            if here:
                out.append(here.decode("utf-8", "surrogateescape"))
                here = b""
            out.append(name + (":" + value if value else ""))
    if here:
        out.append(here.decode("utf-8", "surrogateescape"))
    return tuple(out), sid


def foreign(text, snort):
    """What a stranger's rules must become: heads and keywords of each, or None."""
    out = []
    text = re.sub(r"[ \t\r]*\\[ \t\r]*\n[ \t\r]*", "", text)
    for line in text.split("\n"):
        line = line.replace("\t", " ").strip()
        if not line or line.startswith("#"):
            continue
        if len(line.encode("utf-8", "surrogatepass")) > ROOM:
            return "maybe"
        if any(ord(c) < 32 or ord(c) == 127 for c in line):
            return None
        parts = split(line)
        if not parts:
            return None
        head = parts[0].split()
        if not head or head[0].lower() not in ACTIONS or not all(re.fullmatch(r"[A-Za-z0-9$!_.:/,\[\]<>-]+", w) for w in head):
            return None
        if any(("<" in w or ">" in w) and (i != 4 or len(head) != 7) for i, w in enumerate(head)) or not re.fullmatch(r"[A-Za-z0-9_-]+", head[1:2] and head[1] or ""):
            return None
        if any(w.count("[") != w.count("]") for w in head):
            return None
        if len(head) != 7 and not (snort and len(head) == 2):
            return None
        if len(head) == 7 and head[4] not in ("->", "<>"):
            return None
        # Suricata's own way to find the ends of keywords must give the same ones
        own = [k.strip() for k in re.split(r"(?<!\\);", line[line.index("(") + 1:])[:-1]]
        if [k.partition(":")[0].strip() for k in own] != [n for n, _ in parts[1]]:
            return None
        if any('"' in v and not re.fullmatch(r'! *"(?:[^"\\]|\\.)*" *(?:,[^"]*)?|"(?:[^"\\]|\\.)*" *(?:,[^"]*)?', v) for _, v in parts[1]):
            return None
        words = [(n, v) for n, v in parts[1] if n.lower() not in ("sid", "gid", "rev")]
        if not words or any(n.lower() in REFUSED or not re.fullmatch(r"[\w.-]+", n) for n, _ in words):
            return None
        out.append(("foreign", " ".join(head[1:]), tuple(words)))
    return out if out and len(out) <= 8 else None


def parse(text, params):
    snort = params.get("_") == "snort"
    base = int(params.get("base", "2100000000"))
    out, sids = Counter(), Counter()
    try:
        import suricataparser
    except ImportError:
        suricataparser = None
    for line in lines_of(text):
        if suricataparser and not snort:
            need(suricataparser.parse_rule(line) is not None, "suricataparser: %r" % line)
        if "tocsin_event" in line:
            what, sid = meaning(line, base)
            out[what] += 1
        elif re.search(r"dataset:isset,tocsin-|file(md5|sha1|sha256):\S*tocsin-", line):
            strict(line)
            sid = int(re.search(r"sid:(\d+);", line).group(1))
            need(base - 100 <= sid < base, "sid of a set: %d" % sid)
        else:
            need(HEAD.match(line) or re.match(r"(alert|drop|reject) ", line), line)
            head, words = split(line)
            need(words[-1] == ("rev", "1") and words[-2][0] == "sid" and not {n for n, _ in words} & REFUSED, line)
            out[("foreign", " ".join(head.split()[1:]), tuple(words[:-2]))] += 1
            sid = int(words[-2][1])
            need(base <= sid < base + 8 * 2 ** 28, "sid %d" % sid)
        sids[sid] += 1
    need(not sids or max(sids.values()) == 1, "numbers twice: %s" % sids.most_common(2))
    return out


def percent(path):
    return "".join(c if 32 < ord(c) < 127 else "".join("%%%02X" % b for b in c.encode()) for c in path)


def ip_parts(kind, value):
    if kind == "ip":
        return value, "any"
    addr, _, port = value.rpartition(":")
    return addr.strip("[]"), port


SIMPLE = {"user-agent": ["http any any -> any any|http.user_agent"], "ja3": ["tls any any -> any any|ja3.hash"], "cert-sha1": ["tls any any -> any any|tls.cert_fingerprint"],
          "filename": ["http any any -> any any|file.name", "smtp any any -> any any|file.name", "smb any any -> any any|file.name"]}
IN_SETS = {"domain", "hostname", "user-agent", "ja3", "cert-sha1", "filename"}


def size(text):
    return len(text.encode())


def escaped(text):
    """How long the bytes are in a rule, about."""
    return sum(1 if 32 <= b < 127 and chr(b) not in '\\":;|' else 3 for b in text.encode())


def suricata_key(kind, value, params):
    old = params.get("version") == "6"
    if params.get("datasets") == "yes" and (kind in IN_SETS - ({"filename"} if old else set()) or (kind == "ip" and "/" not in value and not old)):
        return []
    if kind == "suricata":
        return foreign(value, False)
    if kind in ("ip", "ip-port"):
        addr, port = ip_parts(kind, value)
        return [("ip?", addr, port)]
    if kind in ("domain", "hostname"):
        below = kind == "domain"
        text = "." + value if below else value
        out = []
        for head, buffer, nocase in (("dns any any -> any any", "dns.query", 1), ("tls $HOME_NET any -> any any", "tls.sni", 1), ("http $HOME_NET any -> any any", "http.host", 0)):
            one = [head, buffer] + (["dotprefix", text, "endswith"] if below else [text, "bsize:%d" % len(value)])
            out.append(tuple(one + (["nocase"] if nocase else [])))
        return out
    if kind == "url":
        parts = rows.http_split(value)
        if not parts or size(parts[2]) > 255:
            return None
        host = "".join(c.lower() if c < "\x80" else c for c in parts[2])
        path = percent(parts[4] if parts[4].startswith("/") else "/" + parts[4])
        if escaped(path) + escaped(host) > ROOM:
            return "maybe"
        return [("http $HOME_NET any -> any any", "http.host", host, "bsize:%d" % size(host), "http.uri.raw", path, "bsize:%d" % len(path))]
    if kind in SIMPLE:
        if kind == "filename" and old:
            return None
        text = ":".join(re.findall("..", value)) if kind == "cert-sha1" else value
        if escaped(text) > ROOM:
            return "maybe"
        return [tuple(s.split("|")) + (text, "bsize:%d" % size(text)) for s in SIMPLE[kind]]
    out = []
    for word, kinds in (("Subject", ("subject",)), ("MAIL FROM", ("email", "email-src")), ("RCPT TO", ("email", "email-dst"))):
        if kind in kinds:
            text = value.encode()[:200].decode("utf-8", "surrogateescape")
            out.append(("smtp any any -> any any", "flow:established,to_server", word + ":", "nocase", text, "nocase", "distance:0", "within:%d" % (min(size(value), 200) + 8)))
    return out


def snort_key(kind, value, params):
    if kind == "snort":
        return foreign(value, True)
    if kind in ("ip", "ip-port"):
        addr, port = ip_parts(kind, value)
        return [("ip?" if kind == "ip" else "tcp?", addr, port)]
    if kind in ("domain", "hostname"):
        wire = "".join(chr(len(l)) + l for l in value.split(".")) + "\0"
        out = [("udp $HOME_NET any -> any 53", ",nocase" + (",offset 12,depth %d" % min(len(wire), 200) if kind == "hostname" else ""), wire),
               ("http", "http_header:field host", ",nocase", value, "bufferlen:%d" % len(value))]
        return out + ([("http", "http_header:field host", ",nocase", "." + value, "isdataat:!1,relative")] if kind == "domain" else [])
    if kind == "url":
        parts = rows.http_split(value)
        if not parts or size(parts[2]) > 255:
            return None
        path = percent(parts[4] if parts[4].startswith("/") else "/" + parts[4])
        if escaped(path) + escaped(parts[2]) > ROOM:
            return "maybe"
        return [("http", "http_header:field host", ",nocase,depth %d" % min(size(parts[2]), 200), parts[2], "http_raw_uri", path, "bufferlen:%d" % len(path))]
    if escaped(value) > ROOM:
        return "maybe"
    return [("http", "http_header:field user-agent", value, "bufferlen:%d" % size(value))]


def settle(out):
    """Addresses: whichever direction, the address and port."""
    fixed = Counter()
    for what, n in out.items():
        m = len(what) == 1 and re.fullmatch(r"(ip|tcp) (?:\$HOME_NET any (?:->|<>) \[([^]]+)\] (\w+)|\[([^]]+)\] (\w+) -> \$HOME_NET any)", what[0])
        if m:
            addr = m.group(2) or m.group(4)
            ipaddress.ip_network(addr)
            fixed[(m.group(1) + "?", addr, m.group(3) or m.group(5))] += n
        else:
            fixed[what] += n
    return fixed


row("suricata-rules", parse=lambda t, p: settle(parse(t, p)), key=suricata_key,
    variants=({}, {"datasets": "yes", "folder": "sets/"}, {"version": "6", "datasets": "yes", "action": "drop"}, {"version": "6", "base": "5000"}))
row("snort3-rules", parse=lambda t, p: settle(parse(t, dict(p, _="snort"))), key=snort_key, variants=({}, {"base": "2147483647", "action": "drop"}))


def reputation(text, params):
    if params.get("part") == "manifest":
        need(text == "tocsin.blf,1,block\n", text)
        return Counter()
    return rows.ip_lines(text, params)


row("snort3-reputation", parse=reputation, key=lambda k, v, p: [] if p else [rows.net(v)], variants=({}, {"part": "manifest"}))
