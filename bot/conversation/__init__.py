"""The dialogue as a pure function: step(state, event, context) -> (state, effects)."""

from bot.conversation.codec import decode, encode
from bot.conversation.state import Dialogue
from bot.conversation.step import step

__all__ = ["Dialogue", "decode", "encode", "step"]
