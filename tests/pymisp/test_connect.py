"""Connecting, who am I, types."""
import pytest
from pymisp import PyMISP
from pymisp.exceptions import PyMISPError


def test_version(admin):
    v = admin.misp_instance_version
    assert v["version"].startswith("2.5")
    assert v["perm_sync"] is True


def test_me(admin):
    me, role, settings = admin.get_user(expanded=True, pythonify=True)
    assert me.email == "admin@admin.test"
    assert str(me.org_id) == "1"
    assert role.perm_site_admin is True


def test_key_is_not_repeated(admin, node):
    assert node.key not in str(admin.get_user())


def test_describe_types(admin):
    remote = admin.describe_types_remote
    assert len(remote["types"]) >= 191
    for name in ("ip-dst", "domain|ip", "filename|sha256", "malware-sample", "ja3-fingerprint-md5"):
        assert name in remote["types"]
        assert remote["sane_defaults"][name]["default_category"] in remote["categories"]
    assert "ip-dst" in remote["category_type_mappings"]["Network activity"]


@pytest.mark.parametrize("key", ["w" * 40, "short", "0" * 40])
def test_wrong_key(node, key):
    with pytest.raises(PyMISPError):
        PyMISP(node.url, key, ssl=False, timeout=30)


def test_get_version_with_key_of_reader(readonly):
    v = readonly.misp_instance_version
    assert v["perm_sync"] is False
