"""Keys of the REST face: who may call.

``API_KEYS`` lists them plain or as ``sha256:`` hashes; only hashes are kept, and a key that comes
with a request is hashed and compared with all of them in constant time, so that neither the memory
nor the time of an answer tells anything about them. A plain SHA-256 is enough for keys of 16 random
characters or more; it would not be for passwords that people invent.

Not done here: reading requests (:mod:`api.gate`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Self

from core.errors import SettingsError

MIN_KEY_LENGTH = 16
"""Characters; shorter keys can be found by trying."""

_HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Keyring:
    """SHA-256 digests of the keys that are accepted; without any, no key is asked for."""

    digests: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read ``API_KEYS``. Raises :class:`SettingsError` (``bad_setting``), which names the place
        of a key that cannot be used, never the key."""
        keys = [key.strip() for key in text.split(",") if key.strip()]
        return cls(tuple(_digest(key, place) for place, key in enumerate(keys, start=1)))

    def __bool__(self) -> bool:
        return bool(self.digests)

    def recognise(self, key: str) -> str | None:
        """A short name for the caller that sent ``key``, stable and safe to log; None for a key
        that is not on the ring."""
        presented = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        # Every digest is compared, so that the time does not tell which one it was.
        matches = [hmac.compare_digest(presented, digest) for digest in self.digests]
        return f"key-{presented.hex()[:12]}" if any(matches) else None


def _digest(key: str, place: int) -> bytes:
    if hashed := _HASHED.fullmatch(key):
        return bytes.fromhex(hashed[1])
    if key.startswith("sha256:"):
        raise _refused(place, "is no hash of 64 hex digits")
    if len(key) < MIN_KEY_LENGTH:
        raise _refused(place, f"has fewer than {MIN_KEY_LENGTH} characters")
    if not (key.isascii() and key.isprintable()):
        raise _refused(place, "has characters that no header can carry")
    return hashlib.sha256(key.encode()).digest()


def _refused(place: int, why: str) -> SettingsError:
    return SettingsError(
        "bad_setting",
        f"API_KEYS cannot be used: key number {place} {why}.",
        "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
    )
