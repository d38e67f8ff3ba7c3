"""Keys in the store: what those of one user share, and how all of one kind are removed."""

from __future__ import annotations

import base64
import hashlib

from servers.strategies._redis import Store

# Three bytes are four characters of base64, without padding.
_TAG_BYTES, TAG_CHARS = 3, 4
_SCAN_COUNT = 1_000


def user_tag(user_id: str) -> str:
    """The hash tag of the user's keys: one script may touch them all, in a cluster too."""
    digest = hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:_TAG_BYTES]).decode()


async def unlink_starting(store: Store, start: str) -> None:
    """Removes every key that begins with `start` and was there when this was called.

    SCAN returns each key that is there from its first call to its last. Raises StoreUnavailable.
    """
    cursor, pattern = 0, f"{_escape_glob(start)}*"
    while True:
        cursor, keys = await store.within_deadline(
            store.client.scan, cursor, match=pattern, count=_SCAN_COUNT
        )
        if keys:
            await store.within_deadline(store.client.unlink, *keys)
        if cursor == 0:
            return


def _escape_glob(text: str) -> str:
    return "".join(f"\\{character}" if character in "*?[]\\" else character for character in text)
