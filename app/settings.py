"""One frozen settings object from environment variables `BUQI_*`. Unknown names are refused, all faults told at once.

Secrets come from the environment only and never show in a repr or a log.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from domain.errors import ConfigError
from domain.texts import Texts, load_texts

PREFIX = "BUQI_"
#: Variables of tests and measurements, no settings of the program.
FOREIGN = ("BUQI_TEST_", "BUQI_EVAL_DIR", "BUQI_SCREENSHOTS", "BUQI_REQUIRE_ALL")
CONTACTS = ("gas_hotline", "water_hotline", "heating_hotline", "power_hotline", "community_phone")


class Settings(BaseModel):
    """Everything an operator can set. `docs/operations.md` lists each with its meaning; a test keeps the two equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path = Path("data")
    database_url: str | None = None
    secret_key: SecretStr | None = None
    city: str = "dezhou"
    language: Literal["zh", "en"] = "zh"
    operator: str = "社区"
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    public_url: str | None = None
    planner_token: SecretStr | None = None
    telegram_mode: Literal["off", "webhook", "polling"] = "off"
    telegram_token: SecretStr | None = None
    telegram_webhook_secret: SecretStr | None = None
    telegram_abroad_accepted: bool = False
    telegram_base_url: str | None = None
    staff_token: SecretStr | None = None
    staff_base_url: str | None = None
    gas_hotline: str | None = None
    water_hotline: str | None = None
    heating_hotline: str | None = None
    power_hotline: str | None = None
    community_phone: str | None = None
    quiet_from: str = Field("21:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    quiet_until: str = Field("08:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    raw_text_days: int = Field(180, ge=1, le=3650)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("telegram_token", "staff_token")
    @classmethod
    def _bot_token(cls, token: SecretStr | None) -> SecretStr | None:
        number, _, secret = token.get_secret_value().partition(":") if token else ("0", "", "x" * 20)
        if not number.isdigit() or len(secret) < 20:
            raise ValueError("not a bot token of the form 123456:ABC...")
        return token

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _webhook_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        text = secret.get_secret_value() if secret else "x" * 16
        if not (16 <= len(text) <= 256 and text.replace("_", "").replace("-", "").isalnum() and text.isascii()):
            raise ValueError("16 to 256 letters, digits, _ or - (Bot API, setWebhook.secret_token)")
        return secret

    @field_validator("planner_token")
    @classmethod
    def _planner_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token and len(token.get_secret_value()) < 16:
            raise ValueError("at least 16 characters")
        return token

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if self.telegram_mode != "off" and self.telegram_token is None:
            raise ValueError("telegram_token: needed when telegram_mode is not off")
        if self.telegram_mode == "webhook" and self.telegram_webhook_secret is None:
            raise ValueError("telegram_webhook_secret: a webhook is refused without one")
        if (self.telegram_mode != "off" or self.staff_token is not None) and not self.telegram_abroad_accepted:
            raise ValueError(
                "telegram_abroad_accepted: Telegram stores data outside the country; set true once that is approved"
            )
        if self.telegram_token and self.staff_token and self.telegram_token == self.staff_token:
            raise ValueError("staff_token: residents and staff need two bots with two tokens")
        return self

    @property
    def url(self) -> str:
        """The database address, by default a SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'buqi.db').absolute()}"

    @property
    def contacts(self) -> dict[str, str]:
        """The local numbers that were confirmed, by the key the emergency playbook uses."""
        return {name: number for name in CONTACTS if (number := getattr(self, name))}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Raises:
        ConfigError("settings"): lists every fault: unknown names with the nearest known one, wrong values.
    """
    environment = os.environ if environment is None else environment
    texts = load_texts("en" if environment.get("BUQI_LANGUAGE") == "en" else "zh")
    given = {name for name in environment if name.upper().startswith(PREFIX) and not name.startswith(FOREIGN)}
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    faults = [_unknown(name, known, texts) for name in sorted(given) if name.upper() not in known]
    values = {name[len(PREFIX) :].lower(): environment[name] for name in given if name.upper() in known}
    try:
        settings = Settings.model_validate({name: value for name, value in values.items() if value != ""})
    except ValidationError as exc:
        faults += [_value(error["loc"], error["msg"], texts) for error in exc.errors(include_input=False)]
        raise ConfigError("settings", count=len(faults), faults="\n".join(faults)) from None
    if faults:
        raise ConfigError("settings", count=len(faults), faults="\n".join(faults))
    return settings


def _unknown(name: str, known: set[str], texts: Texts) -> str:
    near = get_close_matches(name, sorted(known), 1, 0.0)
    return texts("error.settings.unknown", name=name, near=near[0])


def _value(where: tuple[int | str, ...], fault: str, texts: Texts) -> str:
    fault = fault.removeprefix("Value error, ")
    name, _, rest = fault.partition(": ")
    if not where and name in Settings.model_fields:
        return texts("error.settings.value", name=PREFIX + name.upper(), fault=rest)
    return texts("error.settings.value", name=PREFIX + "_".join(map(str, where)).upper(), fault=fault)
