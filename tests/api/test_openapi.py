"""The OpenAPI document: it tells the truth, and schemathesis finds nothing that breaks."""

from __future__ import annotations

from typing import Any

import hypothesis
import jsonschema
import schemathesis
from schemathesis.checks import CHECKS
from starlette.testclient import TestClient

from tests.api.faces import RealServer, app_with


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_is_described(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    told = {(method, path) for path, method, _ in operations(document)}
    assert told == {
        ("get", "/api/health"),
        ("get", "/api/ready"),
        ("post", "/api/analyze"),
        ("post", "/api/analyze-stream"),
        ("post", "/predict"),
        ("get", "/model/stats"),
        ("get", "/model/cache"),
        ("delete", "/model/cache"),
        ("get", "/metrics"),
    }
    for _, _, operation in operations(document):
        assert operation["summary"] and operation["description"]


def test_every_json_answer_has_an_example_that_fits(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    fitted = 0
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            if content is None:
                assert status == "200", (method, path, status)
                continue
            schema = {**content["schema"], "components": document["components"]}
            jsonschema.validate(content["example"], schema)
            fitted += 1

    assert fitted > 50


def test_every_operation_says_how_it_fails(client: TestClient) -> None:
    for path, method, operation in operations(client.get("/openapi.json").json()):
        statuses = set(operation["responses"])
        assert "500" in statuses
        if method == "post":
            assert {"400", "401", "403", "413", "422", "429", "503"} <= statuses, path
        # The framework's own shape of validation errors is nowhere.
        assert "HTTPValidationError" not in str(operation)


SCHEMA = schemathesis.openapi.from_dict(app_with().openapi())


@SCHEMA.parametrize()
@hypothesis.settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_generated_requests_are_answered_as_described(
    case: schemathesis.Case, live: RealServer
) -> None:
    """Against a real server: what is generated comes over a real connection."""
    response = case.call(base_url=live.url)

    assert response.status_code < 500, response.text
    # The document cannot say which bytes are a photo: that generated ones are refused is right.
    case.validate_response(response, excluded_checks=[CHECKS.get_one("positive_data_acceptance")])
