#!/usr/bin/env python3
"""Judge recorded exchanges (tests/lib/answers.py) by the description that the daemon gives of itself.

usage: answers.py OPENAPI.json FOLDER...    exit: 0 all as declared, 1 not, 77 no jsonschema here

Each answer must be declared: its status, its media type, and its body by the schema. What no
operation answers to must be a 403, 404 or 405 with an error document.
"""
import base64
import collections
import glob
import gzip
import json
import os
import re
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import routes  # noqa: E402

try:
    import jsonschema
except ImportError:
    print("SKIP: no jsonschema for Python (contrib/check installs it)")
    sys.exit(77)

SHOWN = 60

# MISP sends the pages of attack, context and context-markdown under the type that the client accepts (recorded)
PAGES = (b"<div>\n", b"# Aggregated context data\n")


class Judge:
    def __init__(self, document):
        schemas = document["components"]["schemas"]
        jsonschema.Draft202012Validator.check_schema({"$defs": schemas})
        self.document, self.routes = document, routes.Routes(document)
        self.validators = {}
        self.seen = collections.Counter()
        for name in schemas:
            for example in schemas[name].get("examples", []):
                self.validator({"$ref": "#/components/schemas/" + name}).validate(example)

    def validator(self, schema):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            whole = dict(schema, components={"schemas": self.document["components"]["schemas"]})
            self.validators[key] = jsonschema.Draft202012Validator(whole)
        return self.validators[key]

    def response(self, op, status):
        r = op["responses"].get(str(status))
        if r and "$ref" in r:
            r = self.document["components"]["responses"][r["$ref"].rsplit("/", 1)[1]]
        return r

    def judge(self, e):
        """What is wrong with an exchange, or None."""
        method = "GET" if e["method"] in ("OPTIONS", "PATCH") else e["method"]  # where any will do
        found = self.routes.find(method, e["path"])
        if found is None:
            if e["status"] not in (400, 403, 404, 405, 413, 429, 503):
                return "no operation", "answers %d" % e["status"]
            r = self.document["components"]["responses"]["404"]
            name = "-"
        else:
            name = found[0]
            r = self.response(found[1], e["status"])
            self.seen[name] += 1
        if r is None:
            return name, "status %d is not declared: %s" % (e["status"], body_of(e)[:160])
        if e["method"] == "HEAD" or e["status"] in (204, 302, 304) or "body" not in e:
            return None
        body = body_of(e)
        media = (e["type"] or "").split(";")[0].strip()
        content = r.get("content", {})
        if media not in content:
            return name, "%d %r is not declared: %s" % (e["status"], media, body[:80])
        return self.look(name, content[media]["schema"], media, body, e)

    def look(self, name, schema, media, body, e):
        if media == "application/json":
            docs = [body]
        elif media == "application/x-ndjson":
            docs = [x for x in body.split(b"\n") if x.strip()]
        else:
            return None
        for text in docs:
            try:
                doc = json.loads(text)
            except ValueError:
                if name == "/events/restSearch" and text.startswith(PAGES):
                    return None
                return name, "%d, no JSON: %s" % (e["status"], text[:160])
            for error in self.validator(schema).iter_errors(doc):
                best = deepest(error)
                where = re.sub(r"\d+", "N", "/".join(map(str, best.absolute_path)))
                return name, "%s %d at %s: %s" % (schema.get("$ref", "").rsplit("/", 1)[-1],
                                                  e["status"], where, best.message[:200])
        return None


def deepest(error):
    """Of the branches of anyOf the error that came furthest."""
    while error.context:
        error = max(error.context, key=lambda x: (len(x.absolute_path), x.validator != "type"))
    return error


def body_of(e):
    if "whole" not in e:
        raw = base64.b64decode(e.get("body", ""))
        coding = e.get("coding")
        if raw and coding == "gzip":
            raw = gzip.decompress(raw)
        elif raw and coding == "deflate":
            raw = zlib.decompress(raw)
        elif raw and coding == "br":
            import brotli
            raw = brotli.decompress(raw)
        elif raw and coding == "zstd":
            import zstandard
            raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        e["whole"] = raw
    return e["whole"]


def exchanges(folders):
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True)):
            with open(path) as f:
                for line in f:
                    yield json.loads(line)


def main():
    with open(sys.argv[1]) as f:
        judge = Judge(json.load(f))
    n, bad = 0, collections.OrderedDict()
    for e in exchanges(sys.argv[2:]):
        n += 1
        try:
            wrong = judge.judge(e)
        except (ImportError, EOFError, OSError, zlib.error):
            continue  # a coding that this Python cannot read, or an answer that was cut off
        if wrong:
            bad.setdefault(wrong, []).append(e)
    for (name, why), rows in list(bad.items())[:SHOWN]:
        print("not ok - %s: %s (%d times, first %s %s)"
              % (name, why, len(rows), rows[0]["method"], rows[0]["path"][:80]))
    rows = len(judge.document["paths"])
    print("# %d answers of %d paths (of %d) compared with their schemas, %d are not as declared"
          % (n, len(judge.seen), rows, sum(map(len, bad.values()))))
    if n == 0:
        print("not ok - nothing was recorded")
    return 1 if bad or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
