"""compare.py - where the gate's answer and the second opinion differ."""
import cut
import naive

derived = {}             # of an original UUID and a profile: what it was derived to


def place(at):
    return tuple(at) if isinstance(at, list) else at


def differences(case, answer):
    """[(kind of difference, what)]"""
    out = []
    if answer.get("odd"):
        out.append(("gate contradicts itself", answer["odd"]))
    want = naive.decide(case)
    got = (answer["outcome"], answer["rule"], answer.get("until"))
    if want != got:
        out.append(("verdict %s %s / %s %s" % (want[:2] + got[:2]), "wanted %s, gate %s" % (want, got)))
        return out
    if want[0] != "release":
        return out
    told = {(e["kind"], place(e["at"])): e for e in answer["elements"]}
    left = cut.fields(case)
    out += different_fields(case, "event", None, case["event"], left["event", None],
                            answer["head"]["event"])
    for key, rule in cut.elements(case).items():
        e = told.get(key)
        if e is None:
            out.append(("no answer", str(key)))
        elif e.get("rule") != rule:
            out.append(("%s %s / %s" % (key[0], rule or "kept", e.get("rule") or "kept"), str(key)))
        elif rule is None:
            out += different_fields(case, key[0], key[1], original(case, key), left[key], e["out"])
            out += different_sightings(case, key, e)
    return out


def different_sightings(case, key, answer):
    if key[0] != "attribute":
        return []
    w = naive.Who(case)
    had = [s for s in original(case, key).get("sightings", []) if cut.sees_sighting(w, s)]
    want, got = cut.sightings_out(w, original(case, key)), answer.get("sightings", [])
    if len(want) != len(got):
        return [("number of sightings", "%s: wanted %s, gate %s" % (key, want, got))]
    out = []
    for before, a, b in zip(had, want, got):
        out += different_fields(case, "sighting", key[1], before, a, b)
    return out


pseudonyms = {}          # of a text, and back


def not_pseudonym(before, after):
    if not after or not after.startswith("anon-") or len(after) < 20 or before.lower() in after:
        return "%r is no pseudonym" % after
    if pseudonyms.setdefault(before, after) != after:
        return "another pseudonym than before"
    return "the same for two texts" if pseudonyms.setdefault(after, before) != before else None


def original(case, key):
    kind, at = key
    if isinstance(at, tuple):
        return case["objects"][at[0]]["attributes"][at[1]]
    return case[kind + "s"][at]


def profile_name(case):
    """Own profiles derive by their names."""
    w = naive.Who(case)
    if w.shell:     # a folder keeps one UUID for an event, also when it becomes a shell
        return w.given_profile if naive.rewriting(w.given_profile) else w.profile
    return w.given_profile if w.own_profile else w.profile


def different_fields(case, kind, at, before, want, got):
    out = []
    for k in sorted(set(want) | set(got)):
        w, g = want.get(k), got.get(k)
        if w == cut.DERIVED:
            fault = not_derived(before[k], profile_name(case), g)
        elif w == cut.PSEUDONYM:
            fault = not_pseudonym(before[k], g)
        elif w == cut.NEUTRAL:
            fault = None if g and before[k] not in g else "tells the original line"
        else:
            fault = None if w == g else "wanted %r, gate %r" % (w, g)
        if fault:
            out.append(("%s.%s, profile %s" % (kind, k, naive.Who(case).profile), "%s: %s" % (at, fault)))
    return out


def not_derived(before, profile, after):
    """A name-based UUID that never changes, differs from the original and between profiles."""
    if not after or after[14] != "5":
        return "%s is not name-based" % after
    if derived.setdefault((before, profile), after) != after:
        return "derived to another one than before"
    return "the same in two profiles" if derived.setdefault(after, (before, profile)) != \
        (before, profile) else None


def summary(case, answer):
    yield answer["outcome"]
    for e in answer.get("elements", []):
        yield "element withheld" if "rule" in e else "element kept"
