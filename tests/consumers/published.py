"""published.py - what is published before anything is fetched, and what a consumer must do with it."""
import hashlib

from machine import TOP, Follow, Machine, Page, ok, wait_for


def digest(name, data):
    return hashlib.new(name, data).hexdigest()


SAMPLE, RED = b"tocsin sample, listed\n", b"tocsin sample, tlp:red\n"
YARA = 'rule listed { meta: author = "a \\"b\\"" strings: $a = "tocsin sample, listed" condition: $a }'
SIGMA = "title: listed\nlogsource:\n  category: process_creation\n  product: windows\ndetection:\n  sel:\n    Image|endswith: '\\evil.exe'\n  condition: sel\n"
SURICATA = 'alert http any any -> any any (msg:"theirs"; content:"evil"; sid:5; rev:2;)'
SNORT = 'alert tcp any any -> any 80 (msg:"theirs"; content:"evil"; sid:6; rev:1;)'
ATTRIBUTES = [
    ("domain", "evil.example"), ("hostname", "host.example"), ("url", "http://bad.example/a/b?c=d"), ("ip-dst", "198.51.100.7"), ("ip-src", "203.0.113.0/24"),
    ("ip-dst", "2001:db8:7::/48"), ("ip-dst|port", "198.51.100.8|4444"), ("md5", digest("md5", SAMPLE)), ("sha1", digest("sha1", SAMPLE)), ("sha256", digest("sha256", SAMPLE)),
    ("filename", "C:\\evil, \"x\".exe"), ("user-agent", "Evil/1.0 (x; \"y\")"), ("ja3-fingerprint-md5", digest("md5", b"ja3")),
    ("x509-fingerprint-sha1", digest("sha1", b"certificate")), ("email-src", "evil@mail.example"), ("email-subject", "Your \"invoice\"; pay"), ("regkey", "HKLM\\Software\\Evil"),
    ("mutex", "Global\\evil"), ("yara", YARA), ("sigma", SIGMA), ("snort", SURICATA)]
HELD = [("domain", "red.example"), ("hostname", "host.red.example"), ("url", "http://red.example/a"), ("ip-dst", "198.51.100.66"), ("md5", digest("md5", RED)), ("sha1", digest("sha1", RED)),
        ("sha256", digest("sha256", RED)), ("user-agent", "Red/1.0"), ("yara", YARA.replace("listed", "red", 1).replace("listed", "tlp:red"))]
# what may be looked for, but not acted upon
QUIET = [("domain", "quiet.example"), ("ip-dst", "198.51.100.77")]
NEW = {"name": ("domain", "new.example"), "address": ("ip-dst", "198.51.100.99"), "hash": ("sha256", digest("sha256", b"new sample")), "md5": ("md5", digest("md5", b"new sample")),
       "yara": ("yara", 'rule new { strings: $a = "new sample" condition: $a }')}


def publish(hub):
    hub.event(*ATTRIBUTES)
    hub.event(*HELD, tags=("tlp:red",))
    hub.event(*QUIET, tags=("tlp:green", "PAP:RED"))


class Consumer(Machine):
    """A machine for a page."""

    def __init__(self, hub, root, page):
        super().__init__(hub, root)
        self.page = Page(page)
        self.script("fetch-list", 'exec sh "%s/contrib/sensors/fetch-list" -k "%s" "$@"' % (TOP, self.path("/etc/tocsin/list.key")))
        for block in Page("sensors/README.md").at_consumer():
            self.run(block, "%s: as the README says" % page)

    def fetch(self, what="fetched, checked, told", blocks=None):
        """The page's lines for the consumer, as its timer runs them."""
        good = True
        for block in self.page.at_consumer() if blocks is None else blocks:
            good &= self.run(block, "%s: %s" % (self.page.name, what))
        return good

    def turns(self, export, kind, blocked, shown=None, fetch=None):
        """What is published is blocked (or found) after the next fetch, and free after its retraction."""
        type_, value = NEW[kind]
        shown = shown or value
        ok(not blocked(), "%s: %s is free" % (self.page.name, shown))
        number = self.hub.event((type_, value))
        ok(self.hub.holds(export, shown), "%s: %s is in the export" % (self.page.name, shown))
        (fetch or self.fetch)()
        ok(wait_for(blocked), "%s: %s is blocked after a fetch" % (self.page.name, shown))
        self.hub.delete(number)
        ok(self.hub.holds(export, shown, there=False), "%s: %s is retracted" % (self.page.name, shown))
        (fetch or self.fetch)()
        ok(wait_for(lambda: not blocked()), "%s: and free after the next one" % self.page.name)

    def followed(self, block, kind, blocked):
        """The same by `tocsin follow`, without a fetch."""
        type_, value = NEW[kind]
        with Follow(self, block) as f:
            number = self.hub.event((type_, value))
            ok(wait_for(blocked), "%s: followed, %s is blocked" % (self.page.name, value), f.said())
            self.hub.delete(number)
            ok(wait_for(lambda: not blocked()), "%s: and free when it is retracted" % self.page.name, f.said())
        ok(f.status == 0, "%s: the follower ends well" % self.page.name, f.status)
