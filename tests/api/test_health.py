"""GET /api/health, /api/ready: alive, and ready."""

from __future__ import annotations

import threading

from api.app import create_app
from core.analysis import Models
from core.errors import ModelError
from core.service import ModelService
from core.settings import Settings
from tests.api.faces import (
    HERE,
    SteppedDetector,
    TestClient,
    app_with,
    client_of,
    form,
    settings_for,
    shaped_error,
    stepped_models,
)
from tests.core.fakes import fake_models


def test_health_while_loading_and_ready_only_after() -> None:
    loaded = threading.Event()

    def load(_settings: Settings) -> Models:
        assert loaded.wait(20)
        return fake_models()

    settings = settings_for()
    app = create_app(settings, service=ModelService(settings, load=load))
    with TestClient(app, client=HERE) as client:
        health = client.get("/api/health")
        waiting = client.get("/api/ready")
        loaded.set()
        app.state.face.service.wait_ready(20)
        ready = client.get("/api/ready")

    assert health.status_code == 200 and health.json()["ok"] is True
    error = shaped_error(waiting, 503, "not_ready")
    assert "model" in error["message"]
    assert int(waiting.headers["retry-after"]) >= 1
    assert ready.json() == {"ok": True, "state": "ready"}


def test_not_ready_says_what_is_broken() -> None:
    def load(_settings: Settings) -> Models:
        raise ModelError("weights_damaged", "The detector is damaged.", "Restore it.")

    settings = settings_for()
    app = create_app(settings, service=ModelService(settings, load=load))
    with TestClient(app, client=HERE) as client:
        app.state.face.service.wait_ready(20)
        ready = client.get("/api/ready")
        asked = client.post("/predict", files=form())
        health = client.get("/api/health")

    assert shaped_error(ready, 503, "weights_damaged")["hint"] == "Restore it."
    shaped_error(asked, 503, "weights_damaged")
    assert health.status_code == 200


def test_health_is_not_held_up_by_an_analysis() -> None:
    detector = SteppedDetector()
    with client_of(app_with(stepped_models(detector))) as client:
        asking = threading.Thread(target=lambda: client.post("/predict", files=form()))
        asking.start()
        assert detector.begun.wait(20)
        during = [client.get(path).status_code for path in ("/api/health", "/api/ready", "/docs")]
        metrics = client.get("/metrics").text
        detector.let(detector.views)
        asking.join(20)

    assert during == [200, 200, 200]
    assert "climbmate_running 1.0" in metrics


def test_a_watcher_may_ask_for_the_head_alone() -> None:
    with client_of(app_with(fake_models())) as client:
        for path in ("/api/health", "/api/ready"):
            answer = client.head(path)
            assert (answer.status_code, answer.content) == (200, b"")
