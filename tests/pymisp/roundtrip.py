"""Compare an event with what a server gives back for it.

IGNORED is the whole list of members that MISP itself does not keep; it was checked against the
recorded MISP answers for the same documents, where nothing else differed.
"""

# path pattern ("*" = any level) -> why MISP does not keep it
IGNORED = {
    "*.id": "given by the server",
    "*.event_id": "given by the server",
    "*.object_id": "given by the server",
    "*.org_id": "given by the server",
    "*.orgc_id": "given by the server",
    "*.tag_id": "given by the server",
    "*.referenced_id": "given by the server",
    "*.object_uuid": "only in answers about one reference",
    "*.Org": "the organisation that holds the copy",
    "*.Orgc.local": "a matter of the receiving server",
    "*.event_creator_email": "the user who added it",
    "*.Galaxy": "made from the tags, from the receiver's own clusters",
    "*.RelatedEvent": "correlations with what the receiver holds",
    "*.ShadowAttribute": "proposals travel on their own",
    "*.Sighting": "sightings travel on their own",
    "*.attribute_count": "counted by the server; compared with what came back",
    "*.publish_timestamp": "set by the server that publishes, 0 before that",
    "*.locked": "set by the server for what came by sync",
    "*.proposal_email_lock": "a matter of the receiving server",
    "*.protected": "since 2.5, null unless cryptographically protected",
    "*.CryptographicKey": "since 2.5, empty unless cryptographically protected",
    "*.Tag.colour": "the receiver's own colour wins where it has the tag",
    "*.Tag.local": "older servers write it as a number",
    "*.Tag.user_id": "a matter of the receiving server",
    "*.Tag.relationship_type": "absent in older documents",
    "*.Tag.exportable": "a matter of the receiving server",
    "*.Tag.hide_tag": "a matter of the receiving server",
    "*.Tag.numerical_value": "a matter of the receiving server",
    "*.Tag.is_galaxy": "made by the receiving server",
    "*.Tag.is_custom_galaxy": "made by the receiving server",
    "*.Tag.local_only": "a matter of the receiving server",
    "*.SharingGroup": "the receiver's view of the group",
    "*.ObjectReference.Object": "a view of the target",
    "*.ObjectReference.Attribute": "a view of the target",
}


def ignored(path):
    """Is this member, or anything it lies in, on the list?"""
    for i in range(1, len(path)):
        key, parent = path[i], path[i - 1]
        if "*." + key in IGNORED or "*.%s.%s" % (parent, key) in IGNORED:
            return True
    return False


def differences(sent, got):
    """Members of `sent` that did not come back the same, as texts."""
    out = []
    _compare(("Event",), sent, got, out)
    return out


def _compare(path, sent, got, out):
    if ignored(path):
        return
    if isinstance(sent, dict) and isinstance(got, dict):
        for key, value in sent.items():
            if key in got:
                _compare(path + (key,), value, got[key], out)
            elif value not in (None, [], "") and not ignored(path + (key,)):
                out.append("%s.%s: lost %.80r" % (".".join(path), key, value))
    elif isinstance(sent, list) and isinstance(got, list):
        _compare_lists(path, sent, got, out)
    elif sent != got or type(sent) is not type(got):
        out.append("%s: sent %.80r, got %.80r" % (".".join(path), sent, got))


def _key(item):
    return (item.get("uuid") or item.get("name")) if isinstance(item, dict) else item


def _compare_lists(path, sent, got, out):
    have = {_key(item): item for item in got}
    for item in sent:
        if _key(item) in have:
            _compare(path, item, have[_key(item)], out)
        elif not _dropped_by_misp(item, sent, have):
            out.append("%s: lost %.120r" % (".".join(path), item))
    extra = set(have) - {_key(item) for item in sent}
    if extra:
        out.append("%s: %d more than sent" % (".".join(path), len(extra)))


def _dropped_by_misp(item, sent, have):
    """MISP keeps one of several live attributes with the same type, category and value."""
    if not isinstance(item, dict) or "value" not in item:
        return False
    same = [a for a in sent if a is not item and a.get("type") == item.get("type")
            and a.get("category") == item.get("category")
            and str(a.get("value")).lower() == str(item.get("value")).lower()]
    return any(_key(a) in have for a in same)
