"""
Programs that read the files. check(format, text, params, folder) raises Rejected when one finds a fault, and
returns what could not be tried, or None.
"""
import os
import shutil
import subprocess

TABLE = {}


class Rejected(Exception):
    pass


class Missing(Exception):
    pass


def by(*names):
    def put(fn):
        for name in names:
            TABLE.setdefault(name, []).append(fn)
        return fn
    return put


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin")
    if not path:
        raise Missing("no " + name)
    return path


def run(*args, stdin=None, good=(0,), quiet=()):
    """Runs a program: its code must be good, and none of the words `quiet` in what it says."""
    p = subprocess.run(args, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300)
    said = p.stdout.decode(errors="replace")
    if p.returncode not in good or any(w in said.lower() for w in quiet):
        raise Rejected("%s ended with %d: %s" % (os.path.basename(args[0]), p.returncode,
            "\n".join([l for l in said.splitlines() if any(w in l.lower() for w in quiet)][:5]) or said[-1500:]))
    return said


def put(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def check(name, text, params, folder):
    missing = []
    for fn in TABLE.get(name, ()):
        try:
            fn(text, params, folder)
        except Missing as e:
            missing.append("%s: %s" % (name, e))
    return "; ".join(missing) or None


# ---- resolvers ----


@by("rpz")
def named_checkzone(text, params, folder):
    zone = params.get("zone", "tocsin.rpz")
    run(program("named-checkzone"), "-k", "ignore", "-i", "local", zone, put(folder, "zone", text), quiet=("warning", "bad", "out of zone"))


@by("rpz")
def knot(text, params, folder):
    zone = params.get("zone", "tocsin.rpz")
    conf = 'server:\n    rundir: "%s"\ndatabase:\n    storage: "%s"\nzone:\n  - domain: %s\n    file: "%s"\n    semantic-checks: on\n' % (
        folder, folder, zone, put(folder, "zone", text))
    run(program("knotc"), "-c", put(folder, "knot.conf", conf), "zone-check", zone, quiet=("error", "warning", "failed"))


def ask(port, name):
    """The code of the answer to a question for an address; None while there is none."""
    import socket
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        try:
            s.connect(("127.0.0.1", port))
            s.send(question)
            return s.recv(4096)[3] & 15
        except OSError:
            return None


def free_port():
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@by("rpz")
def unbound_rpz(text, params, folder):
    """Unbound reads a policy zone only when it runs: started, asked for names of the zone and for others."""
    import re
    import time
    if params:
        return
    program("unbound-checkconf")
    port = free_port()
    conf = ('server:\n chroot: ""\n directory: "%s"\n username: ""\n pidfile: ""\n use-syslog: no\n logfile: ""\n interface: 127.0.0.1@%d\n port: %d\n do-tcp: no\n'
            ' module-config: "respip iterator"\n local-zone: "not-listed.test." refuse\nremote-control:\n control-enable: no\nrpz:\n name: tocsin.rpz\n zonefile: "%s"\n') % (
                folder, port, port, put(folder, "zone", text))
    names = re.findall(r"^([a-z0-9_.-]+) CNAME \.$", text, re.M)
    names = [n for n in names if "rpz-" not in n]
    log = open(os.path.join(folder, "unbound.log"), "w+b")
    daemon = subprocess.Popen([program("unbound"), "-d", "-c", put(folder, "unbound.conf", conf)], stdout=log, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 60
        while ask(port, names[0]) is None and daemon.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        wrong = [n for n in names[:: max(1, len(names) // 40)] + names[-1:] if ask(port, n) != 3]
        other = ask(port, "not-listed.test")
    finally:
        daemon.terminate()
        daemon.wait(30)
        log.seek(0)
        said = log.read().decode(errors="replace")
        log.close()
    if wrong or other != 5 or "error" in said or "warning" in said:
        raise Rejected("unbound: not blocked %s, another name %s: %s" % (wrong[:5], other, said[-800:]))


@by("unbound")
def unbound(text, params, folder):
    run(program("unbound-checkconf"), put(folder, "unbound.conf", 'server:\n chroot: ""\n directory: "%s"\n username: ""\n pidfile: ""\n' % folder + text),
        quiet=("warning:", "error:"))


@by("dnsmasq")
def dnsmasq(text, params, folder):
    run(program("dnsmasq"), "--test", "--conf-file=" + put(folder, "dnsmasq.conf", text))


# ---- packet filters ----


def namespace(*args, **kw):
    """In a network namespace of its own; told as missing when that is not permitted."""
    unshare = program("unshare")
    if subprocess.run([unshare, "-n", "true"], capture_output=True, check=False).returncode:
        raise Missing("no network namespace")
    return run(unshare, "-n", *args, **kw)


@by("nftables")
def nft(text, params, folder):
    nft_ = program("nft")
    if subprocess.run([program("unshare"), "-n", nft_, "list", "ruleset"], capture_output=True, check=False).returncode:
        raise Missing("nft is not permitted")
    namespace(nft_, "-c", "-f", put(folder, "set.nft", text))


@by("ipset")
def ipset(text, params, folder):
    """In a namespace; kernels without ipset leave the strict reader of rows.py alone."""
    tool = program("ipset")
    if subprocess.run([program("unshare"), "-n", tool, "create", "x", "hash:net"], capture_output=True, check=False).returncode:
        raise Missing("the kernel has no ipset, or it is not permitted")
    namespace(tool, "restore", "-file", put(folder, "set.ipset", text))


# ---- proxies ----


def squid(text, folder, acl):
    run(program("squid"), "-k", "parse", "-f", put(folder, "squid.conf", 'acl bad %s "%s"\nhttp_access deny bad\nhttp_port 3128\npid_filename none\n' % (
        acl, put(folder, "list", text))), quiet=("warning: empty", "subdomain", "error:", "fatal:", "bungled", "invalid", "skipping"))


@by("squid-domain")
def squid_domain(text, params, folder):
    squid(text, folder, "dstdomain")


@by("squid-url")
def squid_url(text, params, folder):
    squid(text, folder, "url_regex")


HAPROXY = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nfrontend f\n bind 127.0.0.1:1\n http-request set-var(txn.pq) pathq\n http-request deny if { %s }\n"
FETCH = {"ip": "src", "domain": "str(.),concat(,txn.pq)", "hostname": "req.hdr(host),host_only,lower", "url": "req.hdr(host),host_only,lower,concat(,txn.pq)"}


@by("haproxy-acl")
def haproxy_acl(text, params, folder):
    data = params.get("data", "domain")
    how = "-m end " if data == "domain" else ""
    conf = HAPROXY % ("%s %s-f %s" % (FETCH[data], how, put(folder, "list.acl", text)))
    run(program("haproxy"), "-c", "-f", put(folder, "haproxy.cfg", conf), quiet=("alert", "warning"))


@by("haproxy-map")
def haproxy_map(text, params, folder):
    data = params.get("data", "domain")
    how = {"ip": "map_ip", "domain": "map_end"}.get(data, "map_str")
    conf = HAPROXY % ("%s,%s(%s) -m found" % (FETCH[data], how, put(folder, "list.map", text)))
    run(program("haproxy"), "-c", "-f", put(folder, "haproxy.cfg", conf), quiet=("alert", "warning"))


SIZES = "map_hash_bucket_size 512;\n map_hash_max_size 1048576;\n "


def nginx(folder, block):
    conf = "pid %s/pid;\nerror_log stderr;\nevents {}\nhttp {\n access_log off;\n %s\n}\n" % (folder, block)
    run(program("nginx"), "-t", "-c", put(folder, "nginx.conf", conf), "-p", folder, quiet=("[warn]", "[emerg]"))


@by("nginx-map")
def nginx_map(text, params, folder):
    nginx(folder, SIZES + 'map $host $bad { hostnames; default 0; include %s; }' % put(folder, "list.conf", text))


@by("nginx-geo")
def nginx_geo(text, params, folder):
    nginx(folder, 'geo $bad { default 0; include %s; }' % put(folder, "list.conf", text))


# ---- scanners ----


def clamscan(text, folder, ext):
    """What is found of a file is what was written for it."""
    import hashlib
    body = b"tocsin test"
    digest = (hashlib.md5 if ext == "hdb" else hashlib.sha256)(body).hexdigest()
    base = put(folder, "list." + ext, text + "%s:*:Tocsin.this-file:73\n" % digest)
    said = run(program("clamscan"), "--no-summary", "-d", base, put(folder, "sample", body), good=(1,), quiet=("warning", "error", "malformed"))
    if "Tocsin.this-file" not in said:
        raise Rejected(said)


@by("clamav-hdb")
def clamav_hdb(text, params, folder):
    clamscan(text, folder, "hdb")


@by("clamav-hsb")
def clamav_hsb(text, params, folder):
    clamscan(text, folder, "hsb")


@by("yara-rules")
def yara(text, params, folder):
    run(program("yara"), put(folder, "list.yar", text), put(folder, "sample", "x"), quiet=("error",))


@by("sigma")
def sigma(text, params, folder):
    try:
        from sigma.collection import SigmaCollection
    except ImportError as e:
        raise Missing("no pysigma") from e
    try:
        rules = SigmaCollection.from_yaml(text)
    except Exception as e:  # noqa: BLE001
        raise Rejected("pysigma: %s" % e) from e
    if rules.errors or len(rules.rules) != text.count("---\n"):
        raise Rejected("pysigma: %d rules of %d, %s" % (len(rules.rules), text.count("---\n"), rules.errors))
