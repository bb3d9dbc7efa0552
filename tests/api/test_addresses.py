"""Where the server listens, and where a call comes from."""

from __future__ import annotations

from typing import Any

import pytest

from api.addresses import (
    UNTRUSTED_PROXY,
    caller_address,
    check_listening,
    is_local_call,
    is_loopback,
    listening_address,
)
from core.errors import SettingsError
from tests.api.faces import KEY, settings_for


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "localhost"]
)
def test_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "", None, "10.0.0.1", "example", "::ffff:10.0.0.1"]
)
def test_not_only_this_machine(address: str | None) -> None:
    assert not is_loopback(address)


COMMANDS = [
    (["/venv/bin/uvicorn", "api.app:app"], "127.0.0.1"),
    (["/venv/bin/uvicorn", "api.app:app", "--host", "0.0.0.0", "--port", "80"], "0.0.0.0"),
    (["/x/uvicorn/__main__.py", "server:app", "--host=::"], "::"),
    (["uvicorn", "api.app:app", "--uds", "/run/x.sock"], None),
    (["/venv/bin/gunicorn", "api.app:app"], None),
    (["/venv/bin/pytest"], None),
]


@pytest.mark.parametrize(("arguments", "address"), COMMANDS)
def test_the_address_is_read_from_the_command(arguments: list[str], address: str | None) -> None:
    assert listening_address(arguments) == address


def test_the_address_is_read_from_uvicorns_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UVICORN_HOST", "0.0.0.0")

    assert listening_address(["uvicorn", "api.app:app"]) == "0.0.0.0"


@pytest.mark.parametrize(("setting", "address"), [(None, ""), ("10.0.0.1", "10.0.0.1")])
def test_the_address_is_read_from_streamlit(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, address: str
) -> None:
    from streamlit import config

    monkeypatch.setattr(config, "_server_mode", "starlette-app")
    monkeypatch.setattr(config, "get_option", {"server.address": setting}.get)

    assert listening_address(["streamlit", "run", "server.py"]) == address


@pytest.mark.parametrize("address", ["0.0.0.0", "", "192.168.1.4", "::"])
def test_an_open_address_needs_keys(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_listening(settings_for(), address)

    assert caught.value.code == "keys_needed"
    assert "API_KEYS" in caught.value.hint and "API_ALLOW_ANONYMOUS" in caught.value.hint
    with pytest.raises(SettingsError):
        check_listening(settings_for(api_keys=" , "), address)


@pytest.mark.parametrize("changes", [{"api_keys": KEY}, {"api_allow_anonymous": True}])
def test_keys_or_a_decision_open_it(changes: dict[str, Any]) -> None:
    check_listening(settings_for(**changes), "0.0.0.0")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", None])
def test_loopback_and_the_unknown_pass(address: str | None) -> None:
    check_listening(settings_for(), address)


def scope(host: str | None, port: int = 999, **headers: str) -> dict[str, Any]:
    rows = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "client": host and (host, port), "headers": rows}


CALLERS = [
    (scope("192.0.2.7"), "", "192.0.2.7"),
    (scope("192.0.2.7", x_forwarded_for="1.2.3.4"), "", "192.0.2.7"),
    (scope("1.2.3.4", 0, x_forwarded_for="1.2.3.4"), "", UNTRUSTED_PROXY),
    (scope("1.2.3.4", 0, x_forwarded_for="1.2.3.4"), "127.0.0.1", "1.2.3.4"),
    (scope("2001:db8:1:2:3:4:5:6"), "", "2001:db8:1:2::/64"),
    (scope("::ffff:192.0.2.7"), "", "::ffff:192.0.2.7"),
    (scope(None), "", "local"),
]


@pytest.mark.parametrize(("request_scope", "trusted", "name"), CALLERS)
def test_whom_a_request_is_counted_under(
    request_scope: dict[str, Any], trusted: str, name: str
) -> None:
    settings = settings_for(forwarded_allow_ips=trusted)

    assert caller_address(request_scope, settings) == name


@pytest.mark.parametrize(
    ("request_scope", "local"),
    [
        (scope("127.0.0.1"), True),
        (scope("192.0.2.7"), False),
        (scope("127.0.0.1", x_forwarded_for="127.0.0.1"), False),
        (scope("127.0.0.1", forwarded="for=127.0.0.1"), False),
        (scope("127.0.0.1", x_real_ip="127.0.0.1"), False),
        (scope(None), False),
    ],
)
def test_a_local_call_comes_without_a_proxy(request_scope: dict[str, Any], local: bool) -> None:
    assert is_local_call(request_scope) is local
