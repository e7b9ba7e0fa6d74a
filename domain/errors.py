"""Everything that can be somebody's fault but ours, as one small tree.

    AppError
    ├── InputError       their data: HTTP 400, or a polite sentence
    ├── NotAllowed       HTTP 403
    ├── NotFound         HTTP 404
    ├── Busy             come again in a moment: HTTP 503
    ├── ConfigError      start-up: settings
    ├── DataFileError    start-up: a catalogue, corpus or survey file
    └── SendError        a channel could not deliver
        ├── Throttled        later, after `retry_after_s`
        ├── ChannelDown      later
        ├── OutcomeUnknown   it may have arrived: replies are not repeated, invitations are
        ├── ResidentGone     never: blocked, deleted, moved away
        └── Rejected         never: the platform refuses this message

An error is worded once, in the message catalogues under `error.<code>`; it names the thing, the fault and the way
out. Anything else that escapes is a bug.
"""

from typing import ClassVar


class AppError(Exception):
    """A fault with a code of the message catalogue and the facts that fill its sentence."""

    status: ClassVar[int] = 400
    retryable: ClassVar[bool] = False

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code} ({facts})" if facts else self.code


class InputError(AppError):
    """What came in cannot be used as it is."""


class NotAllowed(AppError):
    """Known, but not permitted."""

    status = 403


class NotFound(AppError):
    """No such thing."""

    status = 404


class Busy(AppError):
    """The work is not done and may be asked for again."""

    status = 503
    retryable = True


class ConfigError(AppError):
    """The installation cannot start as configured."""

    status = 500


class DataFileError(AppError):
    """A data file of the project or the city is wrong: the file, the key or line in it, the fault with its way out."""

    status = 500

    def __init__(self, file: str, key: str | int, fault: AppError) -> None:
        where = InputError("data.line", line=key) if isinstance(key, int) else key
        super().__init__("data_file", file=file, key=where, fault=fault)


class SendError(AppError):
    """A channel could not deliver a message."""

    status = 502


class Throttled(SendError):
    """The platform asks for a pause of `retry_after_s` seconds."""

    retryable = True

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("send.throttled", retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class ChannelDown(SendError):
    """The platform could not be reached, or broke off before anything was sent."""

    retryable = True


class OutcomeUnknown(SendError):
    """The request left and no answer came: delivered or not, nobody can tell."""


class ResidentGone(SendError):
    """The recipient blocked the account or no longer exists."""


class Rejected(SendError):
    """The platform refuses this message for good."""
