"""One file per messaging app. A channel is a module found by its name that offers

    NAME            the channel's name, as in the settings
    CAPABILITIES    domain.messages.Capabilities
    parse(raw, account, now_ms) -> Inbound | None
                    pure: the platform's own bytes or object to our value; None for kinds we do not handle.
                    Raises InputError for what is not this platform's format at all.
    render(outbound, address) -> payloads
                    pure: our message as the platform's own payloads, within the capabilities

and, if it can push, `build(settings) -> Sender` with `async send(address, outbound) -> str` (the platform's message
id), raising domain.errors.SendError. The contract tests visit every module of this folder.
"""

from __future__ import annotations

from typing import Protocol

from domain.messages import Outbound


class Sender(Protocol):
    """Delivers to one account of a platform."""

    async def send(self, address: str, outbound: Outbound) -> str:
        """Sends one message; returns the platform's id of it.

        Raises:
            Throttled, ChannelDown: try again later.
            OutcomeUnknown: the request left, no answer came.
            ResidentGone, Rejected: never.
        """

    async def acknowledge(self, callback_id: str) -> None:
        """Stops the waiting sign of a pressed button; failures do not matter."""

    async def close(self) -> None:
        """Gives back connections."""
