"""The service of one process: models loaded once, one analysis at a time, a short queue.

:class:`ModelService` is what faces call, from any thread. :meth:`ModelService.steps` is a blocking
generator of the same steps as :func:`core.analysis.analyze`, with an :class:`Answer` at its end; a
face on an event loop runs it in a thread. What was analysed before is answered from the cache
without queueing; a photo that is being analysed for somebody else is waited for, not analysed
twice.

The work itself is done by one thread (:mod:`core.service_worker`); what the two sides share is
:mod:`core.agenda`. Faces in one process share one service (:mod:`core.shared_service`). Limits per
client, documents and metrics are the faces' matters.
"""

from __future__ import annotations

import atexit
import hashlib
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from core.agenda import Agenda
from core.analysis import Models, Step
from core.answers import Answer, Readiness
from core.choices import Choices
from core.errands import Errand
from core.errors import ClimbMateError
from core.jobs import HangUp, Job, Waiter
from core.memory.pressure import PressureWatch
from core.model_keeper import Loader, ModelKeeper
from core.result_cache import CacheInfo, ResultCache, ResultKey
from core.service_statistics import Event, Observer, Statistics, Tally
from core.service_worker import Worker, let_go
from core.settings import Settings
from core.wall import WallAnalysis

__all__ = [
    "Answer",
    "Choices",
    "ModelService",
    "Readiness",
    "make_cache",
]

T = TypeVar("T")

STOP_S = 2.0
"""How long a stopped analysis may take to notice: it does between two views of the photo."""

END_S = 6.0
"""How long it may at the end of the process; service managers usually grant 10 s in all."""


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
        self._agenda: Agenda[Step | Answer] = Agenda(
            settings.queue_size, self._tally, partial(let_go, self._keeper, self._tally)
        )
        self._worker = Worker(self._agenda, self._keeper, self._cache, self._watch, self._tally)

    def start(self) -> None:
        """Begin to load and warm up the models in the worker's thread; once is enough.

        A process that ends meanwhile stops what runs and waits for it, :data:`END_S` at most.
        Raises :class:`core.errors.NotReadyError` when the service was closed.
        """
        self._agenda.begin(self._begin)

    def wait_ready(self, timeout_s: float | None = None) -> Readiness:
        """Wait until loading has ended, well or badly, and tell how.

        Where it failed a while ago (:data:`core.agenda.RETRY_PAUSE_S`), it is tried once more.
        """
        return self._agenda.wait_loaded(timeout_s)

    def readiness(self) -> Readiness:
        """Whether requests can be answered, at this moment."""
        return self._agenda.readiness()

    def steps(
        self,
        data: bytes,
        *,
        name: str = "photo",
        choices: Choices | None = None,
        deadline_s: float | None = None,
        hang_up: HangUp | None = None,
    ) -> Generator[Step | Answer, None, None]:
        """Analyse the encoded photo ``data``; blocks between steps, and ends with an Answer.

        Closing the generator gives the request up; while a thread waits in it, ``hang_up`` does,
        and that thread gets :class:`core.jobs.CallerGoneError`. ``deadline_s`` counts from the
        first ``next`` and covers waiting and running (REQUEST_TIMEOUT_S when None). An answer from
        the cache comes without steps, so without the opened photo. Nothing happens before the first
        ``next``, which raises what refuses the request.

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
            if hang_up is not None:
                hang_up.ends(waiter)
            job = self._agenda.enter(Job(sha256, data, name, settings), waiter, alone=alone)
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
                self._agenda.leave(job, waiter)

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
        self._agenda.add_errand(errand)
        try:
            return errand.wait(
                self.settings.request_timeout_s if deadline_s is None else deadline_s
            )
        except TimeoutError:
            raise self._agenda.too_late() from None

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with every :class:`core.service_statistics.Event` from now on, in the
        thread it happens in; the returned function ends that.
        """
        return self._tally.observe(observer)

    def statistics(self) -> Statistics:
        """The service in numbers."""
        occupancy = self._agenda.occupancy()
        return Statistics(
            total_predictions=self._tally.events["answered"],
            analyses=self._tally.events["analysed"],
            total_inference_time_ms=self._tally.total_inference_time_ms,
            warmup_completed=self._tally.events["loaded"] > 0,
            cache_enabled=self._cache is not None,
            cache=self.cache_info(),
            queued=occupancy.queued,
            queue_size=self.settings.queue_size,
            running=occupancy.running,
            waiting_bytes=occupancy.waiting_bytes,
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
        return kept + self._agenda.occupancy().waiting_bytes

    def unload(self, reason: str = "asked", timeout_s: float = 0.0) -> bool:
        """Let the models go; the next request loads them again. True when that is done.

        While an analysis or loading runs, it is done right afterwards; ``timeout_s`` is how long
        to wait for that. ``reason`` is one word, for the log and the statistics.
        """
        return self._agenda.ask_to_unload(reason, timeout_s)

    def close(self, timeout_s: float = 10.0) -> bool:
        """Refuse the waiting requests, let the running one end within ``timeout_s``, end the
        thread; whether it ended. A second call does nothing.
        """
        atexit.unregister(self._end)
        if not self._agenda.close() or self._worker.ended(timeout_s):
            return True
        self._agenda.give_up()
        return self._worker.ended(STOP_S)

    def _begin(self) -> None:
        atexit.register(self._end)
        self._worker.start()

    def _end(self) -> None:
        """Have the worker's thread back before the interpreter goes: it would end a thread that
        comes out of a model then, which the runtime's C++ answers with ``abort()``.
        """
        self._agenda.close()
        self._agenda.give_up()
        self._worker.ended(END_S)

    def _known(self, sha256: str, settings: Settings, name: str) -> WallAnalysis | None:
        if self._cache is None or self._keeper.names is None:
            return None
        key = ResultKey.of(sha256, self._keeper.names, settings)
        return self._cache.get(key, name=name, keep=self._watch.level == "calm")

    def _next_item(self, waiter: Waiter[Step | Answer]) -> Step | Answer:
        try:
            return waiter.take()
        except TimeoutError:
            self._tally.count(Event("expired"))
            raise self._agenda.too_late() from None

    def _answered(self, answer: Answer, arrived: float, name: str | None = None) -> Answer:
        """``answer`` for one request: with the name it gave, and the time it took."""
        spent_ms = (time.perf_counter() - arrived) * 1000
        found = answer.analysis
        if name is not None and found.photo.name != name:
            found = replace(found, photo=replace(found.photo, name=name))
        self._tally.count(Event("answered", spent_ms, from_cache=answer.from_cache))
        return Answer(found, answer.from_cache, spent_ms)


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
