#!/usr/bin/env python3
"""
Ask a Bloom filter of tocsin's format "bloom": bloom.py FILE [KIND:VALUE]...

Prints "perhaps" or "no" for each (also for lines of standard input when none is given); without errors the end is 0.
Values have the form of lists: names in lower case without a last dot, digests in lower case, networks as address/length.
"""
import hashlib
import struct
import sys


class Bloom:
    def __init__(self, data):
        magic, self.k, zero, self.m, self.n, self.serial = struct.unpack_from("<8sIIQQQ", data)
        if magic != b"TOCSINB1" or zero or self.m % 8 or len(data) != 40 + self.m // 8 or not self.k:
            raise ValueError("no Bloom filter of this form")
        self.bits = memoryview(data)[40:]

    def __contains__(self, text):
        d = hashlib.sha256(text.encode()).digest()
        a, b = struct.unpack_from("<QQ", d)
        b |= 1
        for j in range(self.k):
            at = (a + j * b) % 2 ** 64 % self.m
            if not self.bits[at // 8] >> at % 8 & 1:
                return False
        return True


def main(argv):
    if len(argv) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    with open(argv[1], "rb") as f:
        bloom = Bloom(f.read())
    for text in argv[2:] or (line.rstrip("\n") for line in sys.stdin):
        print("perhaps" if text in bloom else "no", text, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
