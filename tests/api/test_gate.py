"""Who may call: keys, addresses, administration, other web pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from core.errors import SettingsError
from tests.api.faces import ELSEWHERE, KEY, app_with, client_of, face, form, shaped_error

SENT = [{"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"}, {"X-API-Key": KEY}]
NOT_SENT = [
    {},
    {"Authorization": f"Bearer {KEY}x"},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": KEY},
    {"X-API-Key": ""},
    {"Cookie": f"X-API-Key={KEY}"},
]
CALLS = [
    ("POST", "/api/analyze"),
    ("POST", "/api/analyze-stream"),
    ("POST", "/predict"),
    ("GET", "/model/stats"),
    ("GET", "/model/cache"),
    ("DELETE", "/model/cache"),
    ("GET", "/metrics"),
    ("GET", "/nothing/here"),
]
OPEN = ["/api/health", "/api/ready", "/docs", "/openapi.json"]


@pytest.fixture(scope="module")
def keyed() -> Iterator[TestClient]:
    with face(api_keys=KEY, client=ELSEWHERE) as client:
        yield client


@pytest.mark.parametrize("headers", SENT)
def test_a_key_opens(keyed: TestClient, headers: dict[str, str]) -> None:
    assert keyed.delete("/model/cache", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", NOT_SENT)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_without_the_key_nothing_opens(
    keyed: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    response = keyed.request(method, path, headers=headers)

    shaped_error(response, 401, "key_needed")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", OPEN)
def test_health_and_documentation_need_no_key(keyed: TestClient, path: str) -> None:
    assert keyed.get(path).status_code == 200


def test_keys_are_asked_of_this_machine_too() -> None:
    with face(api_keys=KEY) as client:
        shaped_error(client.get("/model/stats"), 401)


def test_without_keys_this_machine_may_do_everything(client: TestClient) -> None:
    assert client.delete("/model/cache").status_code == 200


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_without_keys_others_may_do_nothing(method: str, path: str) -> None:
    with face(client=ELSEWHERE) as client:
        shaped_error(client.request(method, path), 403, "only_from_this_machine")


def test_anonymous_callers_may_ask_but_not_administer() -> None:
    with face(client=ELSEWHERE, api_allow_anonymous=True) as client:
        asked = client.post("/predict", files=form())
        refused = client.delete("/model/cache")

    assert asked.status_code == 200
    shaped_error(refused, 403, "only_from_this_machine")


def test_a_proxy_on_this_machine_does_not_make_its_callers_local() -> None:
    with face() as client:
        response = client.get("/model/stats", headers={"X-Forwarded-For": "127.0.0.1"})

    shaped_error(response, 403)


@pytest.mark.parametrize("path", ["/model/stats", "/metrics"])
def test_wrong_keys_cannot_be_tried_out_quickly(path: str) -> None:
    with face(api_keys=KEY, rate_limit="5/minute") as client:
        tried = [
            client.get(path, headers={"X-API-Key": f"guess-{n}"}).status_code for n in range(7)
        ]
        right = client.get(path, headers={"X-API-Key": KEY})

    assert tried == [401] * 5 + [429] * 2
    assert right.status_code == 200, "the owner of a key is not locked out by others"


def test_who_may_ask_for_metrics_may_ask_often() -> None:
    with face(api_keys=KEY, rate_limit="2/minute") as client:
        asked = [client.get("/metrics", headers={"X-API-Key": KEY}) for _ in range(5)]

    assert [answer.status_code for answer in asked] == [200] * 5


def test_an_upload_without_a_key_is_refused_unread() -> None:
    app = app_with(api_keys=KEY)
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        raise AssertionError("the body was read")

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    with client_of(app):
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/predict",
            "raw_path": b"/predict",
            "query_string": b"",
            "headers": [(b"content-length", b"1000")],
            "client": ELSEWHERE,
            "scheme": "http",
            "root_path": "",
        }
        asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]

    assert sent[0]["status"] == 401


def test_pages_of_others_are_not_let_in_by_default(client: TestClient) -> None:
    response = client.get("/model/stats", headers={"Origin": "https://other.example"})

    assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_page_that_is_named_is_let_in() -> None:
    origin = "https://gym.example"
    with face(cors_origins=origin, api_keys=KEY, client=ELSEWHERE) as client:
        asked = client.options(
            "/predict",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "X-API-Key",
            },
        )
        other = client.get(
            "/model/stats", headers={"Origin": "https://evil.example", "X-API-Key": KEY}
        )
        refused = client.get("/model/stats", headers={"Origin": origin})

    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-origin" not in other.headers
    # A page can read why it was refused.
    assert refused.headers["access-control-allow-origin"] == origin


def test_a_page_that_is_named_reads_what_is_left_of_its_limit() -> None:
    origin = "https://gym.example"
    with face(cors_origins=origin, rate_limit="2/hour") as client:
        for _ in range(3):
            answer = client.get("/model/stats", headers={"Origin": origin})

    assert answer.status_code == 429
    own = {name for name in answer.headers if name.startswith(("ratelimit-", "retry-"))}
    assert len(own) == 4
    assert own <= set(answer.headers["access-control-expose-headers"].lower().split(", "))


@pytest.mark.parametrize("text", ["*", "gym.example", "https://gym.example/page", "null"])
def test_an_origin_that_cannot_be_used_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="CORS_ORIGINS"):
        app_with(cors_origins=text)


@pytest.mark.parametrize("path", ["/api/health", "/nothing", "/docs", "/model/stats"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
