"""Kept results: what comes back, what has to go, and what is not believed."""

from __future__ import annotations

import json
import sys
import threading
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import result_cache
from core.memory.readings import rss_mb
from core.result_cache import (
    ANSWERING,
    CacheInfo,
    ResultCache,
    ResultKey,
    decode_result,
    encode_result,
)
from core.settings import ROWS, load_settings
from core.wall import ModelInfo, PhotoInfo, Problem, Timings, WallAnalysis
from tests.core.make import make_analysis, make_colour, make_hold

pytestmark = pytest.mark.usefixtures("clean_environment")

MODELS = ModelInfo("detector@1", "colour@1")
SHA = "ab" * 32
ROOMY = 10 * 2**20


def wall(sha256: str = SHA, holds: int = 3) -> WallAnalysis:
    """An analysis as it comes back from its document."""
    made = [
        make_hold(
            n,
            (7.5 * n, 3.0, 20.1, 30.2),
            make_colour("red", alternatives=(("pink", 0.04),)),
            problem=1,
        )
        for n in range(1, holds + 1)
    ]
    analysis = make_analysis(
        made,
        [Problem(1, "red", tuple(range(1, holds + 1)))],
        photo=PhotoInfo("first.jpg", sha256, 800, 600),
        models=MODELS,
        timings_ms=Timings(1.0, 2.0, 3.0, 4.0, 5.0, 15.0),
        warnings=("Umlaute: äöü",),
    )
    return WallAnalysis.from_document(analysis.document())


def key(sha256: str = SHA, models: ModelInfo = MODELS, **values: Any) -> ResultKey:
    return ResultKey.of(sha256, models, load_settings(**values))


def shas(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(count)]


