"""Keys and signatures by gpg itself, in a folder of their own."""
import base64
import os
import re
import subprocess


class Ring:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, 0o700)

    def run(self, *args, data=None, check=True):
        argv = ["gpg", "--homedir", self.folder, "--batch", "--quiet", "--no-tty",
                "--pinentry-mode", "loopback", "--passphrase", ""]
        p = subprocess.run(argv + list(args), input=data, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        if check and p.returncode:
            raise RuntimeError("gpg %s: %s" % (" ".join(args), p.stderr.decode()))
        return p.stdout

    def make(self, name, expires="never", at=None, kind="ed25519"):
        """A key pair; its armored public key."""
        when = ["--faked-system-time", at] if at else []
        self.run(*when, "--quick-gen-key", "Test <%s@example.test>" % name, kind, "sign", expires)
        return self.public(name)

    def public(self, name):
        return self.run("--armor", "--export", name + "@example.test").decode()

    def secret(self, name):
        return self.run("--armor", "--export-secret-keys", name + "@example.test").decode()

    def fingerprint(self, name):
        out = self.run("--with-colons", "-k", name + "@example.test").decode()
        return re.search(r"^fpr:+([0-9A-F]{40}):", out, re.M).group(1)

    def revoke(self, name):
        """The public key with its revocation; the ring keeps signing no more with it."""
        path = os.path.join(self.folder, "openpgp-revocs.d", self.fingerprint(name) + ".rev")
        with open(path, encoding="ascii") as f:
            text = f.read().replace(":-----BEGIN", "-----BEGIN")
        self.run("--import", data=text.encode())
        return self.public(name)

    def sign(self, name, body, at=None):
        """As MISP signs: without white space, binary, detached, base64."""
        when = ["--faked-system-time", at] if at else []
        data = re.sub(rb"\s+", b"", body)
        return base64.b64encode(self.run(*when, "-u", name + "@example.test", "--detach-sign",
                                         data=data)).decode()

    def verifies(self, armored, body, signature):
        """Was it signed by the key in `armored`, and by no other?"""
        self.run("--import", data=armored.encode(), check=False)
        sig = os.path.join(self.folder, "sig")
        with open(sig, "wb") as f:
            f.write(base64.b64decode(signature))
        p = subprocess.run(["gpg", "--homedir", self.folder, "--batch", "--status-fd", "1",
                            "--verify", sig, "-"], input=re.sub(rb"\s+", b"", body),
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return p.returncode == 0 and b"VALIDSIG" in p.stdout

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.folder, "--kill", "all"],
                       stderr=subprocess.DEVNULL)
