"""One frozen settings object from environment variables `BUQI_*`. Unknown names are refused, all faults told at once.

Secrets come from the environment only and never show in a repr or a log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from domain.errors import ConfigError, InputError

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
    faults: list[InputError] = []
    values = {}
    for variable in sorted(environment):
        if not variable.upper().startswith(PREFIX) or variable.startswith(FOREIGN):
            continue
        name, given = variable[len(PREFIX) :].lower(), environment[variable]
        try:
            if name not in FIELDS:
                raise InputError("settings.unknown", name=variable, near=_nearest(variable))
            if given != "":
                values[name] = _value(name, given)
        except InputError as fault:
            faults.append(fault)
    settings = Settings(**values)
    faults = faults or list(_together(settings))
    if faults:
        raise ConfigError("settings", count=len(faults), faults=tuple(faults))
    return settings


def _nearest(variable: str) -> str:
    from difflib import get_close_matches

    return get_close_matches(variable, map(_variable, sorted(FIELDS)), 1, 0.0)[0]


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _value(name: str, given: str) -> Any:
    """The text of a variable as its field's type.

    Raises:
        InputError: says what is wrong without repeating a secret.
    """
    shape, variable = FIELDS[name], _variable(name)
    words = get_args(shape) if get_origin(shape) is Literal else ("true", "false", "1", "0") if shape is bool else ()
    if words and given not in words and not (shape is bool and given.lower() in words):
        raise InputError("settings.word", name=variable, known=", ".join(words))
    try:
        value = msgspec.convert(given, shape, strict=False, dec_hook=lambda kind, text: kind(text))
    except msgspec.ValidationError as exc:
        if shape == TimeOfDay:
            raise InputError("settings.time", name=variable) from exc
        within = shape.__metadata__[0]
        raise InputError("settings.number", name=variable, least=within.ge, most=within.le) from exc
    if isinstance(value, Secret) and (wrong := _wrong_secret(name, value.get_secret_value())):
        raise InputError(wrong, name=variable)
    return value


def _wrong_secret(name: str, secret: str) -> str | None:
    """The code of what is wrong with a secret."""
    if name in ("telegram_token", "staff_token"):
        number, _, rest = secret.partition(":")
        return None if number.isdigit() and len(rest) >= 20 else "settings.bot_token"
    if name == "telegram_webhook_secret":
        plain = secret.replace("_", "").replace("-", "")
        good = 16 <= len(secret) <= 256 and plain.isalnum() and secret.isascii()
        return None if good else "settings.webhook_secret"
    return "settings.planner_token" if name == "planner_token" and len(secret) < 16 else None


def _together(settings: Settings) -> Iterator[InputError]:
    """What is wrong between settings that are right by themselves."""
    if settings.telegram_mode != "off" and settings.telegram_token is None:
        yield InputError("settings.needs_token", name=_variable("telegram_token"))
    if settings.telegram_mode == "webhook" and settings.telegram_webhook_secret is None:
        yield InputError("settings.needs_webhook_secret", name=_variable("telegram_webhook_secret"))
    if (settings.telegram_mode != "off" or settings.staff_token) and not settings.telegram_abroad_accepted:
        yield InputError("settings.abroad", name=_variable("telegram_abroad_accepted"))
    if settings.planner_token is None and (settings.public_url or settings.host not in LOOPBACK):
        yield InputError("settings.open_pages", name=_variable("planner_token"))
    if settings.staff_token and settings.telegram_token == settings.staff_token:
        yield InputError("settings.one_token", name=_variable("staff_token"))
