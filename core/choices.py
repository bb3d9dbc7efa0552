"""What one request may choose for itself: a few settings, validated as the process's own are.

The models are not touched here; :mod:`core.service` binds them anew where a choice asks for it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from core.errors import ChoiceError
from core.settings import Settings, changed_settings

MOST_NAMES = 64
"""Colour names in one request's palette: an unknown name costs a pass of the text tower."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Settings of one request; None leaves what the process was started with.

    The fields are those of :class:`core.settings.Settings` with the same bounds. Values may be
    texts, as they come in a form: numbers as digits, the palette separated by commas.
    """

    yolo_conf: float | str | None = None
    palette: tuple[str, ...] | str | None = None
    max_holds: int | str | None = None
    max_image_size: int | str | None = None

    def applied_to(self, settings: Settings) -> Settings:
        """``settings`` with the chosen values.

        Raises :class:`core.errors.ChoiceError` (``bad_choice``).
        """
        chosen = {name: value for name, value in asdict(self).items() if value is not None}
        if not chosen:
            return settings
        changed = changed_settings(settings, **chosen)
        if len(changed.palette) > max(MOST_NAMES, len(settings.palette)):
            raise ChoiceError(
                "bad_choice",
                f"The choice palette has {len(changed.palette)} names: "
                f"expected at most {MOST_NAMES}.",
                "Correct palette, or leave it out.",
            )
        return changed
