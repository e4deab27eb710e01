"""Indicators for the tests: hostile values of each kind, then as many ordinary ones as wanted."""
import random

SHELL = ["$(reboot)", "`id`", "; rm -rf /;", "%n%s", "${HOME}", "a\tb", "a\nb", "a\r\nInjected: 1", "\x00", "a\x00b",
         "-i", "--", "-e", "!x", "#comment", "// x", "/* x */", "\\", "\\x41", "\\\"", "\"", "'", "''", "\"\"", "|", "||",
         "<b>", "&amp;", "*", "?", "[a]", "{a}", "(a)", "^a$", "a,b", "a:b", "a;b", "a|b", "a=b", "a b", " a ", "-", "(empty)",
         "default", "NULL", "\u00e9\u4e2d\U0001f600", "\u202e\u200b", "\ufeffx", "\x7f", "\x1b[31m", "x" * 300, "x" * 5000,
         "a\\", "trailing\\\\", "%0a", "%00", "|41 42|", "|0", "\\|", "\";)", "msg:\"x\"; sid:1;", "..", ".", "/", "\\\\"]

NAMES = ["evil.example", "EVIL.Example.", "b\u00fccher.example", "xn--bcher-kva.example", "*.star.example", "a" * 63 + ".example",
         "a" * 64 + ".example", ".".join(["abcdefgh"] * 28) + ".ex", ".".join(["abcdefgh"] * 27) + ".ex",
         ".".join(["a" * 60] * 4) + ".example", "-lead.example", "trail-.example", "_dmarc.example", "a..b.example", ".example",
         "evil", "1.2.3.4", "1.2.3.4.example", "32.1.2.0.192.rpz-ip", "0.0.0.0.0.rpz-ip", "evil.rpz-nsdname", "x.rpz-passthru",
         "com.", "co.uk", "evil.example;x", "evil.example\n@ SOA", "evil.example /etc", "$include.example", "$ORIGIN.example", "@.example",
         "localhost", "localhost.localdomain", "default.example", "a\"b.example", "a\\b.example", "a/b.example", "a*b.example",
         "sub.evil.example", "deep.sub.evil.example", "evil.example.", "\u0438\u0441\u043f\u044b\u0442\u0430\u043d\u0438\u0435.example",
         "fa\u00df.example", "x" * 250 + ".a", "0.example", "0x7f.1", "1e3.example", "a_b.example", "true.example", "no.example"]

