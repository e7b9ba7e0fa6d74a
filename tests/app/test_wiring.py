"""What opens an installation changes nothing it should not: readers, the doctor, and a key that went missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from app import doctor, wiring
from app.settings import Secret, Settings
from domain.errors import ConfigError
from domain.texts import load_texts
from storage.database import Database


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_open_reading__path_mistyped__is_an_error_and_makes_no_file(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=Secret(f"sqlite:///{tmp_path / 'typo' / 'buqi.db'}"))
    with pytest.raises(ConfigError) as fault:
        wiring.open_reading(settings)
    assert fault.value.code == "database.missing"
    assert list(tmp_path.iterdir()) == []


def test_doctor__before_the_first_start__changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUQI_DATA_DIR", str(tmp_path / "data"))
    assert not doctor.examine(load_texts("zh"))
    assert "buqi migrate" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_doctor__after_migrate__changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path)
    wiring.open_database(settings, "test")[0].close()
    monkeypatch.setenv("BUQI_DATA_DIR", str(tmp_path))
    before = files(tmp_path)
    doctor.examine(load_texts("zh"))
    assert files(tmp_path) == before
    (tmp_path / "secret.key").unlink()
    before = files(tmp_path)
    capsys.readouterr()
    assert not doctor.examine(load_texts("zh"))
    assert "secret.key" in capsys.readouterr().out
    assert files(tmp_path) == before


def test_open_database__key_lost__is_not_replaced(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    wiring.open_database(settings, "test")[0].close()
    (tmp_path / "secret.key").unlink()
    with pytest.raises(ConfigError) as fault:
        wiring.open_database(settings, "test")
    assert fault.value.code == "vault.lost"
    assert not (tmp_path / "secret.key").exists()
    Database(settings.url).close()  # the lock was given back


def test_doctor__database_away__says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUQI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BUQI_DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
    assert not doctor.examine(load_texts("zh"))
    shown = capsys.readouterr().out
    assert "127.0.0.1" in shown
    assert "secret" not in shown


def test_reader__write__is_refused(database: Database) -> None:
    reading = database.reader()
    with pytest.raises(DBAPIError), reading.transaction() as tx:
        tx.exec_driver_sql("DELETE FROM area")
    reading.close()
