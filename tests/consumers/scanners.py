"""scanners.py - ClamAV and YARA find a listed file in a folder of uploads, and no other."""
import os

from machine import need, ok, same
from published import RED, SAMPLE, Consumer


def uploads(m):
    for name, data in (("listed", SAMPLE), ("red", RED), ("new", b"new sample"), ("fine", b"nothing\n")):
        m.write("/srv/uploads/" + name, data.decode())


def clamav(hub, root):
    m = Consumer(hub, root, "sensors/clamav.md")
    need("clamscan")
    uploads(m)
    os.makedirs(m.path("/var/lib/clamav"))
    m.script("clamdscan", "echo \"$@\" >>%s" % m.path("/run/clamdscan.log"))
    m.at_node(m.page)
    fetch, scan = m.page.at_consumer()

    def found():
        said = m.sh(scan).stdout
        return sorted(l.split(":")[0].rsplit("/", 1)[1] for l in said.splitlines() if l.endswith(" FOUND"))

    m.fetch(blocks=[fetch])
    same(found(), ["listed"], "clamav.md: the listed file is found, and no other")
    same(m.read("/run/clamdscan.log"), b"--reload\n" * 2, "clamav.md: the daemon would be told")
    m.turns("clamav-sha", "hash", lambda: "new" in found(), fetch=lambda: m.fetch(blocks=[fetch]))


def yara(hub, root):
    m = Consumer(hub, root, "sensors/yara.md")
    need("yara", "yarac")
    uploads(m)
    m.at_node(m.page)
    if not hub.holds("yara", "tocsin sample, listed"):
        ok(hub.api.get("/exports/yara").body == b"", "yara.md: a node without libyara gives none")
        return
    fetch, scan = m.page.at_consumer()

    def found():
        return sorted(l.rsplit("/", 1)[1] for l in m.sh(scan).stdout.splitlines() if "/" in l)

    m.fetch(blocks=[fetch])
    same(found(), ["listed"], "yara.md: the listed file matches, and no other")
    m.turns("yara", "yara", lambda: "new" in found(), "new sample", lambda: m.fetch(blocks=[fetch]))
