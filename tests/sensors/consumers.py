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
        raise Rejected("%s ended with %d: %s" % (os.path.basename(args[0]), p.returncode, said[-1500:]))
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
    run(program("kzonecheck"), "-o", zone, put(folder, "zone", text))


@by("rpz")
def unbound_rpz(text, params, folder):
    """Unbound reads the zone only when it runs: checkconf at least takes the configuration."""
    zone = params.get("zone", "tocsin.rpz")
    conf = 'server:\n chroot: ""\n directory: "%s"\n username: ""\n pidfile: ""\n module-config: "respip validator iterator"\nrpz:\n name: %s\n zonefile: "%s"\n' % (
        folder, zone, put(folder, "zone", text))
    run(program("unbound-checkconf"), put(folder, "unbound.conf", conf), quiet=("warning:", "error:"))


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
