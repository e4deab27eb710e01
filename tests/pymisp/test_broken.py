"""Documents that are cut, not JSON or not events: an error with the place, and nothing stored."""
import json
import os
import re

import node as nodelib
import pytest

from builders import invented_documents


def events_in(admin):
    return {r["Event"]["uuid"] for r in admin.search(metadata=True)}


def send(node, data):
    c = node.client()
    try:
        return c.raw("POST", "/events/add", {
            "Authorization": node.key, "Accept": "application/json",
            "Content-Type": "application/json"}, data)
    finally:
        c.close()


def place(text):
    """line, column and byte offset named in an error text, in any order."""
    out = []
    for word in ("line", "column", "(?:byte|offset)"):
        m = re.search(word + r"\D{0,12}(\d+)", text)
        out.append(int(m.group(1)) if m else None)
    return out


def check_refused(admin, node, data, before):
    ans = send(node, data)
    assert ans.status >= 400 and ans.status != 500, (ans.status, ans.body[:200])
    assert events_in(admin) == before
    return ans


def test_truncated_real(admin, node):
    path = nodelib.shared("data", "broken", "truncated-misp-event.json")
    if path is None:
        pytest.skip("no shared data (TOCSIN_SHARED)")
    with open(path, "rb") as f:
        data = f.read()
    ans = check_refused(admin, node, data, events_in(admin))
    line, column, offset = place(ans.text())
    assert line and column and offset, ans.text()[:300]
    assert offset <= len(data) + 1
    assert line <= data.count(b"\n") + 1


def test_cut_at_many_places(admin, node):
    doc = json.dumps({"Event": invented_documents()[3][1]}, indent=1).encode()
    before = events_in(admin)
    step = max(1, len(doc) // 40)
    for cut in range(1, len(doc) - 1, step):
        ans = check_refused(admin, node, doc[:cut], before)
        line, column, offset = place(ans.text())
        assert line == doc[:cut].count(b"\n") + 1, (cut, ans.text()[:300])
        assert abs(offset - cut) <= 1, (cut, ans.text()[:300])


@pytest.mark.parametrize("data", [
    b"", b"{", b"[", b"null", b"[]", b"{}", b"nonsense", b'{"Event": }', b'{"Event": []}',
    b'{"Event": {"info": "bad escape \\q"}}', b'{"Event": {"info": "\xff\xfe"}}',
    b'{"Event": {"info": "a\x00b"}}', b'{"Event": {"info": "x"}} trailing',
    b'{"Event": {"info": "lone \\ud800"}}', b'{"Event":' * 2000,
    b'{"info": "x", "Attribute": [' + b"[" * 5000])
def test_not_an_event(admin, node, data):
    check_refused(admin, node, data, events_in(admin))


def test_connection_cut_stores_nothing(admin, node):
    """A client that goes away in the middle of its body leaves nothing behind."""
    import socket
    doc = json.dumps({"Event": invented_documents()[6][1]}).encode()
    before = events_in(admin)
    for part in (0.1, 0.5, 0.99):
        with socket.create_connection(("127.0.0.1", node.port), timeout=10) as s:
            s.sendall(b"POST /events/add HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
                      b"Accept: application/json\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % (node.key.encode(), len(doc)))
            s.sendall(doc[:int(len(doc) * part)])
    assert events_in(admin) == before
    assert os.path.isdir(node.folder)
