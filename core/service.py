"""The service of one process: models loaded once, one analysis at a time, a short queue.

:class:`ModelService` owns the models and one worker thread, which loads them, warms them up and
does all the work. Requests come from any thread: :meth:`ModelService.steps` is a blocking generator
of the same steps as :func:`core.analysis.analyze`, with an :class:`Answer` at its end; a face on an
event loop runs it in a thread. What was analysed before is answered from the cache without
queueing; a photo that is being analysed for somebody else is waited for, not analysed twice.

Faces in one process share one service (:mod:`core.shared_service`). Limits per
client, documents and metrics are the faces' matters.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeVar

from core.analysis import Models, Step, analyze
from core.answers import (
    MISSING,
    Answer,
    Readiness,
    ServiceState,
    closing_down,
    not_loaded,
    not_started,
)
from core.choices import Choices
from core.errands import MAX_WAITING, Errand
from core.errors import ClimbMateError
from core.jobs import Failure, Job, Waiter
from core.memory.ledger import operation
from core.memory.preflight import ran_smaller
from core.memory.pressure import PressureWatch
from core.model_keeper import Loader, ModelKeeper
from core.result_cache import CacheInfo, ResultCache, ResultKey, decode_result, encode_result
from core.service_statistics import Event, Observer, Statistics, Tally
from core.sessions import return_freed_memory
from core.settings import Settings
from core.waiting_line import WaitingLine
from core.wall import WallAnalysis

__all__ = [
    "Answer",
    "Choices",
    "ModelService",
    "Readiness",
    "make_cache",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

IDLE_CHECK_S = 10.0
"""How often an idle worker looks at the memory."""

RETRY_PAUSE_S = 5.0
"""After loading failed, requests get the error for so long before it is tried again."""

STOP_S = 2.0
"""How long a stopped analysis may take to notice: it does between two views of the photo."""


class ModelService:
    """Serves analyses. Make one, :meth:`start` it, :meth:`close` it at the end."""

    def __init__(
        self,
        settings: Settings,
        *,
        load: Loader | None = None,
        cache: ResultCache | None = None,
        watch: PressureWatch | None = None,
    ) -> None:
        """``load`` makes the models (:func:`core.analysis.load_models`), ``cache`` replaces the one
        that the settings ask for, ``watch`` judges the memory.
        """
        self.settings = settings
        self._cache = cache if cache is not None else make_cache(settings)
        self._watch = watch or PressureWatch()
        self._keeper = ModelKeeper(settings, load)
        self._tally = Tally()
        self._changed = threading.Condition()
        self._state: ServiceState = "new"
        self._error: ClimbMateError | None = None
        self._failed_at = 0.0
        self._wake = False
        self._busy = False
        self._closing = False
        self._line: WaitingLine[Step | Answer] = WaitingLine(settings.queue_size, self._tally)
        self._errands: deque[Errand[Any]] = deque()
        self._errand: Errand[Any] | None = None
        self._unload_reason = ""
        self._worker: threading.Thread | None = None

    # What faces call, from any thread

    def start(self) -> None:
        """Begin to load and warm up the models in the worker thread; once is enough.

        Raises :class:`core.errors.NotReadyError` when the service was closed.
        """
        with self._changed:
            if self._closing:
                raise closing_down()
            if self._worker is None:
                self._state, self._busy, self._wake = "loading", True, True
                self._worker = threading.Thread(target=self._work, name="analysis", daemon=True)
                self._worker.start()

    def wait_ready(self, timeout_s: float | None = None) -> Readiness:
        """Wait until loading has ended, well or badly, and tell how.

        Where it failed a while ago (RETRY_PAUSE_S), it is tried once more.
        """
        with self._changed:
            self._ask_for_models()
            self._changed.wait_for(lambda: self._state != "loading", timeout_s)
            return self.readiness()

    def readiness(self) -> Readiness:
        """Whether requests can be answered, at this moment."""
        with self._changed:
            missing = MISSING.get(self._state)
            return Readiness(
                missing is None, self._state, (missing,) if missing else (), self._error
            )

    def steps(
        self,
        data: bytes,
        *,
        name: str = "photo",
        choices: Choices | None = None,
        deadline_s: float | None = None,
    ) -> Generator[Step | Answer, None, None]:
        """Analyse the encoded photo ``data``; blocks between steps, and ends with an Answer.

        Closing the generator gives the request up. ``deadline_s`` counts from the first ``next``
        and covers waiting and running (REQUEST_TIMEOUT_S when None). An answer from the cache
        comes without steps, so without the opened photo. Nothing happens before the first ``next``,
        which raises what refuses the request.

        Raises :class:`core.errors.QueueFullError`, :class:`core.errors.DeadlineError`,
        :class:`core.errors.NotReadyError`, :class:`core.errors.ChoiceError`,
        :class:`core.errors.PhotoError`, :class:`core.errors.ModelError`, and what an analysis
        raises.
        """
        arrived = time.perf_counter()
        allowed_s = self.settings.request_timeout_s if deadline_s is None else deadline_s
        deadline = time.monotonic() + allowed_s
        settings = (choices or Choices()).applied_to(self.settings)
        sha256 = hashlib.sha256(data).hexdigest()
        if (known := self._known(sha256, settings, name)) is not None:
            yield self._answered(Answer(known, True, 0.0), arrived)
            return
        for alone in (False, True):
            waiter: Waiter[Step | Answer] = Waiter(name, deadline)
            job = self._enter(waiter, Job(sha256, data, name, settings), alone)
            try:
                while isinstance(item := self._next_item(waiter), Step):
                    yield _step_for(item, name)
                yield self._answered(item, arrived, name)
                return
            except ClimbMateError as error:
                # An error of a shared job may speak of the photo by the name somebody else gave.
                if alone or job.name == name or job.name not in str(error):
                    raise
            finally:
                self._leave(job, waiter)

    def analyze(
        self,
        data: bytes,
        *,
        name: str = "photo",
        choices: Choices | None = None,
        deadline_s: float | None = None,
    ) -> Answer:
        """The answer alone; arguments and errors as in :meth:`steps`."""
        for item in self.steps(data, name=name, choices=choices, deadline_s=deadline_s):
            if isinstance(item, Answer):
                return item
        raise RuntimeError("the analysis ended without an answer")

    def use_models(
        self,
        work: Callable[[Models], T],
        *,
        choices: Choices | None = None,
        deadline_s: float | None = None,
    ) -> T:
        """What ``work`` makes of the models, in the one thread that has them: before the photos
        that wait, after the analysis that runs. For short work; the models are loaded if need be.

        Raises what ``work`` raises and the errors of :meth:`steps`.
        """
        settings = (choices or Choices()).applied_to(self.settings)
        errand = Errand(work, settings)
        with self._changed:
            if self._closing:
                raise closing_down()
            if self._worker is None:
                raise not_started()
            if len(self._errands) >= MAX_WAITING:
                raise self._line.full()
            self._errands.append(errand)
            self._changed.notify_all()
        try:
            return errand.wait(
                self.settings.request_timeout_s if deadline_s is None else deadline_s
            )
        except TimeoutError:
            with self._changed:
                raise self._line.too_late() from None

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with every :class:`core.service_statistics.Event` from now on, in the
        thread it happens in; the returned function ends that.
        """
        return self._tally.observe(observer)

    def statistics(self) -> Statistics:
        """The service in numbers."""
        with self._changed:
            return Statistics(
                total_predictions=self._tally.events["answered"],
                analyses=self._tally.events["analysed"],
                total_inference_time_ms=self._tally.total_inference_time_ms,
                warmup_completed=self._tally.events["loaded"] > 0,
                cache_enabled=self._cache is not None,
                cache=self.cache_info(),
                queued=len(self._line),
                queue_size=self.settings.queue_size,
                running=self._line.running is not None,
                waiting_bytes=self._line.nbytes(),
                model_mb=self._keeper.grown_mb,
                memory_level=self._watch.level,
                events=dict(self._tally.events),
                reasons=self._tally.reasons(),
            )

    @property
    def models(self) -> Models | None:
        """The loaded models; None before loading and after unloading."""
        return self._keeper.models

    def cache_info(self) -> CacheInfo:
        """The cache in numbers; all 0 where ENABLE_MODEL_CACHE is false."""
        return self._cache.info() if self._cache is not None else CacheInfo()

    def clear_cache(self) -> int:
        """Forget all kept results, in Redis too; how many there were."""
        return self._cache.clear(shared=True) if self._cache is not None else 0

    def nbytes(self) -> int:
        """Bytes that the service holds besides the models: kept results and waiting photos."""
        kept = self._cache.nbytes() if self._cache is not None else 0
        with self._changed:
            return kept + self._line.nbytes()

    def unload(self, reason: str = "asked", timeout_s: float = 0.0) -> bool:
        """Let the models go; the next request loads them again. True when that is done.

        While an analysis or loading runs, it is done right afterwards; ``timeout_s`` is how long
        to wait for that. ``reason`` is one word, for the log and the statistics.
        """
        with self._changed:
            self._unload_reason = reason
            if not self._busy:
                self._unload_asked()
            self._changed.wait_for(lambda: not self._unload_reason, timeout_s)
            return not self._unload_reason

    def close(self, timeout_s: float = 10.0) -> bool:
        """Refuse the waiting requests, let the running one end within ``timeout_s``, end the
        thread; whether it ended. A second call does nothing.
        """
        with self._changed:
            self._closing = True
            worker = self._worker
            self._line.refuse(closing_down())
            while self._errands:
                self._errands.popleft().fail(closing_down())
            if worker is None:
                self._state = "closed"
            self._changed.notify_all()
        if worker is None:
            return True
        worker.join(timeout_s)
        if worker.is_alive():
            with self._changed:
                self._line.refuse(closing_down(), running=True)
            worker.join(STOP_S)
        return not worker.is_alive()

    # The requests' side of the queue

    def _known(self, sha256: str, settings: Settings, name: str) -> WallAnalysis | None:
        if self._cache is None or self._keeper.names is None:
            return None
        key = ResultKey.of(sha256, self._keeper.names, settings)
        return self._cache.get(key, name=name, keep=self._watch.level == "calm")

    def _enter(
        self, waiter: Waiter[Step | Answer], job: Job[Step | Answer], alone: bool
    ) -> Job[Step | Answer]:
        """Let ``waiter`` wait for ``job``, or, unless ``alone``, for one that is the same."""
        with self._changed:
            if self._closing:
                raise closing_down()
            if self._worker is None:
                raise not_started()
            if self._error is not None and not self._ask_for_models():
                raise self._error
            job = self._line.enter(job, waiter, alone=alone)
            self._changed.notify_all()
            return job

    def _leave(self, job: Job[Step | Answer], waiter: Waiter[Step | Answer]) -> None:
        with self._changed:
            self._line.leave(job, waiter)

    def _next_item(self, waiter: Waiter[Step | Answer]) -> Step | Answer:
        try:
            return waiter.take()
        except TimeoutError:
            self._tally.count(Event("expired"))
            with self._changed:
                raise self._line.too_late() from None

    def _answered(self, answer: Answer, arrived: float, name: str | None = None) -> Answer:
        """``answer`` for one request: with the name it gave, and the time it took."""
        spent_ms = (time.perf_counter() - arrived) * 1000
        found = answer.analysis
        if name is not None and found.photo.name != name:
            found = replace(found, photo=replace(found.photo, name=name))
        self._tally.count(Event("answered", spent_ms, from_cache=answer.from_cache))
        return Answer(found, answer.from_cache, spent_ms)

    # The worker's side

    def _ask_for_models(self) -> bool:
        """Have loading tried again, where it failed a while ago; whether that is so."""
        due = time.monotonic() - self._failed_at >= RETRY_PAUSE_S
        if self._state == "failed" and due and not self._closing:
            self._state, self._error, self._wake = "loading", None, True
            self._changed.notify_all()
            return True
        return self._state != "failed"

    def _work(self) -> None:
        while self._await_work():
            if self._errand is not None:
                self._run_errand(self._errand)
            elif self._line.running is None:
                self._try_to_load()
            else:
                self._serve(self._line.running)
                self._tidy()
            self._relieve()
        with self._changed:
            self._keeper.unload()
            self._state = "closed"
            self._changed.notify_all()

    def _await_work(self) -> bool:
        """Wait until there is something to do; False when that is to end."""
        with self._changed:
            self._line.running, self._errand, self._busy = None, None, False
            while True:
                if self._unload_reason:
                    self._unload_asked()
                if self._closing:
                    return False
                self._line.drop_unwanted()
                if self._wake or self._line or self._errands:
                    break
                if not self._changed.wait(IDLE_CHECK_S):
                    self._relieve()
            self._busy = True
            if self._errands:
                self._errand = self._errands.popleft()
                return True
            if not self._wake:
                self._line.advance()
            self._wake = False
            return True

    def _try_to_load(self) -> bool:
        """Load the models where they are not; on failure everybody who waits gets the error."""
        if self._keeper.models is not None:
            return True
        begun = time.perf_counter()
        try:
            self._keeper.load()
        except Exception as error:  # whatever it is, the thread lives on and requests are told
            known = not_loaded(error)
            logger.error("models=failed code=%s", known.code, exc_info=error)
            self._tally.count(Event("load_failed", reason=known.code))
            with self._changed:
                self._state, self._error = "failed", known
                self._failed_at = time.monotonic()
                self._line.refuse(known, running=True)
                self._changed.notify_all()
            return False
        spent_ms = (time.perf_counter() - begun) * 1000
        with self._changed:
            self._state, self._error = "ready", None
            self._changed.notify_all()
        self._tally.count(Event("loaded", spent_ms))
        return True

    def _run_errand(self, errand: Errand[Any]) -> None:
        if errand.abandoned:
            return
        try:
            self._relieve(models_needed=True)
            if self._try_to_load():
                errand.run(self._keeper.bound(errand.settings))
            else:
                errand.fail(self._error or not_started())
        except Exception as error:  # it is theirs who wait; the thread lives on
            errand.fail(error)

    def _serve(self, job: Job[Step | Answer]) -> None:
        """Answer everybody who waits for ``job``, with a result or an error."""
        self._relieve(models_needed=True)
        try:
            if self._try_to_load():
                self._analyse(job)
        except Exception as error:  # it is theirs who wait; the thread lives on
            code = error.code if isinstance(error, ClimbMateError) else "internal"
            if code == "internal":
                logger.exception("analysis=failed sha256=%s", job.sha256[:12])
            self._tally.count(Event("failed", reason=code))
            self._end(job, Failure(error))

    def _analyse(self, job: Job[Step | Answer]) -> None:
        begun = time.perf_counter()
        models = self._keeper.bound(job.settings)
        assert self._keeper.names is not None  # loaded models have names
        key = ResultKey.of(job.sha256, self._keeper.names, job.settings)
        # Since the request looked, the models may have got their names, or the same photo its end.
        kept = self._cache.peek(key, name=job.name) if self._cache is not None else None
        if kept is not None:
            self._end(job, Answer(kept, True, 0.0))
            return
        found = self._run(job, models)
        if found is None:
            self._tally.count(Event("stopped"))
            return
        content = encode_result(found)
        # What was seen smaller for want of memory is not what the photo gives at other times.
        lasting = self._cache is not None and not ran_smaller(found.warnings)
        if self._cache is not None and lasting and self._watch.level == "calm":
            self._cache.put(key, content)
        # Through the kept form, so that the first answer and a later one are the same.
        answer = Answer(decode_result(content, job.name), False, 0.0)
        spent_ms = (time.perf_counter() - begun) * 1000
        self._tally.count(Event("analysed", spent_ms, found.timings_ms))
        self._end(job, answer)
        if self._cache is not None and lasting:
            self._cache.share(key, content)

    def _run(self, job: Job[Step | Answer], models: Models) -> WallAnalysis | None:
        """The analysis of ``job``; None when it was stopped because nobody waits any more."""
        steps = analyze(job.data, models, job.settings, name=job.name)
        with operation("analyse"), closing(steps):
            for item in steps:
                if isinstance(item, WallAnalysis):
                    return item
                with self._changed:
                    if not job.wanted():
                        job.end(Failure(self._line.too_late()))
                        return None
                    job.share = item.share
                    job.tell(item)
        raise RuntimeError("the analysis ended without a result")

    def _end(self, job: Job[Step | Answer], item: Answer | Failure) -> None:
        with self._changed:
            self._line.running = None
            if not job.done:
                job.end(item)

    def _tidy(self) -> None:
        """After the last photo of the line, hand the pages of pictures that are gone back to the
        system: kept by the C library, they grew by 40 MiB over a hundred photos of mixed size.
        """
        with self._changed:
            idle = not self._line and not self._errands
        if idle:
            return_freed_memory()

    def _relieve(self, *, models_needed: bool = False) -> None:
        """Give memory back where it runs short: first the kept results, then the models."""
        loaded = self._keeper.models is not None
        relief = self._watch.check(can_unload=loaded and not models_needed)
        if relief.drop_results and self._cache is not None and (count := self._cache.clear()):
            logger.warning("results=dropped count=%d reason=%r", count, relief.reason)
            self._tally.count(Event("results_dropped", reason="memory"))
        if relief.unload_models:
            logger.warning("models=unloading reason=%r", relief.reason)
            with self._changed:
                self._unload_reason = "memory"
                self._unload_asked()

    def _unload_asked(self) -> None:
        """Unload for the reason that was given, where anything is loaded."""
        reason, self._unload_reason = self._unload_reason, ""
        self._changed.notify_all()
        if self._keeper.models is None:
            return
        freed_mb = self._keeper.unload()
        self._state = "unloaded"
        logger.warning("models=unloaded reason=%s freed_mb=%.0f", reason, freed_mb)
        self._tally.count(Event("unloaded", reason=reason))


def make_cache(settings: Settings) -> ResultCache | None:
    """The cache that the settings ask for, with Redis behind it where REDIS_URL is set."""
    if not settings.enable_model_cache:
        return None
    shared = None
    if settings.redis_url:
        from core.redis_cache import RedisCache

        shared = RedisCache(settings.redis_url, settings.redis_ttl_s)
    return ResultCache(settings.model_cache_size, int(settings.model_cache_mb * 2**20), shared)


def _step_for(step: Step, name: str) -> Step:
    """``step`` for a request that calls the photo ``name``."""
    if step.photo is None or step.photo.name == name:
        return step
    return replace(step, photo=replace(step.photo, name=name))
