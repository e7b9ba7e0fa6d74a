"""Facts about the database itself: which city, demo or not, a check value of the secret key."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from domain.errors import ConfigError
from storage.tables import Meta
from storage.vault import Vault

CITY = "city"
DEMO = "demo"
VAULT_CHECK = "vault.check"


def read(tx: Connection, key: str) -> str | None:
    """The value kept under a key."""
    return tx.scalar(select(Meta.value).where(Meta.key == key))


def write(tx: Connection, key: str, value: str) -> None:
    """Keeps a value under a key."""
    if not tx.execute(update(Meta).where(Meta.key == key).values(value=value)).rowcount:
        tx.execute(insert(Meta).values(key=key, value=value))


def is_demo(tx: Connection) -> bool:
    """Whether this database holds invented residents."""
    return read(tx, DEMO) is not None


def check_vault(tx: Connection, vault: Vault) -> None:
    """Ties the database to its secret key, at first use; later only that key is accepted.

    Raises:
        ConfigError("vault.key"): the database was sealed with another key.
    """
    stored = read(tx, VAULT_CHECK)
    if stored is None:
        write(tx, VAULT_CHECK, vault.check)
    elif stored != vault.check:
        raise ConfigError("vault.key")
