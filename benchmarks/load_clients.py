"""The clients of the load test, in a process of their own: ``python -m benchmarks.load_clients``

Reads a plan as JSON from stdin and writes what happened to every request as JSON to stdout. locust
drives the clients; it brings gevent, which replaces sockets and threads of the whole process, so
nothing else runs here. Each client sends a photo, waits for the answer, compares it with the
reference of that photo, and goes on; after a refusal it waits as long as Retry-After says. Of the
photos, a share is sent with the same bytes again and again, so that the cache is used; the others
come with bytes of their own. The dice are fixed: every run sends the same.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
import locust
from locust.env import Environment

from benchmarks.load_photos import with_other_bytes
from benchmarks.load_rows import core_of

REPEATED = 0.3
"""The share of requests whose photo is sent with the same bytes as before."""

FINISH_S = 90.0
"""After the time is over, requests that are under way may take so long."""

numbers = count(1)


class Setter(locust.HttpUser):
    """A client that sends photos without a pause worth speaking of."""

    wait_time = locust.between(0.05, 0.3)
    plan: dict[str, Any]
    photos: list[tuple[dict[str, Any], bytes]]
    rows: list[dict[str, Any]]
    began: float

    def on_start(self) -> None:
        """Dice of its own, the same at every run."""
        self.dice = random.Random(next(numbers))

    @locust.task
    def send(self) -> None:
        """One photo, and what became of it."""
        photo, data = self.dice.choice(self.photos)
        repeated = self.dice.random() < REPEATED
        if not repeated:
            data = with_other_bytes(data, photo["format"], next(numbers))
        started = time.perf_counter()
        with self.client.post(
            "/api/analyze", files={"file": (Path(photo["path"]).name, data)}, catch_response=True
        ) as response:
            taken_ms = (time.perf_counter() - started) * 1000
            verdict, told = judged(response, photo, data)
            response.success()
        self.rows.append(
            {
                "at_s": round(started - self.began, 3),
                "ms": round(taken_ms, 1),
                "status": response.status_code,
                "photo": Path(photo["path"]).name,
                "repeated": repeated,
                "from_cache": response.headers.get("x-from-cache") == "true",
                "server_ms": float(response.headers.get("x-processing-ms", "nan")),
                "verdict": verdict,
                "told": told,
            }
        )
        if verdict == "refused":
            left_s = self.plan["seconds"] - (time.perf_counter() - self.began)
            gevent.sleep(min(float(response.headers["Retry-After"]), max(0.0, left_s)))


def judged(response: Any, photo: dict[str, Any], data: bytes) -> tuple[str, str]:
    """``right``, ``smaller`` (honestly seen smaller for want of memory), ``refused`` or ``wrong``,
    and of the last two why."""
    if response.status_code in (429, 503):
        if not response.headers.get("Retry-After", "").isdecimal():
            return "wrong", f"{response.status_code} without Retry-After: {response.text[:200]}"
        return "refused", str(response.json()["error"]["code"])
    if response.status_code != 200:
        return "wrong", f"{response.status_code}: {response.error or response.text[:200]}"
    try:
        document = response.json()
    except ValueError as error:
        return "wrong", f"no JSON: {error}"
    if document["photo"]["sha256"] != hashlib.sha256(data).hexdigest():
        return "wrong", "the answer is of another photo"
    if core_of(document) == photo["reference"]:
        return "right", ""
    if any(text.startswith(photo["short_of_memory"]) for text in document["warnings"]):
        return "smaller", ""
    return "wrong", "the answer differs from the reference"


def main() -> None:
    """Run the plan on stdin."""
    plan = json.load(sys.stdin)
    Setter.plan, Setter.rows, Setter.began = plan, [], time.perf_counter()
    Setter.host = plan["url"]
    Setter.photos = [(photo, Path(photo["path"]).read_bytes()) for photo in plan["photos"]]
    environment = Environment(user_classes=[Setter], stop_timeout=FINISH_S)
    runner = environment.create_local_runner()
    runner.start(plan["clients"], spawn_rate=plan["clients"])
    gevent.sleep(plan["seconds"])
    runner.quit()
    taken_s = time.perf_counter() - Setter.began
    json.dump({"seconds": taken_s, "rows": Setter.rows}, sys.stdout)


if __name__ == "__main__":
    main()
