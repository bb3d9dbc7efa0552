"""A photo that was analysed before, opened once more: for a picture of it, or to compare it.

An answer that was kept comes without the opened photo. Decoding takes most of the memory that an
analysis takes, and there may be less of it by now: so the same account is made before
(:mod:`core.memory.preflight`). Nothing is analysed and nothing is kept here.
"""

from __future__ import annotations

from dataclasses import replace

from core.memory import preflight
from core.photo import Photo, open_photo
from core.settings import Settings


def reopen_photo(data: bytes, *, name: str, settings: Settings) -> Photo:
    """The photo in ``data``, with a smaller working picture where memory is short.

    Raises :class:`core.errors.MemoryRefusedError` (``photo_would_not_fit``) before anything is
    decoded, and what :func:`core.photo.open_photo` raises.
    """
    plan = preflight.prepare(data, name=name, settings=settings, warm=True)
    fitting = replace(settings, max_image_size=plan.max_image_size)
    return open_photo(data, name=name, settings=fitting)
