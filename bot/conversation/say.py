"""Short ways to say something from the message catalogue."""

from __future__ import annotations

from bot.conversation.context import Context
from bot.conversation.effects import Say
from domain.messages import Button, Outbound


def say(context: Context, key: str, choices: tuple[Button, ...] = (), **params: object) -> Say:
    """One message; `literal` says `text` as it is."""
    text = str(params["text"]) if key == "literal" else context.world.texts(key, **params)
    return Say(Outbound(text, choices))


def say_welcome(context: Context, community: str) -> Say:
    """Greets somebody we know."""
    return say(context, "welcome", name=context.world.city.tree[community].name)


def say_notice(context: Context, choices: tuple[Button, ...]) -> Say:
    """The privacy notice, with where the data go when the messaging app stores them abroad."""
    world = context.world
    text = world.texts("notice", operator=world.operator, days=world.kept_days)
    if context.channel in world.abroad:
        text += "\n" + world.texts("notice.abroad")
    return Say(Outbound(text + "\n" + world.texts("notice.agree"), choices))
