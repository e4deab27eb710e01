"""Damage derived index files between two runs: what is not the truth must be rebuilt.

Never touches the LMDB files or attachments; an index file is any file in a folder named index.
"""
import os

KINDS = ("delete", "truncate", "empty", "flip", "zero", "garbage", "old")


def index_files(folder):
    """All derived index files of a node's folder."""
    out = []
    for top, _, names in os.walk(folder):
        if "index" in os.path.relpath(top, folder).split(os.sep):
            out += [os.path.join(top, n) for n in names]
    return sorted(out)


def snapshot(path):
    with open(path, "rb") as f:
        return f.read(1 << 22)


def damage(rng, folder, old):
    """Damage one to all index files; returns what was done as texts. `old` keeps old contents."""
    files = index_files(folder)
    done = []
    if not files:
        return done
    for path in rng.sample(files, rng.randint(1, len(files))):
        kind = rng.choice(KINDS)
        size = os.path.getsize(path)
        before = old.get(path)
        if size < 1 << 22:
            old[path] = snapshot(path)
        if kind == "delete":
            os.unlink(path)
        elif kind == "truncate":
            os.truncate(path, rng.randrange(size + 1))
        elif kind == "empty":
            os.truncate(path, 0)
        elif kind == "old" and before is not None:
            with open(path, "wb") as f:  # an older state of the same file
                f.write(before)
        elif size:
            with open(path, "r+b") as f:
                for _ in range(rng.randint(1, 8)):
                    at = rng.randrange(size)
                    n = min(rng.choice((1, 8, 64, 4096)), size - at)
                    f.seek(at)
                    f.write(b"\0" * n if kind == "zero" else rng.randbytes(n))
        done.append("%s %s" % (kind, os.path.relpath(path, folder)))
    return done
