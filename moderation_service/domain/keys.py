"""Secrets: from each listed key one derived key for every purpose, to sign, to encrypt and to recognise."""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST_SECRET = 32
_ID_BYTES = 8
_NONCE_BYTES = 12
_HASH_BYTES = 16
_SIV_BYTES = 64


class KeyNotListedError(Exception):
    """Something is stored under a key that is no longer listed: a fault of the settings, not of a request."""


class KeyRing:
    """The listed keys. The first signs and encrypts; all verify and decrypt."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets)
        self.ids = tuple(_derive(secret, "key id", _ID_BYTES).hex() for secret in self._secrets)
        self._ciphers = {
            bytes.fromhex(key_id): AESGCM(_derive(secret, "address encryption"))
            for key_id, secret in zip(self.ids, self._secrets, strict=True)
        }
        self._current = bytes.fromhex(self.ids[0])
        self._hashes: dict[str, tuple[hmac.HMAC, ...]] = {}
        self._concealing: dict[str, tuple[AESSIV, ...]] = {}

    @property
    def current_id(self) -> str:
        """The id of the key that signs and encrypts; derived from the key, never its position."""
        return self.ids[0]

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Return 32 bytes for a purpose from every listed key, the current one first (RFC 5869)."""
        return tuple(_derive(secret, purpose) for secret in self._secrets)

    def seal(self, text: str, *, table: str, row: str) -> bytes:
        """Encrypt by AES-256-GCM, bound to its row: key id (8 bytes), nonce (12), ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, text.encode(), f"{table}/{row}".encode())
        return self._current + nonce + sealed

    def open(self, sealed: bytes, *, table: str, row: str) -> str:
        """Decrypt what `seal` made for the same row; raise KeyNotListedError for another key, row or length."""
        cipher = self._ciphers.get(sealed[:_ID_BYTES])
        if cipher is None:
            raise KeyNotListedError
        nonce, rest = sealed[_ID_BYTES : _ID_BYTES + _NONCE_BYTES], sealed[_ID_BYTES + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, rest, f"{table}/{row}".encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise KeyNotListedError from error

    def conceal(self, value: str, *, purpose: str, scope: str) -> str:
        """Encrypt hexadecimal digits by AES-SIV (RFC 5297), bound to a scope: the same for the same value there.

        What it returns is hexadecimal too, 32 digits longer; that of another scope has nothing in common with it.
        """
        return self._sivs(purpose)[0].encrypt(bytes.fromhex(value), [scope.encode()]).hex()

    def reveal(self, concealed: str, *, purpose: str, scope: str) -> str | None:
        """Return what any listed key concealed for a purpose and scope, None for all else."""
        try:
            sealed = bytes.fromhex(concealed)
        except ValueError:
            return None
        for siv in self._sivs(purpose):
            try:
                return siv.decrypt(sealed, [scope.encode()]).hex()
            except (InvalidTag, ValueError):
                continue
        return None

    def _sivs(self, purpose: str) -> tuple[AESSIV, ...]:
        if purpose not in self._concealing:
            keys = (_derive(secret, purpose, _SIV_BYTES) for secret in self._secrets)
            self._concealing[purpose] = tuple(map(AESSIV, keys))
        return self._concealing[purpose]

    def keyed_hashes(self, purpose: str, text: str) -> tuple[str, ...]:
        """Return HMAC-SHA-256 of a text under every listed key, 32 hexadecimal digits each, the current first."""
        hashes = self._hashes.get(purpose)
        if hashes is None:
            hashes = tuple(hmac.new(key, digestmod=hashlib.sha256) for key in self.derive(purpose))
            self._hashes[purpose] = hashes
        message = text.encode()
        return tuple([_digest(one.copy(), message)[:_HASH_BYTES].hex() for one in hashes])

    def is_keyed_hash(self, purpose: str, text: str, value: str) -> bool:
        """Tell whether a value is the keyed hash of a text under any listed key, in constant time."""
        return value.isascii() and any(hmac.compare_digest(value, one) for one in self.keyed_hashes(purpose, text))

    def keyed_hash(self, purpose: str, text: str) -> str:
        """Return the keyed hash under the current key."""
        return self.keyed_hashes(purpose, text)[0]


def _digest(begun: hmac.HMAC, message: bytes) -> bytes:
    """Finish a hash that has its key already; `hmac.digest` would make way for other threads each time."""
    begun.update(message)
    return begun.digest()


def _derive(secret: bytes, purpose: str, length: int = 32) -> bytes:
    return HKDF(SHA256(), length, b"moderation-service", purpose.encode()).derive(secret)
