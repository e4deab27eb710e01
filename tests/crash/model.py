"""What a store must hold after a crash: all acknowledged steps, of a pending one all or nothing.

One worker owns an event, so at most one step of each event is in doubt.
States are plain values: (info, published, {attribute uuid: value}).
"""
import copy


class Event:
    """The acknowledged state of one event and the state after its pending step, if any."""

    def __init__(self, uuid):
        self.uuid = uuid
        self.now = None  # None: does not exist
        self.pending = None  # (name of the step, state after it)

    def begin(self, step, state):
        """Note a step before its request is sent."""
        self.pending = (step, copy.deepcopy(state))

    def done(self):
        """The step was acknowledged."""
        self.now, self.pending = self.pending[1], None

    def refused(self):
        """The server answered with an error: nothing may have changed."""
        self.pending = None

    def check(self, seen):
        """Compare with what the server shows now; returns texts, and settles a pending step."""
        if self.pending and seen == self.pending[1]:
            self.done()
            return []
        if seen == self.now:
            self.pending = None
            return []
        step = self.pending[0] if self.pending else None
        return ["event %s: %s%s" % (self.uuid, difference(self.now, seen),
                                    "; pending: " + step if step else "")]


def state(info, published, attributes):
    return {"info": info, "published": published, "attributes": dict(attributes)}


def difference(want, seen):
    """One line that says how two states differ."""
    if want is None or seen is None:
        return "%s, but it %s" % ("should not exist" if want is None else "was acknowledged",
                                  "is missing" if seen is None else "is there")
    out = ["%s is %r, should be %r" % (k, seen[k], want[k])
           for k in ("info", "published") if want[k] != seen[k]]
    a, b = want["attributes"], seen["attributes"]
    lost, extra = set(a) - set(b), set(b) - set(a)
    if lost:
        out.append("%d of %d attributes lost" % (len(lost), len(a)))
    if extra:
        out.append("%d attributes too many" % len(extra))
    wrong = [u for u in set(a) & set(b) if a[u] != b[u]]
    if wrong:
        out.append("%d attributes with another value" % len(wrong))
    return "; ".join(out) or "the same"


def seen_state(doc):
    """The state of an event as a server shows it (live attributes only)."""
    ev = doc["Event"]
    return state(ev["info"], ev["published"],
                 {a["uuid"]: a["value"] for a in ev.get("Attribute", []) if not a["deleted"]})