class FakeStore:
    """A shared store that keeps in a dictionary."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.asked = 0

    def get(self, key: str) -> bytes | None:
        self.asked += 1
        return self.content.get(key)

    def put(self, key: str, content: bytes) -> bool:
        self.content[key] = content
        return True

    def clear(self) -> int:
        count = len(self.content)
        self.content.clear()
        return count


def test_a_result_comes_back_equal_but_for_the_name() -> None:
    cache = ResultCache(8, ROOMY)
    cache.put(key(), encode_result(wall()))

    back = cache.get(key(), name="second.jpg")

    assert back is not None and back.photo.name == "second.jpg"
    assert replace(back, photo=wall().photo) == wall()
    assert b"first.jpg" not in zlib.decompress(encode_result(wall()))


CHANGES: list[dict[str, Any]] = [
    {"yolo_conf": 0.5},
    {"palette": "red,blue"},
    {"max_holds": 3},
    {"max_image_size": 1024},
    {"yolo_img_size": 320},
    {"clip_batch_size": 4},
    {"max_photo_mb": 1},
    {"max_photo_pixels": 1000},
]


@pytest.mark.parametrize("values", CHANGES, ids=lambda values: next(iter(values)))
def test_another_setting_is_another_key(values: dict[str, Any]) -> None:
    assert key(**values).text() != key().text()


def test_every_setting_that_changes_an_answer_is_known() -> None:
    """A new setting has to be sorted: into the key, or among those that change no answer."""
    changes_none = {
        "yolo_weights", "clip_model", "clip_pretrained",  # these are in the models' names
        "omp_num_threads", "cache_dir", "log_level", "queue_size", "request_timeout_s",
        "enable_model_cache", "model_cache_size", "model_cache_mb", "redis_url", "redis_ttl_s",
    }  # fmt: skip
    service_wide = set(ROWS) - changes_none - set(ANSWERING)

    assert set(ANSWERING) == {name for values in CHANGES for name in values}
    assert not {name for name in service_wide if name.startswith(("yolo", "clip", "max_"))}


@pytest.mark.parametrize(
    "other",
    [
        lambda: key("cd" * 32),
        lambda: key(models=ModelInfo("detector@2", "colour@1")),
        lambda: key(models=ModelInfo("detector@1", "colour@2")),
    ],
)
def test_another_photo_or_model_is_another_key(other: Any) -> None:
    assert other().text() != key().text()


def test_another_release_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key().text()
    monkeypatch.setattr(result_cache, "release", lambda: "another")

    assert key().text() != before


@pytest.mark.parametrize("changed", ["core/colour.py", "weights/statistics/checksums.json"])
def test_another_module_or_statistics_network_is_another_release(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("core/colour.py", "core/result_cache.py", "weights/statistics/checksums.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(result_cache, "__file__", str(tmp_path / "core/result_cache.py"))
    monkeypatch.setattr(result_cache, "EMBEDDED", tmp_path / "weights")
    now = result_cache.release.__wrapped__

    before = now()
    assert now() == before
    (tmp_path / changed).write_text("other")

    assert now() != before


def test_the_same_photo_is_the_same_key_in_every_process() -> None:
    assert key().text() == key().text() and len(key().text()) == 64
    assert key(omp_num_threads=1).text() == key(omp_num_threads=2).text()


def test_the_result_used_longest_ago_makes_room() -> None:
    cache = ResultCache(3, ROOMY)
    names = shas(4)
    for sha in names[:3]:
        cache.put(key(sha), encode_result(wall(sha)))
    cache.get(key(names[0]), name="")
    cache.put(key(names[3]), encode_result(wall(names[3])))

    kept = [cache.peek(key(sha), name="") is not None for sha in names]

    assert kept == [True, False, True, True] and cache.info().currsize == 3


def test_the_bound_in_bytes_holds_and_is_true() -> None:
    content = encode_result(wall(holds=40))
    one = sys.getsizeof(content) + sys.getsizeof("0" * 64)
    cache = ResultCache(1000, 5 * (one + 200))
    for sha in shas(20):
        cache.put(key(sha), content)

    assert cache.info().currsize == 5
    assert 5 * one <= cache.nbytes() == cache.info().bytes <= cache.info().max_bytes

    cache.put(key(shas(20)[-1]), content)  # once more: counted once
    assert cache.nbytes() == cache.info().bytes and cache.info().currsize == 5
    assert cache.clear() == 5 and cache.nbytes() == 0


def test_what_is_larger_than_the_bound_is_not_kept_and_drives_nothing_out() -> None:
    small, large = encode_result(wall()), b"x" * 5000
    cache = ResultCache(10, 4000)
    cache.put(key(shas(1)[0]), small)

    cache.put(key(), large)

    assert cache.info().currsize == 1 and cache.peek(key(), name="") is None


def test_the_counted_bytes_are_what_is_allocated() -> None:
    cache = ResultCache(10_000, 2**30)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for sha in shas(1000):
            cache.put(key(sha), b"x" * int(sha[-2:], 16) * 20)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before == pytest.approx(cache.nbytes(), rel=0.1)


def test_hits_and_misses_are_counted() -> None:
    cache = ResultCache(8, ROOMY)
    assert cache.get(key(), name="") is None
    cache.put(key(), encode_result(wall()))
    cache.get(key(), name="")
    cache.get(key(), name="")
    cache.peek(key(), name="")

    info = cache.info()
    assert (info.hits, info.misses, info.shared_hits) == (2, 1, 0)
    assert CacheInfo().hits == 0


@pytest.mark.parametrize("bounds", [(0, 1), (1, 0)])
def test_bounds_of_nothing_are_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected bounds from 1"):
        ResultCache(*bounds)


def test_a_hit_of_the_shared_store_is_kept_here() -> None:
    store = FakeStore()
    ResultCache(8, ROOMY, store).share(key(), encode_result(wall()))
    cache = ResultCache(8, ROOMY, store)

    first, second = cache.get(key(), name="x"), cache.get(key(), name="y")

    assert first is not None and second is not None and second.photo.name == "y"
    assert store.asked == 1 and cache.info().shared_hits == 1 and cache.info().hits == 2


def test_nothing_is_kept_here_where_memory_is_short() -> None:
    store = FakeStore()
    cache = ResultCache(8, ROOMY, store)
    cache.share(key(), encode_result(wall()))

    assert cache.get(key(), name="x", keep=False) is not None
    assert cache.info().currsize == 0


def test_clearing_leaves_the_shared_store_alone_unless_asked() -> None:
    store = FakeStore()
    cache = ResultCache(8, ROOMY, store)
    cache.put(key(), encode_result(wall()))
    cache.share(key(), encode_result(wall()))

    assert cache.clear() == 1 and len(store.content) == 1
    assert cache.clear(shared=True) == 1 and not store.content


def packed(document: object) -> bytes:
    return zlib.compress(json.dumps(document).encode())


def changed(**values: Any) -> bytes:
    return packed({**wall().document(), **values})


FOREIGN: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("text", b"OK"),
    ("not compressed", json.dumps(wall().document()).encode()),
    ("cut off", encode_result(wall())[:-10]),
    ("a flipped bit", bytes([*encode_result(wall())[:60], 255, *encode_result(wall())[61:]])),
    ("a list", packed([1, 2])),
    ("null", packed(None)),
    ("no photo", packed({"schema": "climbmate.wall/1"})),
    ("photo is text", changed(photo="wall")),
    ("another schema", changed(schema="climbmate.wall/9")),
    ("holds are numbers", changed(holds=[1, 2])),
    ("holds are null", changed(holds=None)),
    ("a hold without colour", changed(holds=[{"id": 1}])),
    ("nested deeply", zlib.compress(b"[" * 200_000)),
    ("not unicode", zlib.compress(b"\xff\xfe")),
    ("another photo's", encode_result(wall("cd" * 32))),
    ("another model's", encode_result(replace(wall(), models=ModelInfo("a@1", "b@1")))),
]


@pytest.mark.parametrize("content", [c for _, c in FOREIGN], ids=[name for name, _ in FOREIGN])
def test_a_foreign_or_damaged_entry_is_no_answer(content: bytes) -> None:
    store = FakeStore()
    store.content[key().text()] = content
    cache = ResultCache(8, ROOMY, store)

    assert cache.get(key(), name="x") is None
    assert cache.info().misses == 1 and cache.info().currsize == 0


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_cache, "MAX_DOCUMENT_BYTES", 2**20)
    bomb = zlib.compress(b'{"a":"' + b"0" * 50_000_000 + b'"}')
    before = rss_mb()

    with pytest.raises(ValueError, match=r"whole document|Unterminated"):
        decode_result(bomb, "x")

    assert rss_mb() - before < 20


def test_many_threads_leave_the_books_in_order() -> None:
    cache = ResultCache(16, ROOMY)
    content = encode_result(wall())
    failures: list[Exception] = []

    def work(seed: int) -> None:
        try:
            for turn in range(200):
                sha = shas(40)[(seed * 7 + turn * 13) % 40]
                if cache.peek(key(sha), name="") is None:
                    cache.put(key(sha), content)
                if turn % 50 == 0:
                    cache.clear()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    size = sys.getsizeof(content) + sys.getsizeof("0" * 64) + 200
    assert not failures and cache.info().currsize <= 16
    assert cache.nbytes() == cache.info().currsize * size
