"""Whether a text that a person typed or pasted can be shown as it is.

Names come from forms, files and environment variables alike; what is asked of all of them stands
here. How long a name may be is the business of whoever takes it.
"""

from __future__ import annotations

import unicodedata

_NEVER_SHOWN = ("Cc", "Cs")
"""Unicode's categories of control characters and of halves of a pair (Unicode, table 4-4)."""


def can_be_shown(text: str) -> bool:
    """Whether ``text`` has neither control characters, line ends and tabs among them, nor halves of
    a surrogate pair, which no file of text can hold."""
    return not any(unicodedata.category(letter) in _NEVER_SHOWN for letter in text)
