"""From a request to the operation of /openapi.json that answers it, by MISP's rules of spelling."""
import re
import urllib.parse

ID = re.compile(r"^(\d+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")
SHORTHANDS = ("events", "attributes")  # /events/ID is /events/view/ID


def key_of(text):
    return text.lower().replace("_", "")


def shorthand(method, with_id):
    if not with_id:
        return "add" if method == "POST" else "index"
    return {"DELETE": "delete", "POST": "edit", "PUT": "edit"}.get(method, "view")


class Routes:
    """Operations by fixed segments; literal paths (healthz, feeds/...) beside them."""

    def __init__(self, document):
        self.fixed, self.misp = [], {}
        for path, item in document["paths"].items():
            parts = [p for p in path.split("/") if p]
            fixed = [p for p in parts if not p.startswith("{")]
            if len(fixed) < 2 or "{path}" in path:
                self.fixed.append((re.compile(re.sub(r"\\{.*?\\}", ".*", re.escape(path)) + "$"),
                                   path, item))
            if len(fixed) >= 2:
                self.misp.setdefault(tuple(map(key_of, fixed)), []).append((path, item))

    def find(self, method, target):
        """(path, operation), or None when nothing is declared there."""
        path = target.split("?")[0]
        method = "get" if method == "HEAD" else method.lower()
        for pattern, name, item in self.fixed:
            if pattern.match(path) and method in item:
                return name, item[method]
        parts = [urllib.parse.unquote(p) for p in path.split("/") if p]
        if not parts:
            return None
        parts[-1] = re.sub(r"(?<=.)\.(json|xml|csv)$", "", parts[-1])
        for n in (3, 2):
            rows = self.misp.get(tuple(map(key_of, parts[:n])), [])
            for name, item in rows if len(parts) >= n else ():
                if method in item:
                    return name, item[method]
        admin = 1 if key_of(parts[0]) == "admin" else 0
        noun = parts[admin:admin + 1]
        rest = parts[admin + 1:]
        if noun and noun[0].lower() in SHORTHANDS and (not rest or ID.match(rest[0])):
            action = shorthand(method.upper(), bool(rest))
        elif noun and (not rest or ":" in rest[0]):
            action = "index"
        else:
            return None
        for name, item in self.misp.get(tuple(map(key_of, parts[:admin] + noun + [action])), []):
            if method in item:
                return name, item[method]
        return None
