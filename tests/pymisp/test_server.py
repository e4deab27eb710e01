"""Server settings, diagnostics and the lists of functions, as administrators' programs use them."""
import pytest


def test_settings(admin):
    all_of_it = admin.server_settings()
    rows = {s["setting"]: s for s in all_of_it["finalSettings"]}
    assert rows["MISP.baseurl"]["value"] and rows["MISP.host_org_id"]["value"] == 1
    assert rows["MISP.background_jobs"]["value"] is False
    assert rows["Security.salt"]["value"] == "*****"
    assert not [name for name in rows if name.startswith("MISP.redis_host")]
    assert all_of_it["workers"] == [] and all_of_it["phpSettings"] == {}


def test_stored_setting(admin):
    assert admin.get_server_setting("MISP.delegation")["value"] is False
    assert admin.set_server_setting("MISP.delegation", True)["message"] == "Field updated"
    assert admin.get_server_setting("MISP.delegation")["value"] is True
    assert admin.set_server_setting("MISP.delegation", "gull")["errors"][0] == 403
    assert admin.get_server_setting("MISP.delegation")["value"] is True
    admin.set_server_setting("MISP.delegation", False)
    text = 'Ahoy "two"\n\u00e6'
    admin.set_server_setting("MISP.welcome_text_top", text)
    assert admin.get_server_setting("MISP.welcome_text_top")["value"] == text
    assert admin.user_settings() == [] or all(
        not s["UserSetting"]["setting"].startswith("MISP") for s in admin.user_settings())


def test_options_are_not_changed_here(admin):
    refused = admin.set_server_setting("MISP.baseurl", "https://elsewhere.example")
    assert refused["errors"][0] == 405 and "tocsin.yaml" in refused["errors"][1]["message"]
    same = admin.get_server_setting("MISP.baseurl")["value"]
    assert admin.set_server_setting("MISP.baseurl", same)["message"] == "Field updated"
    assert admin.set_server_setting("MISP.live", False)["errors"][0] == 405


@pytest.mark.parametrize("name,status", [("MISP.fog", 404), ("Security.encryption_key", 403)])
def test_no_setting(admin, name, status):
    assert admin.get_server_setting(name)["errors"][0] == status


def test_not_for_users(other):
    assert other.get_server_setting("MISP.baseurl")["errors"][0] == 403
    assert other.set_server_setting("MISP.delegation", True)["errors"][0] == 403


def test_state(admin):
    schema = admin.db_schema_diagnostic()
    assert schema["actual_db_version"] == schema["expected_db_version"]
    assert admin.get_workers() == ["Background jobs not enabled"]
    assert admin.restart_workers()["errors"][0] == 404
    assert admin.update_misp()["errors"][0] == 405


def test_functions(admin):
    assert admin.remote_acl() == []
    functions = admin.direct_call("servers/queryACL/printAllFunctionNames")
    assert "restSearch" in functions["events"] and "admin_add" in functions["users"]
    roles = admin.direct_call("servers/queryACL/printRoleAccess")
    assert "users/admin_add" in roles["1"]["actions"] and "users/admin_add" not in roles["6"]["actions"]
