"""What becomes of a distribution over one hop, as MISP does it. None: it does not travel.

Levels: 0 own organisation, 1 this community, 2 connected communities, 3 all, 4 sharing group,
5 that of the event.
"""

PULL_EVENT = {0: None, 1: 0, 2: 1, 3: 3}
PUSH_EVENT = {0: None, 1: None, 2: 1, 3: 3}
EVENT = {"pull": PULL_EVENT, "push": PUSH_EVENT}
ELEMENT = {way: {**table, 5: 5} for way, table in EVENT.items()}


def member(way, group, reader):
    """Does what is for this group go to the node of `reader`? Who pulls has to be a member; a push asks
    too whether the group lists the node, unless it is roaming or lists none (6.4, 6.5)."""
    servers = group.get("servers")
    return reader in group["orgs"] and (way == "pull" or not servers or reader in servers)


def hop(way, spec, reader, is_event=False):
    """(level, group) after the hop to the organisation `reader`, or None."""
    level, group = spec
    if level == 4:
        return spec if member(way, group, reader) else None
    to = (EVENT if is_event else ELEMENT)[way][level]
    return None if to is None else (to, None)


def travel(event, way, reader):
    """The event as it is stored after the hop; None when it does not travel."""
    level = hop(way, event["level"], reader, True)
    if level is None:
        return None
    out = dict(event, level=level, tags=[t for t in event["tags"] if not t.startswith("local:")])
    out["attributes"] = _elements(event["attributes"], way, reader)
    out["reports"] = _elements(event["reports"], way, reader)
    out["objects"] = [dict(o, attributes=_elements(o["attributes"], way, reader))
                      for o in _elements(event["objects"], way, reader)]
    return out


def _elements(items, way, reader):
    out = []
    for x in items:
        level = hop(way, x["level"], reader)
        if level is not None:
            out.append(dict(x, level=level, tags=[t for t in x.get("tags", [])
                                                  if not t.startswith("local:")]))
    return out
