"""GET /metrics, and the Grafana dashboard that reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.metrics import PHOTO_ROUTES
from core.memory.readings import rss_mb
from core.service_statistics import Kind
from tests.api.faces import ROOT, form, photo

DASHBOARD = ROOT / "deploy" / "grafana" / "climbmate.json"


def samples(client: TestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of a scrape, read by Prometheus' own parser."""
    response = client.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(scrape: dict[Any, float], name: str, **labels: str) -> float:
    return scrape[f"climbmate_{name}", frozenset(labels.items())]


def test_requests_are_counted_by_route_method_and_status(client: TestClient) -> None:
    client.post("/predict", files=form())
    client.post("/predict", files=form())
    client.post("/predict", files=form(b"no photo"))

    scrape = samples(client)

    counted = {"route": "/predict", "method": "POST"}
    assert value(scrape, "requests_total", **counted, status="200") == 2
    assert value(scrape, "requests_total", **counted, status="422") == 1
    assert value(scrape, "request_seconds_count", route="/predict") == 3


def test_stages_are_timed_once_for_each_analysis(client: TestClient) -> None:
    told = client.post("/api/analyze", files=form()).json()["timings_ms"]
    client.post("/api/analyze", files=form())  # from the cache: no stage ran

    scrape = samples(client)

    for stage in ("decode", "detect", "masks", "colour", "problems", "total"):
        assert value(scrape, "stage_seconds_count", stage=stage) == 1
    seconds = value(scrape, "stage_seconds_sum", stage="total")
    assert seconds == pytest.approx(told["total"] / 1000, abs=1e-4)


def test_service_cache_and_memory_are_read(client: TestClient) -> None:
    for seed in (1, 2, 1):
        client.post("/predict", files=form(photo(seed=seed)))
    client.app.state.face.service.unload("test", 20.0)  # type: ignore[attr-defined]

    scrape = samples(client)

    assert value(scrape, "cache_entries") == 2
    assert value(scrape, "cache_hits_total") == 1
    assert value(scrape, "cache_misses_total") == 2
    assert value(scrape, "cache_bytes") > 0
    assert value(scrape, "queue_depth") == 0
    assert value(scrape, "ready") == 1
    assert value(scrape, "events_total", kind="answered") == 3
    assert value(scrape, "unloads_total", reason="test") == 1
    assert value(scrape, "resident_bytes") == pytest.approx(rss_mb() * 2**20, rel=0.2)


def test_what_happens_rarely_is_there_before_it_happens(client: TestClient) -> None:
    scrape = samples(client)

    for kind in get_args(Kind):
        assert value(scrape, "events_total", kind=kind) == (kind == "loaded")
    assert value(scrape, "unloads_total", reason="memory") == 0
    photo_routes = {path for path, item in openapi(client)["paths"].items() if takes_a_photo(item)}
    assert photo_routes == set(PHOTO_ROUTES)
    for route in photo_routes:
        for status in ("429", "503"):
            labels = {"route": route, "method": "POST", "status": status}
            assert value(scrape, "requests_total", **labels) == 0


def openapi(client: TestClient) -> dict[str, Any]:
    document: dict[str, Any] = client.app.openapi()  # type: ignore[attr-defined]
    return document


def takes_a_photo(item: dict[str, Any]) -> bool:
    """Whether a path's operations have one with an upload."""
    bodies = [operation.get("requestBody", {}) for operation in item.values()]
    return any("multipart/form-data" in body.get("content", {}) for body in bodies)


def test_callers_cannot_make_the_series_grow(client: TestClient) -> None:
    client.get("/warm")
    client.request("BREW", "/warm")
    samples(client)
    before = len(samples(client))
    for number in range(50):
        client.get(f"/made/up/{number}?x={number}")
        client.request(f"VERB{number}", "/nothing")
        client.get("/nothing", headers={"X-API-Key": f"k{number}", "User-Agent": str(number)})
    after = samples(client)

    assert len(after) == before
    assert value(after, "requests_total", route="other", method="GET", status="404") == 101
    assert value(after, "requests_total", route="other", method="OTHER", status="404") == 51


def test_the_dashboard_asks_only_for_what_there_is(client: TestClient) -> None:
    client.post("/predict", files=form())
    client.app.state.face.service.unload("test", 20.0)  # type: ignore[attr-defined]
    names = {name for name, _ in samples(client)}
    dashboard = json.loads(DASHBOARD.read_text())

    queries = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"climbmate_\w+", query)}

    assert len(queries) >= 10
    assert asked <= names, f"unknown: {asked - names}"
    described = {name.removesuffix("_total") for name in asked}
    assert {"climbmate_queue_depth", "climbmate_resident_bytes", "climbmate_unloads"} <= described


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_prometheus_own_tool_finds_nothing_wrong(client: TestClient, tmp_path: Path) -> None:
    client.post("/predict", files=form())
    queries = [
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel["targets"]
    ]
    rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    for arguments, text in (
        (["check", "metrics"], client.get("/metrics").text),
        (["check", "rules", str(file)], ""),
        (["check", "config", "--syntax-only", str(ROOT / "deploy" / "prometheus.yml")], ""),
    ):
        done = subprocess.run(
            ["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and panel["description"]
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not cells & taken
        taken |= cells