IPS = ["192.0.2.1", "192.0.2.1/32", "192.0.2.0/24", "192.0.2.77/24", "192.0.2.128/25", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0",
       "0.0.0.0", "0.0.0.0/1", "255.255.255.255", "01.2.3.4", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4 ", "2001:db8::1",
       "2001:DB8:0:0:0:0:0:1", "2001:db8::/32", "2001:db8:1::/48", "2001:db8::1/128", "::", "::1", "::/0", "::ffff:192.0.2.9", "::192.0.2.9",
       "::ffff:0:0/96", "fe80::1%eth0", "1::", "1:2:3:4:5:6:7:8", "1:0:0:4:0:0:0:8", "64:ff9b::192.0.2.33", "2001:db8::1; flush", "1.2.3.4\n5.6.7.8",
       "ff02::/16", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8"]

URLS = ["http://evil.example/", "http://evil.example", "https://evil.example/a/b?c=d&e=f#frag", "evil.example/path", "HTTP://EVIL.example/X",
        "http://evil.example:8080/x", "http://user:pw@evil.example/x", "http://192.0.2.5/x.exe", "http://[2001:db8::5]:81/x", "http://[2001:db8::5", "http://",
        "ftp://evil.example/f", "http://evil.example/;x", "http://evil.example/a b\"c'd", "http://evil.example/$(id)", "http://evil.example/`id`",
        "http://evil.example/%00%0a", "http://evil.example/a|b", "http://evil.example/\\..\\x", "http://evil.example/*", "http://*.evil.example/^",
        "http://evil.example/(a|b)+[c]{2}.d?e^f$", "http://b\u00fccher.example/\u00e9", "http://evil.example/\u202e", "http://evil.example/a\tb", "http://evil.example/a\nb",
        "http://evil.example/" + "x" * 240, "http://evil.example/" + "y" * 1500, "http://evil.example/" + "z" * 7000, "http://evil.example/" + ";" * 1500,
        "http://evil.example/?q=1", "http://evil.example?q=1", "http://evil.example#x", "//evil.example/x", "-i", "--", "#x", "http://a,b/c,d", "http://a:b:c/", "javascript:alert(1)", "mailto:a@evil.example", "smb://192.0.2.9/share/x.exe", "https://u@b\u00fccher.example:8443/p", "b\u00fccher.example/x", "http://\u00fc\u00fc..x/",
        "http://evil.example/\"; sid:1; msg:\"", "http://evil.example/{a}<b>", "http://x/'\"'", "http://evil.example/\x00", "hxxp://evil.example/x", "http://evil.example/!\"#", "!evil.example/x"]

LINES = SHELL + ["Mozilla/5.0 (X11; Linux; rv:1.0) \"x\"; sid:1", "C:\\Windows\\x41.exe", "/tmp/a b;c", "update.exe", "invoice.pdf.exe", "Re: your \"invoice\"; pay", "\u0444\u0430\u0439\u043b.doc"]
EMAILS = ["a@evil.example", "\"a b\"@evil.example", "A@B.Example", "a;b@c.example", "a'b@c.example", "@x", "x@", "x", "a@b@c", "a\nb@c.example", "a|b@c.example", "a@[192.0.2.1]", "\u00e9@\u00e9.example", "a\"b@c.example", "a:b@c.example", "<a@b.example>", "-a@b.example"]
RULES = {
    "suricata": [
        'alert http any any -> any any (msg:"a"; content:"x"; sid:1; rev:3;)',
        'alert tcp $HOME_NET any -> [1.2.3.4,5.6.7.0/24] [80,443:500] (msg:"quoted \\"x\\"; and ;"; flow:established,to_server; content:"a|3b 22|b"; pcre:"/a\\;b/i"; classtype:trojan-activity; gid:3; sid:2000001; rev:1; metadata:a b, c d;)',
        'drop dns any any -> any 53 (msg:"d"; dns.query; content:"evil.example"; nocase; endswith; sid:5;)',
        'pass ip any any -> any any (msg:"hide everything"; sid:6;)',
        'alert tcp any any -> any any (msg:"lua"; lua:evil.lua; sid:7;)',
        'alert tcp any any -> any any (msg:"writes"; http.uri; dataset:set,x,type string,save /etc/passwd; sid:8;)',
        'alert tcp any any -> any any (msg:"no end"; sid:9;', 'alert tcp any any -> any any', 'alert tcp any any (msg:"x"; sid:1;)', 'garbage', '# alert tcp any any -> any any (sid:1;)',
        'alert tcp any any -> any any (msg:"two"; sid:1;)\nalert tcp any any -> any any (msg:"lines"; sid:1;)', 'alert tcp any any -> any any (msg:"x"; sid:1;) trailing',
        'alert tcp any any -> any any (msg:"no sid"; content:"y";)', 'alert tcp any any -> any any (msg:"unclosed; sid:1;)', 'alert tcp any any -> any any \\\n(msg:"continued"; \\\ncontent:"z"; sid:1;)',
        '\ufeffalert tcp any any -> any any (msg:"bom"; sid:1;)', 'alert tcp any any -> any any (msg:"tab\there"; sid:4294967296;)', 'alert  tcp  any  any  <>  any  any  ( msg : "spaces" ; sid : 3 ; )',
        'alert tcp any any -> any any (msg:"store"; filestore; sid:3;)', 'alert tcp any any -> any any (msg:"rep"; filemd5:/etc/shadow; sid:3;)', 'alert tcp !$HOME_NET !80 -> any ![1:5] (msg:"neg"; content:!"x"; sid:3;)'],
    "snort": [
        'alert tcp $EXTERNAL_NET any -> $HOME_NET 80 (msg:"a"; flow:to_server; content:"x"; http_uri; reference:url,evil.example/a; classtype:trojan-activity; sid:1; rev:1;)',
        'alert http ( msg:"snort3"; flow:to_server,established; http_uri; content:"/x",fast_pattern,nocase; service:http; sid:1000001; rev:1; )',
        'pass ip any any -> any any (msg:"hide"; sid:3;)', 'alert ip any any -> any any (msg:"x"; sid:1', 'block tcp any any -> any any (msg:"b"; content:"q"; sid:2;)',
        'alert file ( msg:"f"; file_data; content:"MZ"; sid:4; )'],
    "yara": [
        'rule a { strings: $a = "x" condition: $a }', 'rule a { condition: true }', 'rule b : tag1 tag2 { meta: x = "y" strings: $h = { 4D 5A ?? [2-4] (90|91) } $r = /a{b}\\/c/i condition: any of them }',
        'import "pe"\nrule c { condition: pe.is_pe }', 'rule d { condition: e }', 'rule d { condition: true } rule e { condition: d }', 'private rule f { condition: false } global rule g { condition: true }',
        'include "/etc/passwd"\nrule h { condition: true }', 'rule i { strings: $a = "unclosed condition: $a }', 'rule j { condition: filesize > 10MB and // } comment\n true }', 'rule k { /* } */ condition: true }',
        'not a rule', 'rule l {', 'rule m { condition: nothing.there }', 'import "cuckoo"\nrule n { condition: true }', 'rule true { condition: true }', 'rule o { strings: $a = "rule x { condition: true }" condition: $a }',
        'rule p { strings: $a = { 41 // comment }\n 42 } condition: $a }', 'rule q { condition: x == 1 }', "rule r { strings: $a = /x\\/}/ condition: $a }", "rule s { strings: $u = \"\u00e9\" condition: $u }"],
    "sigma": [
        'title: a\nlogsource:\n  category: process_creation\n  product: windows\ndetection:\n  sel:\n    Image|endswith: \\\\evil.exe\n  condition: sel\n',
        'title: b\nid: 11111111-1111-4111-8111-111111111111\nstatus: test\nlogsource:\n  product: linux\ndetection:\n  k:\n    - one\n    - two\n  condition: k\nlevel: high\n',
        'title: two\n---\ntitle: docs\n', 'not: a rule', '- list', 'title: x\ndetection: {', 'title: x\nlogsource: {product: x}\ndetection: {a: {b: c}, condition: a}', 'a: &a [1]\nb: *a\ntitle: x\nlogsource: {product: x}\ndetection: {condition: a}',
        '---\ntitle: c\nlogsource:\n  product: aws\ndetection:\n  s:\n    x: "y: z # w"\n  condition: s\n...\n', 'title: d\nlogsource:\n\tproduct: tab\ndetection:\n  condition: x\n', '!!python/object:os.system x'],
    "zeek": ['signature a { ip-proto == tcp payload /x/ event "x" }', 'event zeek_init() { system("id"); }'],
}
KINDS_HEX = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128, "ja3": 32, "cert-md5": 32, "cert-sha1": 40, "cert-sha256": 64, "jarm": 62}
KINDS_LINE = ["other-hash", "filename", "subject", "user-agent", "regkey", "mutex", "named-pipe", "community-id"]
KINDS_MAIL = ["email", "email-src", "email-dst"]
PEOPLE = ["plain text", "semi;colon \"quoted\" \\ back | pipe: colon", "tab\there\nand line\r\nbreaks\x00nul", "\u00e9\u4e2d \u202e", "x" * 2000, "", "-", "#", "<script>", "$(id) `id` %s", "a,b,\"c\"", "*/ } { (", "tlp:red"]


