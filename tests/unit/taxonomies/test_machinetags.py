#!/usr/bin/env python3
"""test_machinetags.py - the vocabularies obey their schema, agree with their list and hold the tags
that the gate looks for. Understands the part of JSON schema that machinetag.schema.json uses; a
schema keyword that it does not know fails."""
import json
import os
import re
import sys

TOP = os.path.join(os.environ.get("top_srcdir", "."), "taxonomies")
KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
KNOWN = {"$schema", "title", "definitions", "$ref", "type", "required", "additionalProperties",
         "properties", "items", "minItems", "minLength", "minimum", "maximum", "pattern"}
# Tags that rules of the gate name: a vocabulary without them would leave a rule without its switch.
NEEDED = ["tlp:red", "tlp:amber+strict", "tlp:amber", "tlp:green", "tlp:clear", "tlp:white",
          "PAP:RED", "PAP:AMBER", "PAP:GREEN", "PAP:CLEAR",
          "embargo:until", "embargo:partner", "embargo:sector", "embargo:public",
          'embargo:release-on="remedy-available"',
          "rmsv:record", "rmsv:in-use-system", "rmsv:exploit-tool", "rmsv:early-release",
          "rmsv:freeze-approval", 'rmsv:disclosure="disclosed"', 'rmsv:disclosure="undisclosed"',
          'rmsv:remedy="patch"', 'rmsv:remedy="mitigation"']


def errors(value, schema, root, at):
    """Yield what is wrong with `value`."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    for word in set(schema) - KNOWN:
        yield f"{at}: schema keyword {word} is not known here"
    kind = KINDS[schema["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{at}: is no {schema['type']}"
        return
    if kind is dict:
        for name in set(schema.get("required", ())) - set(value):
            yield f"{at}: {name} is missing"
        for name, member in value.items():
            if name in schema["properties"]:
                yield from errors(member, schema["properties"][name], root, f"{at}.{name}")
            else:
                yield f"{at}: {name} is not in the schema"
    elif kind is list:
        if len(value) < schema.get("minItems", 0):
            yield f"{at}: too short"
        for i, item in enumerate(value):
            yield from errors(item, schema["items"], root, f"{at}[{i}]")
    elif kind is str:
        if len(value) < schema.get("minLength", 0):
            yield f"{at}: too short"
        if not re.search(schema.get("pattern", ""), value):
            yield f"{at}: {value!r} does not match {schema['pattern']}"
    elif kind is int:
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{at}: {value} is out of range"


def doubles(terms):
    seen = [t["value"].lower() for t in terms]
    return {v for v in seen if seen.count(v) > 1}


def tags_of(tax):
    ns = tax["namespace"]
    with_values = {v["predicate"]: v["entry"] for v in tax.get("values", ())}
    for p in tax["predicates"]:
        if p["value"] in with_values:
            for e in with_values[p["value"]]:
                yield f'{ns}:{p["value"]}="{e["value"]}"'
        else:
            yield f'{ns}:{p["value"]}'


def main():
    wrong, tags = [], set()
    with open(os.path.join(TOP, "machinetag.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    with open(os.path.join(TOP, "MANIFEST.json"), encoding="utf-8") as f:
        listed = {t["folder"]: t for t in json.load(f)["taxonomies"]}
    folders = {d for d in os.listdir(TOP) if os.path.exists(os.path.join(TOP, d, "machinetag.json"))}
    if folders != set(listed):
        wrong.append(f"MANIFEST.json and folders differ: {sorted(folders ^ set(listed))}")
    for folder in sorted(folders):
        with open(os.path.join(TOP, folder, "machinetag.json"), encoding="utf-8") as f:
            tax = json.load(f)
        found = list(errors(tax, schema, schema, folder))
        wrong += found
        if found:
            continue
        row = listed.get(folder, {})
        if (row.get("name"), row.get("version")) != (tax["namespace"], tax["version"]):
            wrong.append(f"{folder}: name or version differs from MANIFEST.json")
        if tax["namespace"].lower() != folder:
            wrong.append(f"{folder}: holds namespace {tax['namespace']}")
        predicates = {p["value"] for p in tax["predicates"]}
        for twice in doubles(tax["predicates"]):
            wrong.append(f"{folder}: {twice} twice")
        for v in tax.get("values", ()):
            if v["predicate"] not in predicates:
                wrong.append(f"{folder}: values for unknown predicate {v['predicate']}")
            for twice in doubles(v["entry"]):
                wrong.append(f"{folder}:{v['predicate']}: {twice} twice")
        tags |= set(tags_of(tax))
    wrong += [f"{tag} is missing" for tag in NEEDED if tag not in tags]
    # The checker itself must be able to refuse.
    if not list(errors({"namespace": 1, "x": 0}, schema, schema, "self")):
        wrong.append("the schema checker refuses nothing")
    for line in wrong:
        print(line)
    print(f"{len(folders)} vocabularies, {len(tags)} tags, {len(wrong)} errors")
    return 1 if wrong or len(folders) < 9 else 0


if __name__ == "__main__":
    sys.exit(main())
