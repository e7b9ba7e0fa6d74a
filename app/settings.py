"""One frozen settings object from environment variables `BUQI_*`. Unknown names are refused, all faults told at once.

Secrets come from the environment only and never show in a repr or a log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from domain.errors import ConfigError
from domain.texts import Texts, load_texts

PREFIX = "BUQI_"
#: Variables of tests and measurements, no settings of the program.
FOREIGN = ("BUQI_TEST_", "BUQI_EVAL_DIR", "BUQI_SCREENSHOTS", "BUQI_REQUIRE_ALL")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONTACTS = ("gas_hotline", "water_hotline", "heating_hotline", "power_hotline", "community_phone")


class Secret:
    """A value that shows in no repr, message or file; two are equal if their values are."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """The value itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('**********')"


Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]
TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an operator can set. `docs/operations.md` lists each with its meaning; a test keeps the two equal."""

    data_dir: Path = Path("data")
    database_url: Secret | None = None
    secret_key: Secret | None = None
    city: str = "dezhou"
    language: Literal["zh", "en"] = "zh"
    operator: str = "社区"
    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str | None = None
    planner_token: Secret | None = None
    telegram_mode: Literal["off", "webhook", "polling"] = "off"
    telegram_token: Secret | None = None
    telegram_webhook_secret: Secret | None = None
    telegram_abroad_accepted: bool = False
    telegram_base_url: str | None = None
    staff_token: Secret | None = None
    staff_base_url: str | None = None
    gas_hotline: str | None = None
    water_hotline: str | None = None
    heating_hotline: str | None = None
    power_hotline: str | None = None
    community_phone: str | None = None
    quiet_from: TimeOfDay = "21:00"
    quiet_until: TimeOfDay = "08:30"
    raw_text_days: Days = 180
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def url(self) -> str:
        """The database address, by default a SQLite file in the data folder."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'buqi.db').absolute()}"

    @property
    def contacts(self) -> dict[str, str]:
        """The local numbers that were confirmed, by the key the emergency playbook uses."""
        return {name: number for name in CONTACTS if (number := getattr(self, name))}


FIELDS = {field.name: field.type for field in msgspec.structs.fields(Settings)}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Raises:
        ConfigError("settings"): lists every fault: unknown names with the nearest known one, wrong values.
    """
    environment = os.environ if environment is None else environment
    texts = load_texts("en" if environment.get("BUQI_LANGUAGE") == "en" else "zh")
    faults, values = [], {}
    for variable in sorted(environment):
        if not variable.upper().startswith(PREFIX) or variable.startswith(FOREIGN):
            continue
        name, given = variable[len(PREFIX) :].lower(), environment[variable]
        if name not in FIELDS:
            faults.append(_unknown(variable, texts))
        elif given != "":
            try:
                values[name] = _value(name, given)
            except ValueError as exc:
                faults.append(_fault(name, str(exc), texts))
    settings = Settings(**values)
    if not faults:
        faults = [_fault(name, fault, texts) for name, fault in _together(settings)]
    if faults:
        raise ConfigError("settings", count=len(faults), faults="\n".join(faults))
    return settings


def _unknown(variable: str, texts: Texts) -> str:
    from difflib import get_close_matches

    near = get_close_matches(variable, [PREFIX + name.upper() for name in sorted(FIELDS)], 1, 0.0)
    return texts("error.settings.unknown", name=variable, near=near[0])


def _fault(name: str, fault: str, texts: Texts) -> str:
    return texts("error.settings.value", name=PREFIX + name.upper(), fault=fault)


def _value(name: str, given: str) -> Any:
    """The text of a variable as its field's type.

    Raises:
        ValueError: says what is wrong without repeating a secret.
    """
    shape = FIELDS[name]
    if get_args(shape) and str in map(type, get_args(shape)) and given not in get_args(shape):
        raise ValueError("one of: " + ", ".join(get_args(shape)))
    if shape is bool and given.lower() not in ("true", "false", "1", "0"):
        raise ValueError("one of: true, false")
    value = msgspec.convert(given, shape, strict=False, dec_hook=lambda kind, text: kind(text))
    if isinstance(value, Secret):
        _check_secret(name, value.get_secret_value())
    return value


def _check_secret(name: str, secret: str) -> None:
    if name in ("telegram_token", "staff_token"):
        number, _, rest = secret.partition(":")
        if not number.isdigit() or len(rest) < 20:
            raise ValueError("not a bot token of the form 123456:ABC...")
    elif name == "telegram_webhook_secret":
        plain = secret.replace("_", "").replace("-", "")
        if not (16 <= len(secret) <= 256 and plain.isalnum() and secret.isascii()):
            raise ValueError("16 to 256 letters, digits, _ or - (Bot API, setWebhook.secret_token)")
    elif name == "planner_token" and len(secret) < 16:
        raise ValueError("at least 16 characters")


def _together(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong between settings that are right by themselves, as name and fault."""
    if settings.telegram_mode != "off" and settings.telegram_token is None:
        yield "telegram_token", "needed when telegram_mode is not off"
    if settings.telegram_mode == "webhook" and settings.telegram_webhook_secret is None:
        yield "telegram_webhook_secret", "a webhook is refused without one"
    if (settings.telegram_mode != "off" or settings.staff_token) and not settings.telegram_abroad_accepted:
        yield "telegram_abroad_accepted", "Telegram stores data outside the country; set true once that is approved"
    if settings.planner_token is None and (settings.public_url or settings.host not in LOOPBACK):
        yield "planner_token", "needed when the pages can be reached from outside (host, public_url)"
    if settings.staff_token and settings.telegram_token == settings.staff_token:
        yield "staff_token", "residents and staff need two bots with two tokens"
