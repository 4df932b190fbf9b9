"""Encryption by the application, for clients that have none."""

import os
from collections.abc import Sequence
from typing import overload

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Sealed(Sequence[bytes]):
    """Values that are encrypted with AES-256-GCM when they are taken, as an application would."""

    def __init__(self, plain: Sequence[bytes]) -> None:
        self.plain = plain
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def __len__(self) -> int:
        return len(self.plain)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [self._seal(value) for value in self.plain[at]]
        return self._seal(self.plain[at])

    def open(self, sealed: bytes) -> bytes:
        """The value again."""
        return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)

    def _seal(self, value: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value, None)
