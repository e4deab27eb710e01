"""A strict reader of IDS rules: the head, and the keywords that our exporters write, with their values.

Written from the manuals of Suricata and Snort, not from the exporter: what it refuses, an engine might
refuse. Rules that people shared may use other keywords, of which only the form is looked at.
"""
import ipaddress
import re

ACTIONS = {"alert", "drop", "pass", "reject", "rejectsrc", "rejectdst", "rejectboth", "log", "block", "sdrop"}
PROTOCOLS = {"ip", "tcp", "udp", "icmp", "http", "dns", "tls", "ftp", "ssh", "smtp", "ip4", "ip6", "tcp-pkt",
             "http2", "smb", "any"}
NETS = {"any", "$HOME_NET", "$EXTERNAL_NET", "$SMTP_SERVERS", "$HTTP_SERVERS", "!$HOME_NET"}
PORTS = {"any", "$HTTP_PORTS", "$SSH_PORTS", "[20,21]"}
CLASSES = {"trojan-activity"}
FLAGS = {"nocase", "fast_pattern", "http.header", "http.uri", "http_header", "http_uri", "http_user_agent",
         "dns.query", "tls.sni", "ja3.hash"}
RULE_MAX, CONTENT_MAX = 8191, 255


class Bad(Exception):
    pass


def need(good, why):
    if not good:
        raise Bad(why)


def address(text):
    if text in NETS:
        return
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as e:
        raise Bad("address %r: %s" % (text, e)) from None


def port(text):
    need(text in PORTS or (text.isdigit() and int(text) < 65536), "port %r" % text)


def options(text):
    """Split at semicolons that no backslash guards, as the engines do: quotes do not guard them."""
    out, cur, i = [], "", 0
    while i < len(text):
        c = text[i]
        if c == "\\" and i + 1 < len(text):
            cur += text[i:i + 2]
            i += 2
            continue
        if c == ";":
            out.append(cur.strip())
            cur = ""
        else:
            cur += c
        i += 1
    need(not cur.strip(), "no ; behind %r" % cur[:60])
    return out


def quoted(value):
    need(len(value) > 1 and value[0] == value[-1] == '"', "not quoted: %r" % value[:60])
    inner = value[1:-1]
    need(not re.search(r'(?<!\\)(?:\\\\)*"', inner), "a quote inside of %r" % value[:60])
    return inner


def message(value):
    """Engines read it to the last quote: names of tags hold some, as MISP's do."""
    need(len(value) > 1 and value[0] == value[-1] == '"', "not quoted: %r" % value[:60])
    need(not re.search(r"\\[^\\:;\"]", value), "escaped without need: %r" % value[:60])


def content(value):
    """The bytes that are looked for; 1 to 255 of them."""
    inner = quoted(value.lstrip("!").strip())
    parts = inner.split("|")
    need(len(parts) % 2 == 1, "an open hexadecimal part in %r" % inner[:60])
    n = 0
    for i, p in enumerate(parts):
        if i % 2:
            need(re.fullmatch(r"(\s*[0-9A-Fa-f]{2}\s*)+", p), "hexadecimal %r" % p[:60])
            n += len(re.sub(r"\s", "", p)) // 2
        else:
            need(not re.search(r'[;:"](?<!\\.)', p) or "\\" in p or ":" in p, "unguarded in %r" % p[:60])
            n += len(re.sub(r"\\(.)", r"\1", p).encode("utf-8", "surrogateescape"))
    need(0 < n <= CONTENT_MAX, "content of %d bytes" % n)


def pcre(value):
    m = re.fullmatch(r"/(.*)/([a-zA-Z]*)", quoted(value), re.S)
    need(m, "expression %r" % value[:60])
    need(set(m[2]) <= set("ismxAEGRUIPHDMCOBKSYV"), "flags %r" % m[2])
    try:
        re.compile(m[1])
    except re.error as e:
        raise Bad("expression %r: %s" % (value[:60], e)) from None


def number(value):
    need(value.isdigit() and int(value) < 1 << 32, "number %r" % value)


KEYWORDS = {
    "msg": message, "content": content, "pcre": pcre, "sid": number, "rev": number, "priority": number,
    "depth": number, "offset": number, "within": number,
    "classtype": lambda v: need(v in CLASSES, "class %r" % v),
    "reference": lambda v: need(re.fullmatch(r"url,[\x21-\x7e]+", v), "reference %r" % v),
    "flow": lambda v: need(set(re.split(r"\s*,\s*", v)) <= {"established", "to_server", "to_client", "stateless"},
                           "flow %r" % v),
    "tag": lambda v: need(re.fullmatch(r"session,\d+,seconds", v), "tag %r" % v),
    "app-layer-protocol": lambda v: need(v in PROTOCOLS, "protocol %r" % v),
}


def rule(line, shared=False):
    """Refuse what an engine might; the sid. `shared`: somebody else's, with keywords of any name."""
    need(len(line.encode("utf-8", "surrogateescape")) <= RULE_MAX, "a rule of %d bytes" % len(line))
    need(not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line), "control characters")
    m = re.fullmatch(r"(\S+) (\S+) (\S+) (\S+) (->|<>) (\S+) (\S+) +\((.*)\) ?", line, re.S)
    need(m, "head")
    need(m[1] in ACTIONS, "action %r" % m[1])
    need(shared or m[2] in PROTOCOLS, "protocol %r" % m[2])
    address(m[3])
    port(m[4])
    address(m[6])
    port(m[7])
    seen = {}
    for o in options(m[8]):
        key, colon, value = o.partition(":")
        key, value = key.strip(), value.strip()
        need(re.fullmatch(r"[A-Za-z0-9_.-]+", key), "keyword %r" % key[:60])
        if key in KEYWORDS:
            need(colon, "%s without a value" % key)
            KEYWORDS[key](value)
        else:
            need(shared or (key in FLAGS and not colon), "keyword %r" % key)
        seen.setdefault(key, value)
    for key in ("msg", "sid", "rev", "classtype"):
        need(key in seen, "no %s" % key)
    return int(seen["sid"])
