"""certs.py - certificates for tests: a CA, servers of all kinds for 127.0.0.1, a client. By openssl(1)."""
import base64
import hashlib
import os
import subprocess


def openssl(*args, data=None):
    return subprocess.run(("openssl",) + args, input=data, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


class Certs:
    """Files in `folder`: NAME.pem (certificate and key), ca.pem; pin(NAME)."""

    def __init__(self, folder):
        self.folder = folder
        self._key("ca")
        openssl("req", "-x509", "-key", self._path("ca.key"), "-days", "2", "-subj", "/CN=test CA",
                "-out", self.ca)
        here = "IP:127.0.0.1,DNS:localhost"
        self._signed("server", here)
        self._signed("expired", here, days="-1")
        self._signed("othername", "DNS:other.example")
        self._signed("client", "DNS:client.example")
        self._signed("selfsigned", here, self_signed=True)

    @property
    def ca(self):
        return self._path("ca.pem")

    def __getitem__(self, name):
        return self._path(name + ".pem")

    def pin(self, name):
        der = openssl("pkey", "-in", self[name], "-pubout", "-outform", "der")
        return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                self._path(name + ".key"))

    def _signed(self, name, names, days="2", self_signed=False):
        key, ext = self._path(name + ".key"), self._path(name + ".ext")
        self._key(name)
        with open(ext, "w") as f:
            f.write("subjectAltName=%s\n" % names)
        request = openssl("req", "-new", "-key", key, "-subj", "/CN=" + name)
        how = ["-signkey", key] if self_signed else ["-CA", self.ca, "-CAkey", self._path("ca.key"),
                                                     "-set_serial", str(int.from_bytes(os.urandom(8), "big"))]
        pem = openssl("x509", "-req", "-days", days, "-extfile", ext, *how, data=request)
        with open(key, "rb") as f:
            pem += f.read()
        with open(self[name], "wb") as f:
            f.write(pem)
