"""Which counts of neighbours a step may show: found out before the steps, so that a batch asks for them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from bot.conversation.state import AskCommunity, Dialogue, InSurvey
from domain.messages import Inbound
from domain.reading import Reading
from storage.book import Person, Standing

SHORT = 40  #: characters; a longer text presses no button and is no command


def counts_wanted(
    inbound: Inbound,
    reading: Reading | None,
    dialogue: Dialogue,
    person: Person | None,
    standing: Standing | None,
    communities: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """(community, facility) pairs whose number of residents the answer to this event may name. May repeat pairs.

    Args:
        communities: all of the city's, for a resident whose own is not known yet or may change.
    """
    leaves = {mention.leaf for mention in reading.mentions} if reading else set()
    if isinstance(dialogue.stage, InSurvey):  # asked where they live, they may name another community and a need there
        yield from product(communities, tuple(leaves))
    if reading and reading.correction:
        leaves |= {mention.leaf for mention in reading.correction.named}
    pending = dialogue.stage.pending if isinstance(dialogue.stage, AskCommunity) else ()
    leaves |= {mention.leaf for kept in pending for mention in kept.reading.mentions}
    places = {person.community} if person and person.community and not pending else set(communities)
    if inbound.text is None or len(inbound.text) <= SHORT:
        payloads = [inbound.button or "", *(choice.payload for choice in dialogue.choices)]
        leaves |= {payload.rpartition(":")[2] for payload in payloads if payload.count(":") > 1}
        for need in standing.needs.values() if standing else ():
            places.add(need.community)
            yield need.community, need.leaf
    for place in places:
        if place is not None:
            for leaf in leaves:
                yield place, leaf