def hostile():
    out = []
    for kind in ("domain", "hostname"):
        out += [(kind, v) for v in NAMES + SHELL]
    out += [("ip", v) for v in IPS + SHELL]
    for v in IPS:
        out += [("ip-port", v + "|443"), ("ip-port", v + "|0"), ("ip-port", v + "|65536"), ("ip-port", v + "|80;x")]
    out += [("url", v) for v in URLS + SHELL]
    for kind, n in KINDS_HEX.items():
        out += [(kind, v) for v in ["a" * n, "A1" * (n // 2), "0" * n, "g" * n, "a" * (n - 1), "a" * (n + 1), " " + "b" * n + "\n", "c" * (n - 1) + ";"]]
    for kind in KINDS_LINE:
        out += [(kind, v) for v in LINES]
    for kind in KINDS_MAIL:
        out += [(kind, v) for v in EMAILS + SHELL]
    out += [("asn", v) for v in ["AS64500", "64500", "0", "4294967295", "4294967296", "as-1", "AS 1"]]
    for kind, rules in RULES.items():
        out += [(kind, v) for v in rules + SHELL]
    return out


def ordinary(rnd, n, kinds):
    out = []
    words = ["evil", "mail", "cdn", "login", "update", "a", "b-c", "x1", "xn--p1ai", "secure"]
    while len(out) < n:
        k = kinds[len(out) % len(kinds)]
        if k in ("domain", "hostname"):
            v = ".".join(rnd.choice(words) + str(rnd.randrange(50)) for _ in range(rnd.randrange(1, 4))) + "." + rnd.choice(["example", "test", "invalid"])
        elif k in ("ip", "ip-port"):
            v = ".".join(str(rnd.randrange(256)) for _ in range(4)) if rnd.random() < 0.6 else "2001:db8:%x:%x::%x" % tuple(rnd.randrange(65536) for _ in range(3))
            if k == "ip" and rnd.random() < 0.2:
                v += "/%d" % rnd.randrange(12, 33 if "." in v else 129)
            if k == "ip-port":
                v += "|%d" % rnd.randrange(1, 65536)
        elif k == "url":
            v = "http%s://%s%d.example/%x?q=%d" % (rnd.choice(["", "s"]), rnd.choice(words), rnd.randrange(99), rnd.getrandbits(64), rnd.randrange(9))
        elif k in KINDS_HEX:
            v = "%0*x" % (KINDS_HEX[k], rnd.getrandbits(KINDS_HEX[k] * 4))
        elif k in KINDS_MAIL:
            v = "%s%d@%s.example" % (rnd.choice(words), rnd.randrange(10 ** 6), rnd.choice(words))
        elif k == "asn":
            v = str(rnd.randrange(1, 2 ** 32))
        elif k == "suricata":
            v = 'alert tcp any any -> any any (msg:"r%d"; content:"%x"; sid:%d; rev:1;)' % (rnd.randrange(99), rnd.getrandbits(64), rnd.randrange(1, 9))
        elif k == "snort":
            v = 'alert tcp any any -> any 80 (msg:"s%d"; content:"%x"; sid:%d; rev:1;)' % (rnd.randrange(99), rnd.getrandbits(64), rnd.randrange(1, 9))
        elif k == "yara":
            v = 'rule r%d { strings: $a = "%x" condition: $a }' % (rnd.randrange(9), rnd.getrandbits(64))
        elif k == "sigma":
            v = 'title: t%d\nlogsource:\n  product: windows\ndetection:\n  s:\n    Image: "%x"\n  condition: s\n' % (rnd.randrange(9), rnd.getrandbits(64))
        elif k == "zeek":
            v = 'signature s%x { payload /x/ }' % rnd.getrandbits(32)
        else:
            v = "%s %x" % (rnd.choice(words), rnd.getrandbits(48))
        out.append((k, v))
    return out


def mutated(rnd, n, values):
    """Hostile values with pieces cut out, doubled, or of each other in them."""
    out = []
    while len(out) < n:
        kind, v = rnd.choice(values)
        for _ in range(rnd.randrange(1, 4)):
            a, b = sorted((rnd.randrange(len(v) + 1), rnd.randrange(len(v) + 1)))
            way = rnd.randrange(4)
            if way == 0:
                v = v[:a] + v[min(b, a + 4):]
            elif way == 1:
                v = v[:a] + rnd.choice(SHELL[:60] + list("()[]{};:,\"'\\|/<>!$#@*-. \t\n")) + v[a:]
            elif way == 2:
                v = v[:b] + v[a:b] + v[b:]
            else:
                v = v[:a] + v[a:a + 1].swapcase() + v[a + 1:]
        out.append((kind, v[:9000]))
    return out


ALL = ["domain", "hostname", "ip", "url", "ip-port", "domain", "md5", "sha1", "sha256", "ip"] + sorted(set(KINDS_HEX) - {"md5", "sha1", "sha256"}) + KINDS_LINE + KINDS_MAIL + ["asn", "suricata", "snort", "yara", "sigma", "zeek"]


class World:
    """Numbers are given once, so that an indicator keeps its own."""

    def __init__(self, seed=1):
        self.rnd = random.Random(seed)
        self.numbers = {}

    def line(self, kind, value):
        number = self.numbers.setdefault((kind, value), len(self.numbers))
        fixed = random.Random(number)
        text = [fixed.choice(PEOPLE).encode().hex() for _ in range(3)] + ["tlp:%s\nx y" % fixed.choice(["clear", "green", "red"])]
        text[3] = text[3].encode().hex()
        return "\t".join([kind, value.encode("utf-8", "surrogatepass").hex(), str(number), str(fixed.randrange(6)), str(fixed.randrange(4))] + text)

    def lists(self, n):
        """Two lists that share most: the hostile ones are split over both."""
        bad = hostile()
        rules = [v for v in bad if v[0] in RULES and len(v[1]) > 12]
        rest = ordinary(self.rnd, n, ALL) + mutated(self.rnd, n // 10, bad) + mutated(self.rnd, n // 10, rules)
        both = bad + rest
        old = [v for v in both if self.rnd.random() < 0.8]
        new = [v for v in both if self.rnd.random() < 0.8]
        return ([self.line(*v) for v in group] for group in (both, old, new))
