"""The home of cryptography: keyed hashes of platform ids, encrypted addresses and original messages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import ConfigError

KEY_BYTES = 32
NONCE_BYTES = 12


class Vault:
    """Seals and opens with one 256-bit key. AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2)."""

    def __init__(self, key: bytes) -> None:
        self._hash_key = hmac.digest(key, b"buqi identity", "sha256")
        self._cipher = AESGCM(hmac.digest(key, b"buqi seal", "sha256"))
        self.check = hmac.digest(key, b"buqi check", "sha256").hex()[:16]

    def fingerprint(self, *parts: str) -> bytes:
        """A keyed hash (BLAKE2b, RFC 7693, 16 bytes): equal ids give equal prints, nobody without the key can guess."""
        return hashlib.blake2b("\x1f".join(parts).encode(), key=self._hash_key, digest_size=16).digest()

    def seal(self, text: str) -> bytes:
        """The text encrypted, with its nonce in front."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), None)

    def open(self, sealed: bytes) -> str:
        """The text again.

        Raises:
            ConfigError("vault.key"): sealed with another key, or damaged.
        """
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except InvalidTag as exc:
            raise ConfigError("vault.key") from exc
        return plain.decode("utf-8", "surrogatepass")


def load_key(configured: str | None, data_dir: Path, *, may_make: bool) -> bytes:
    """The installation's key: from the environment, else from `secret.key`, made at first use (mode 0600).

    Raises:
        ConfigError("vault.lost"): there is none, and `may_make` is false: a database was sealed with it already.
        ConfigError("vault.format"): not 32 bytes of base64.
    """
    path = data_dir / "secret.key"
    if configured is None:
        if not path.exists():
            if not may_make:
                raise ConfigError("vault.lost", file=str(path))
            data_dir.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        configured = path.read_text().strip()
    try:
        key = base64.b64decode(configured, validate=True)
    except binascii.Error as exc:
        raise ConfigError("vault.format") from exc
    if len(key) != KEY_BYTES:
        raise ConfigError("vault.format")
    return key


def hash_code(code: str) -> bytes:
    """SHA-256 of a one-time code: codes carry 128 random bits, so no key is needed."""
    return hashlib.sha256(code.encode()).digest()
