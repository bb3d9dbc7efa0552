"""The work on the photos in the queue, with its progress on the page.

An analysis goes on over several runs of the page (:mod:`core.running_analysis`): whatever is
clicked meanwhile is answered at once, and the work is taken up where it stands. Only Stop, or the
end of the session, closes it, which frees the service for others.
"""

from __future__ import annotations

import logging

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analysis import Stage
from core.answers import Answer
from core.errors import ClimbMateError
from core.jobs import HangUp
from core.photo_queue import QueuedPhoto
from core.review import Review
from core.running_analysis import RunningAnalysis
from core.wall_picture import picture_of
from pages.review_state import Desk, desk
from pages.shared import Ready, plain, session_choices
from pages.words import _

logger = logging.getLogger(__name__)


def doing(stage: Stage) -> str:
    """What goes on, in words."""
    words: dict[Stage, str] = {
        "decode": _("Opening the photo"),
        "detect": _("Finding holds and volumes"),
        "masks": _("Tracing their outlines"),
        "colour": _("Reading their colours"),
        "problems": _("Grouping them into problems"),
    }
    return words[stage]


def stop() -> None:
    """Give up what is being analysed and what waits."""
    give_up(desk())


def give_up(work: Desk) -> None:
    """Stop everything on ``work`` that is not done, except a photo whose result is being kept just
    now: that one is done in a moment.

    Asks nothing of Streamlit, as everything here that another run of the page may be doing too.
    """
    running = work.running
    too_late = running is not None and not running.close()
    work.queue.stop(spare=running.number if running is not None and too_late else None)
    if work.running is not None and not too_late:  # an earlier run may have begun one meanwhile
        work.running.close()
        work.running = None


def make_place() -> DeltaGenerator:
    """Where :func:`work_on` shows its progress: made before the wall, so that it stands above."""
    place = st.container(horizontal=True, vertical_alignment="center")
    if desk().queue.next_up is not None:
        place.button(
            _("Stop"), key="stop", icon=":material/stop_circle:", on_click=stop, type="secondary"
        )
    return place


def work_on(ready: Ready, place: DeltaGenerator) -> None:
    """Analyse the next photo that waits, with its progress at ``place``; then the page runs again.

    Called last, so that everything else on the page can be used meanwhile.
    """
    photo = desk().queue.next_up
    if photo is None:
        return
    work = desk()
    running = started(work, photo, ready)
    if running is None:
        return
    waiting = sum(other.state == "waiting" for other in work.queue.photos)
    name = plain(photo.name) + (" · " + _("{count} more").format(count=waiting) if waiting else "")
    share, text = 0.0, _("Waiting for another analysis to end")
    bar = place.progress(share, text=f"{name} · {text}")
    try:
        while not isinstance(item := running.take(), Answer):
            if running.closed:
                return
            if item is not None:
                share, text = item.share, doing(item.stage)
            # A newer run of the page ends this one here; it takes the same analysis up.
            bar.progress(share, text=f"{name} · {text}")
        answer = item
        running.settle(lambda: finish(work, photo, running, answer, ready))
    except ClimbMateError as error:
        fail(work, photo, running, error)
    except Exception as error:  # whatever it is, the other photos go on and the setter is told
        logger.exception("photo=%r analysis=failed", photo.name)
        fail(work, photo, running, unexpected(photo, error))
    if work.running is running:
        work.running = None
    st.rerun()


def unexpected(photo: QueuedPhoto, error: Exception) -> ClimbMateError:
    """A mistake of the program, as a sentence."""
    return ClimbMateError(
        "internal",
        f"The analysis of {photo.name} broke off ({type(error).__name__}).",
        "Try again; where it happens again, the server's log tells more.",
    )


def started(work: Desk, photo: QueuedPhoto, ready: Ready) -> RunningAnalysis | None:
    """The analysis of ``photo``: the one that is under way, else a new one; None where it was
    stopped meanwhile.
    """
    running = work.running
    if running is not None and running.number == photo.number and not running.closed:
        return running
    if running is not None:
        running.close()
    hang_up = HangUp()
    steps = ready.service.steps(
        photo.data, name=photo.name, choices=session_choices(), hang_up=hang_up
    )
    work.running = running = RunningAnalysis(photo.number, steps, hang_up)
    if work.queue.begin(photo):
        return running
    running.close()
    return None


def finish(
    work: Desk, photo: QueuedPhoto, running: RunningAnalysis, answer: Answer, ready: Ready
) -> None:
    """Keep the review and the picture; an answer from the cache came without one.

    Asks nothing of Streamlit: a run that is being ended must not be broken off in the middle.
    """
    picture = running.picture or picture_of(photo.data, photo.name, ready.settings)
    before = work.queue.shown
    # Of the analysis itself: an answer from the cache takes no time.
    seconds = answer.analysis.timings_ms.total / 1000
    work.queue.finish(photo, Review.of(answer.analysis), picture, seconds)
    if work.queue.shown is not before:
        work.turn()


def fail(work: Desk, photo: QueuedPhoto, running: RunningAnalysis, error: ClimbMateError) -> None:
    """Keep why there is no result, unless it was stopped or another run of the page did."""
    running.settle(lambda: work.queue.fail(photo, error))
