#!/usr/bin/env python3
"""test_schema.py - the catalogue of public feeds obeys its schema, names no feed twice and switches none on.
Understands the part of JSON schema that schema.json uses; a keyword that it does not know fails."""
import json
import os
import re
import sys

FOLDER = os.path.join(os.environ.get("top_srcdir", "."), "feeds", "defaults")
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool}
KNOWN = {"$schema", "title", "type", "required", "additionalProperties", "properties", "items", "minItems", "minLength",
         "maxLength", "pattern", "enum"}
COUNT = [0, 0]


def ok(good, what, detail=""):
    COUNT[0] += 1
    COUNT[1] += not good
    print("%sok %d - %s" % ("" if good else "not ", COUNT[0], what))
    if not good:
        print("# %s" % detail)


def errors(value, schema, at):
    """Yield what is wrong with `value`."""
    for word in set(schema) - KNOWN:
        yield "%s: schema keyword %s is not known here" % (at, word)
    if not isinstance(value, KINDS[schema["type"]]):
        yield "%s: is no %s" % (at, schema["type"])
        return
    if "enum" in schema and value not in schema["enum"]:
        yield "%s: %r is none of %r" % (at, value, schema["enum"])
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 4000):
            yield "%s: length of %r" % (at, value)
        if not re.search(schema.get("pattern", ""), value):
            yield "%s: form of %r" % (at, value)
    elif isinstance(value, dict):
        for name in set(schema.get("required", ())) - set(value):
            yield "%s: %s is missing" % (at, name)
        for name, member in value.items():
            if name in schema["properties"]:
                yield from errors(member, schema["properties"][name], at + "." + name)
            else:
                yield "%s: %s is not wanted" % (at, name)
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield "%s: too short" % at
        for i, item in enumerate(value):
            yield from errors(item, schema["items"], "%s[%d]" % (at, i))


def place(url):
    return re.sub(r"^https?://", "", url).rstrip("/").lower()


def main():
    with open(os.path.join(FOLDER, "schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    with open(os.path.join(FOLDER, "defaults.json"), encoding="utf-8") as f:
        rows = json.load(f)
    wrong = list(errors(rows, schema, "defaults"))
    ok(not wrong, "the catalogue obeys its schema", wrong[:5])
    feeds = [r["Feed"] for r in rows]
    for key, of in (("name", lambda x: x["name"].lower()), ("url", lambda x: place(x["url"]))):
        seen = [of(x) for x in feeds]
        ok(len(set(seen)) == len(seen), "no %s twice" % key, sorted(x for x in seen if seen.count(x) > 1))
    bad = [x["name"] for x in feeds if (x["source_format"] == "misp") == ("settings" in x)]
    ok(not bad, "feeds of values say how they are read, MISP feeds need not", bad)
    for x in feeds:
        if "settings" not in x:
            continue
        s = json.loads(x["settings"])
        good = set(s) <= {"csv", "common"} and ("csv" in s) == (x["source_format"] == "csv")
        columns = s.get("csv", {}).get("value", "")
        good &= bool(re.fullmatch(r"(\d+(,\d+)*)?", columns)) and set(s.get("csv", {})) <= {"value", "delimiter"}
        good &= set(s["common"]) == {"excluderegex"}
        re.compile(s["common"]["excluderegex"].strip("/i"))
        if not good:
            ok(False, "settings of %s" % x["name"], x["settings"])
    ok([x["name"] for x in feeds[:2]] == ["CIRCL OSINT Feed", "The Botvrij.eu Data"], "MISP's own two come first")
    # a schema that lets everything pass would be found here
    broken = json.loads(json.dumps(rows))
    broken[3]["Feed"]["enabled"] = True
    broken[4]["Feed"]["url"] = "file:///etc/passwd"
    del broken[5]["Feed"]["name"]
    broken[6]["Feed"]["headers"] = "Authorization: x"
    ok(len(list(errors(broken, schema, "broken"))) == 4, "the schema refuses what is wrong")
    print("1..%d" % COUNT[0])
    return COUNT[1] > 0


if __name__ == "__main__":
    sys.exit(main())
