"""The one thread of a service that has the models: it loads them, runs what is to be done, and
gives memory back.

What is to be done comes from the :class:`core.agenda.Agenda`, and results go back through it.
Whatever goes wrong is told to who waits; the thread lives on. Who may ask for what, and how long
they wait, is the callers' side (:mod:`core.service`).
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from typing import Any

from core.agenda import Agenda, Call
from core.analysis import Models, Step, analyze
from core.answers import Answer, not_loaded
from core.errands import Errand
from core.errors import ClimbMateError
from core.jobs import Failure, Job, forget_locals
from core.memory.giving_back import return_freed_memory
from core.memory.ledger import operation
from core.memory.preflight import ran_smaller
from core.memory.pressure import PressureWatch
from core.model_keeper import ModelKeeper
from core.result_cache import ResultCache, ResultKey, decode_result, encode_result
from core.service_statistics import Event, Tally
from core.wall import WallAnalysis

logger = logging.getLogger(__name__)

IDLE_CHECK_S = 10.0
"""How often an idle worker looks at the memory."""


class Worker:
    """Does what the agenda says until that says to end."""

    def __init__(
        self,
        agenda: Agenda[Step | Answer],
        keeper: ModelKeeper,
        cache: ResultCache | None,
        watch: PressureWatch,
        tally: Tally,
    ) -> None:
        self._agenda = agenda
        self._keeper = keeper
        self._cache = cache
        self._watch = watch
        self._tally = tally
        self._thread = threading.Thread(target=self._work, name="analysis", daemon=True)

    def start(self) -> None:
        """Start the thread, once."""
        self._thread.start()

    def ended(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; whether it came within ``timeout_s``."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (task := self._agenda.next_task(self._relieve, IDLE_CHECK_S)) is not Call.END:
            if isinstance(task, Errand):
                self._run_errand(task)
            elif isinstance(task, Job):
                self._serve(task)
                self._tidy()
            else:
                self._try_to_load()
            self._relieve()
        self._keeper.unload()
        self._agenda.closed()

    def _try_to_load(self) -> ClimbMateError | None:
        """Load the models where they are not; the error that everybody who waits got, if any."""
        if self._keeper.models is not None:
            return None
        begun = time.perf_counter()
        try:
            self._keeper.load()
        except Exception as error:  # whatever it is, the thread lives on and requests are told
            known = not_loaded(error)
            logger.error("models=failed code=%s", known.code, exc_info=error)
            forget_locals(error)
            self._tally.count(Event("load_failed", reason=known.code))
            self._agenda.load_failed(known)
            return known
        spent_ms = (time.perf_counter() - begun) * 1000
        self._agenda.loaded()
        self._tally.count(Event("loaded", spent_ms))
        return None

    def _run_errand(self, errand: Errand[Any]) -> None:
        if errand.abandoned:
            return
        try:
            self._relieve(models_needed=True)
            if (error := self._try_to_load()) is None:
                errand.run(self._keeper.bound(errand.settings))
            else:
                errand.fail(error)
        except Exception as error:  # it is theirs who wait; the thread lives on
            errand.fail(error)

    def _serve(self, job: Job[Step | Answer]) -> None:
        """Answer everybody who waits for ``job``, with a result or an error."""
        self._relieve(models_needed=True)
        try:
            if self._try_to_load() is None:
                self._analyse(job)
        except Exception as error:  # it is theirs who wait; the thread lives on
            code = error.code if isinstance(error, ClimbMateError) else "internal"
            if code == "internal":
                logger.exception("analysis=failed sha256=%s", job.sha256[:12])
            forget_locals(error)
            self._tally.count(Event("failed", reason=code))
            self._agenda.end(job, Failure(error))

    def _analyse(self, job: Job[Step | Answer]) -> None:
        begun = time.perf_counter()
        models = self._keeper.bound(job.settings)
        assert self._keeper.names is not None  # loaded models have names
        key = ResultKey.of(job.sha256, self._keeper.names, job.settings)
        # Since the request looked, the models may have got their names, or the same photo its end.
        kept = self._cache.peek(key, name=job.name) if self._cache is not None else None
        if kept is not None:
            self._agenda.end(job, Answer(kept, True, 0.0))
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
        self._agenda.end(job, answer)
        if self._cache is not None and lasting:
            self._cache.share(key, content)

    def _run(self, job: Job[Step | Answer], models: Models) -> WallAnalysis | None:
        """The analysis of ``job``; None when it was stopped because nobody waits any more."""
        steps = analyze(job.data, models, job.settings, name=job.name)
        with operation("analyse"), closing(steps):
            for item in steps:
                if isinstance(item, WallAnalysis):
                    return item
                if not self._agenda.tell(job, item, item.share):
                    return None
        raise RuntimeError("the analysis ended without a result")

    def _tidy(self) -> None:
        """After the last photo of the line, hand the pages of pictures that are gone back to the
        system: kept by the C library, they grew by 40 MiB over a hundred photos of mixed size.
        """
        if self._agenda.idle():
            return_freed_memory()

    def _relieve(self, *, models_needed: bool = False) -> None:
        """Give memory back where it runs short, as far as that can be told."""
        try:
            self._give_back(models_needed)
        except Exception:  # where no more files can be opened, not even the memory can be read
            logger.exception("memory=unknown")

    def _give_back(self, models_needed: bool) -> None:
        """First the kept results, then the models."""
        loaded = self._keeper.models is not None
        relief = self._watch.check(can_unload=loaded and not models_needed)
        if relief.drop_results and self._cache is not None and (count := self._cache.clear()):
            logger.warning("results=dropped count=%d reason=%r", count, relief.reason)
            self._tally.count(Event("results_dropped", reason="memory"))
        if relief.unload_models:
            logger.warning("models=unloading reason=%r", relief.reason)
            self._agenda.unload_for("memory")


def let_go(keeper: ModelKeeper, tally: Tally, reason: str) -> bool:
    """Unload the models, and tell the log and the statistics why; False where none are loaded."""
    if keeper.models is None:
        return False
    freed_mb = keeper.unload()
    logger.warning("models=unloaded reason=%s freed_mb=%.0f", reason, freed_mb)
    tally.count(Event("unloaded", reason=reason))
    return True
