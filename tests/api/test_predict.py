"""POST /predict and /model/...: the shapes that clients of the model service know."""

from __future__ import annotations

from starlette.testclient import TestClient

from api.answers import CacheAnswer, PredictAnswer, StatsAnswer
from tests.api.faces import face, form, photo


def test_the_shape_of_a_prediction(client: TestClient) -> None:
    document = client.post("/predict", files=form(photo(320, 200), "gym.jpg")).json()

    metadata = document["metadata"]
    assert set(document) == {"success", "predictions", "metadata"}
    assert set(metadata) == {
        "processing_time_ms",
        "image_size",
        "filename",
        "model_version",
        "cache_enabled",
        "from_cache",
    }
    assert metadata["image_size"] == [320, 200]
    assert metadata["filename"] == "gym.jpg"
    assert metadata["model_version"] == "fake-detector@000000000000+fake-colour@000000000000"
    assert (metadata["cache_enabled"], metadata["from_cache"]) == (True, False)
    PredictAnswer.model_validate(document)


def test_predictions_are_the_holds_of_the_analysis(client: TestClient) -> None:
    predicted = client.post("/predict", files=form()).json()
    analysed = client.post("/api/analyze", files=form()).json()

    assert predicted["predictions"] == analysed["holds"]


def test_the_same_photo_twice_differs_only_in_how_it_was_answered(client: TestClient) -> None:
    first, second = (client.post("/predict", files=form()).json() for _ in range(2))

    assert (first["metadata"].pop("from_cache"), second["metadata"].pop("from_cache")) == (
        False,
        True,
    )
    for document in (first, second):
        assert document["metadata"].pop("processing_time_ms") > 0
    assert first == second


def test_the_shape_of_the_statistics(client: TestClient) -> None:
    for _ in range(3):
        client.post("/predict", files=form())

    document = client.get("/model/stats").json()

    StatsAnswer.model_validate(document)
    told = document["statistics"]
    assert told.pop("avg_inference_time_ms") == told.pop("total_inference_time_ms") > 0
    assert told == {
        "total_predictions": 3,
        "cache_enabled": True,
        "cache_size": 1,
        "cache_hits": 2,
        "cache_misses": 1,
        "cache_hit_rate_percent": 66.7,
        "warmup_completed": True,
    }
    assert document["cache_info"] == {"hits": 2, "misses": 1, "maxsize": 128, "currsize": 1}


def test_the_cache_is_read_and_emptied(client: TestClient) -> None:
    for seed in range(3):
        client.post("/predict", files=form(photo(seed=seed)))
    before = client.get("/model/cache").json()

    cleared = client.delete("/model/cache").json()

    CacheAnswer.model_validate(before)
    assert before["cache_info"]["currsize"] == 3
    assert cleared == {"success": True, "cleared": 3}
    assert client.get("/model/cache").json()["cache_info"]["currsize"] == 0
    again = client.post("/predict", files=form(photo(seed=0))).json()
    assert again["metadata"]["from_cache"] is False


def test_without_a_cache_nothing_is_remembered() -> None:
    with face(enable_model_cache=False) as client:
        answers = [client.post("/predict", files=form()).json() for _ in range(2)]
        cache = client.get("/model/cache").json()

    assert [a["metadata"]["from_cache"] for a in answers] == [False, False]
    assert [a["metadata"]["cache_enabled"] for a in answers] == [False, False]
    assert cache["cache_enabled"] is False
