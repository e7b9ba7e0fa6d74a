"""`buqi doctor`: looks at everything an installation rests on; each fault with a way out."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable

from app.settings import Settings, load_settings
from app.wiring import gazetteer, open_reading, open_vault
from domain.catalogue import load_catalogue, load_city
from domain.errors import AppError
from domain.texts import Texts
from nlp.places import GAZETTEER
from storage import meta
from storage.recount import differences
from surveys.definition import load_surveys

CJK_FONT = "Noto Sans CJK SC:lang=zh-cn"
EARLIEST = 1_760_000_000  #: October 2025: a clock before it is wrong
LATEST_YEARS = 20


def examine(texts: Texts) -> bool:
    """Prints one line per check; True when nothing is at fault. Changes nothing."""
    healthy = True

    def check(name: str, look: Callable[[], str]) -> None:
        nonlocal healthy
        try:
            print(f"✓ {texts('doctor.' + name)}: {look()}")
        except AppError as exc:
            healthy = False
            print(f"✗ {texts('doctor.' + name)}: {texts.error(exc)}")

    settings: Settings | None = None

    def configuration() -> str:
        nonlocal settings
        settings = load_settings()
        return texts("doctor.configuration_ok", folder=settings.data_dir.absolute())

    check("configuration", configuration)
    check("clock", _clock)
    check("fonts", lambda: _fonts(texts))
    if settings is not None:
        known = settings
        check("catalogue", lambda: _catalogue(known, texts))
        check("places", lambda: _places(known, texts))
        check("database", lambda: _database(known))
        check("model", lambda: _model(known))
        check("tokens", lambda: _tokens(known, texts))
    return healthy


def _clock() -> str:
    now = time.time()
    if not EARLIEST < now < EARLIEST + LATEST_YEARS * 365 * 86400:
        raise AppError("doctor.clock", now=time.strftime("%Y-%m-%d %H:%M", time.gmtime(now)))
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))


def _fonts(texts: Texts) -> str:
    if shutil.which("fc-list") is None:
        return texts("doctor.fonts_unknown")
    listed = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False).stdout
    families = sorted({line.split(",")[0].strip() for line in listed.splitlines() if line.strip()})
    if not families:
        raise AppError("doctor.fonts")
    return ", ".join(families[:3])


def _catalogue(settings: Settings, texts: Texts) -> str:
    catalogue, city = load_catalogue(), load_city(settings.city)
    load_surveys()
    norms = [norm for standard in catalogue.standards.values() for norm in standard.norms]
    return texts(
        "doctor.catalogue_ok",
        city=city.name[texts.language],
        facilities=len(catalogue.facilities),
        norms=len(norms),
        verified=sum(norm.verified for norm in norms),
        communities=len(city.tree.all_communities),
    )


def _places(settings: Settings, texts: Texts) -> str:
    file = settings.data_dir / GAZETTEER
    if not file.is_file():
        return texts("doctor.places_none", file=file)
    return texts("doctor.places_ok", count=len(gazetteer(settings)))


def _database(settings: Settings) -> str:
    reading = open_reading(settings)
    try:
        vault = open_vault(settings, may_make=False)
        with reading.transaction() as tx:
            stored = meta.read(tx, meta.VAULT_CHECK)
            if stored is not None and stored != vault.check:
                raise AppError("vault.key")
            wrong = differences(tx)
            if wrong:
                raise AppError("doctor.counters", count=len(wrong), first=wrong[0])
        return reading.url.render_as_string(hide_password=True)
    finally:
        reading.close()


def _model(settings: Settings) -> str:
    from nlp import champion
    from nlp.reader import FORMAT, corpus_model, is_stored
    from nlp.versions import fits_version

    named = champion.named(settings.data_dir)
    reigning = champion.find(settings.data_dir, fits_version(FORMAT))
    if named is not None and reigning is None:
        raise AppError("doctor.champion", version=named)
    if not is_stored(settings.data_dir):
        raise AppError("doctor.model")
    return (reigning or corpus_model(settings.data_dir)).version


def _tokens(settings: Settings, texts: Texts) -> str:
    if settings.telegram_mode == "off" and settings.staff_token is None:
        return texts("doctor.tokens_none")
    warnings = []
    if settings.telegram_mode != "off":
        warnings.append(texts("doctor.telegram_abroad"))
    if settings.telegram_mode == "webhook" and not (settings.public_url or "").startswith("https://"):
        raise AppError("doctor.public_url")
    return " ".join(warnings) or texts("doctor.tokens_ok")
