"""The log in MISP's form: filters, and who sees what."""
import datetime

from builders import small_event


def test_filters(admin, other):
    ev = other.add_event(small_event(), pythonify=True)
    email = other.get_user(pythonify=True).email
    mine = admin.search_logs(model="Event", email=email, limit=1000)
    assert mine and {row["Log"]["email"] for row in mine} == {email}
    assert str(ev.id) in [row["Log"]["model_id"] for row in mine]
    some = admin.search_logs(email="%@" + email.split("@")[1], limit=5000)
    assert len(some) >= len(mine) and all(r["Log"]["email"].endswith(email.split("@")[1]) for r in some)
    user = mine[0]["Log"]["user_id"]
    assert all(r["Log"]["user_id"] == user for r in admin.search_logs(user_id=user, limit=100))
    assert admin.search_logs(user_id=user, email="nobody%") == []
    assert admin.search_logs(change="something%") == []
    first = admin.search_logs(limit=1)[0]["Log"]["id"]
    assert admin.search_logs(limit=1, page=2)[0]["Log"]["id"] != first
    assert [r["Log"]["id"] for r in admin.search_logs(log_id=first)] == [first]


def test_created(admin):
    now = datetime.datetime.now()
    assert admin.search_logs(created=now + datetime.timedelta(days=1)) == []
    assert admin.search_logs(created=now - datetime.timedelta(hours=1), limit=3)
    hour = 3600
    stamp = int(now.timestamp())
    ask = {"created": [stamp - hour, stamp + hour], "limit": 2}
    assert len(admin.direct_call("admin/logs/index", ask)) == 2
    assert admin.direct_call("admin/logs/index", {"created": [stamp - 9 * hour, stamp - 8 * hour]}) == []


def test_who_sees_what(admin, other, readonly):
    other.add_event(small_event())
    email = other.get_user(pythonify=True).email
    assert {row["Log"]["email"] for row in other.search_logs(limit=1000)} == {email}
    assert email not in str(readonly.search_logs(limit=1000))
