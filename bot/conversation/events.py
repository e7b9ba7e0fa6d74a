"""What can happen to a dialogue, in the past tense."""

from __future__ import annotations

import msgspec

from domain.reading import CONFIDENT, Reading

LONGEST_NAME = 12  #: characters; a longer text in which a facility is heard is more than a community's name


class Said(msgspec.Struct, frozen=True, gc=False):
    """The resident wrote something. `message_id` is the row it will be kept under, if it is kept."""

    text: str
    reading: Reading
    message_id: int

    @property
    def is_name(self) -> bool:
        """Whether it is short enough for a community's name, and no facility is clearly heard in it."""
        return len(self.text) <= LONGEST_NAME and all(mention.p < CONFIDENT for mention in self.reading.mentions)


class Pressed(msgspec.Struct, frozen=True, gc=False):
    """The resident chose. `payload` as the button carried it, perhaps long ago."""

    payload: str


class Commanded(msgspec.Struct, frozen=True, gc=False):
    """The resident gave a command, such as `start` with a deep link's payload as `argument`."""

    name: str
    argument: str = ""


class SentUnsupported(msgspec.Struct, frozen=True, gc=False):
    """The resident sent something we cannot read: a photo, a sticker."""

    kind: str


class Invited(msgspec.Struct, frozen=True, gc=False):
    """A campaign invites the resident to a survey."""

    campaign_id: int
    survey: str


Event = Said | Pressed | Commanded | SentUnsupported | Invited
