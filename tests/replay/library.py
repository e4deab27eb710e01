"""Folders of collections as the recorded MISP had them: warning lists, notice lists, object templates.

Made from the recordings alone: what an answer shows is there, what only a count tells of is filled
up with values that nothing in the tapes has.
"""
import gzip
import json
import os

WARNINGS, TEMPLATES, NOTICES = "warninglists", "object_templates", "noticelists"


def answers(folder, group):
    """Path and answer of each exchange of a group that has one in JSON."""
    path = os.path.join(folder, group + ".jsonl")
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as f:
        for line in f:
            rec = json.loads(line)
            text = rec.get("resp_body")
            if rec.get("resp_file"):
                with gzip.open(os.path.join(folder, rec["resp_file"])) as z:
                    text = z.read().decode()
            if rec["status"] == 200 and text and text[0] in "{[":
                yield rec["path"], json.loads(text)


def matches(node, found):
    """Entries that hits name, by the number of their list."""
    if isinstance(node, dict):
        entry = node.get("matched") or node.get("match")
        number = node.get("warninglist_id") or node.get("id")
        if entry and number and isinstance(entry, str):
            found.setdefault(str(number), []).append(entry)
        node = list(node.values())
    if isinstance(node, list):
        for x in node:
            matches(x, found)


REFUSED = {"List of known IPv4 public DNS resolvers": ["1.1.1.1/32"]}  # told by a refusal alone


def filler(kind, list_id, i):
    """A value of the list's type that no tape asks about."""
    if kind == "cidr":
        return "fd00:%x:%x::/64" % (list_id, i)
    return "filler-%d-%d.invalid" % (list_id, i)


def write(folder, kind, name, inner, document):
    os.makedirs(os.path.join(folder, kind, name), exist_ok=True)
    with open(os.path.join(folder, kind, name, inner), "w", encoding="utf-8") as f:
        json.dump(document, f)


def warnings(recordings, folder):
    rows, known = {}, {}
    for path, answer in answers(recordings, "warninglists"):
        matches(answer, known)
        for item in answer.get("Warninglists", []) if isinstance(answer, dict) else []:
            row = item["Warninglist"]
            rows.setdefault(row["id"], row)
        row = answer.get("Warninglist", {}) if isinstance(answer, dict) else {}
        if path.startswith("/warninglists/view/") and row.get("default"):
            known[row["id"]] = [e["value"] for e in row["WarninglistEntry"]]
    for number, row in rows.items():
        if not row["default"]:
            continue
        entries = list(dict.fromkeys(known.get(number, []) + REFUSED.get(row["name"], [])))
        more = int(row["warninglist_entry_count"]) - len(entries)
        entries += [filler(row["type"], int(number), i) for i in range(more)]
        document = {k: row[k] for k in ("name", "type", "description", "version", "category")}
        document["matching_attributes"] = row["valid_attributes"].split(", ")
        document["list"] = entries
        write(folder, WARNINGS, "%03d" % int(number), "list.json", document)


def templates(recordings, folder):
    elements = {}
    rows = {}
    for path, answer in answers(recordings, "object-templates"):
        for item in answer if isinstance(answer, list) else [answer]:
            row = item.get("ObjectTemplate")
            if row:
                rows[row["id"]] = row
                elements.setdefault(row["id"], []).extend(item.get("ObjectTemplateElement", []))
    for number, row in rows.items():
        document = {k: row[k] for k in ("name", "uuid", "version", "meta-category", "description")}
        wants = row["requirements"] or {}
        document.update(wants)
        document["attributes"] = {n: {"misp-attribute": "text", "ui-priority": 0}
                                  for names in wants.values() for n in names}
        for e in elements[number]:
            document["attributes"][e["object_relation"]] = {
                "misp-attribute": e["type"], "ui-priority": e["ui-priority"],
                "categories": e["categories"], "sane_default": e["sane_default"],
                "values_list": e["values_list"], "description": e["description"],
                "disable_correlation": e["disable_correlation"], "multiple": e["multiple"]}
        write(folder, TEMPLATES, "%04d" % int(number), "definition.json", document)


def notices(recordings, folder):
    for path, answer in answers(recordings, "noticelists"):
        row = answer.get("Noticelist", {}) if isinstance(answer, dict) else {}
        if "NoticelistEntry" in row:
            document = {k: row[k] for k in ("name", "expanded_name", "ref", "geographical_area",
                                            "version")}
            document["notice"] = [e["data"] for e in row["NoticelistEntry"]]
            write(folder, NOTICES, "%03d" % int(row["id"]), "list.json", document)


def make(recordings, folder):
    """Write the folders; options for a node that shall have them."""
    options = []
    for kind, maker in ((WARNINGS, warnings), (TEMPLATES, templates), (NOTICES, notices)):
        maker(recordings, folder)
        if os.path.isdir(os.path.join(folder, kind)):
            options += ["--set", "%s=%s" % (kind, os.path.join(folder, kind))]
    return options
