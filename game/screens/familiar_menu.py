"""The menu for the familiar: where to send it, and what the player thinks of its last answer."""

from collections.abc import Callable
from functools import partial

from game.app.playing import Playing
from game.journey.companion import Companion
from game.realm.talk import DIRECTION, IDLE, OPINION, QUESTION
from game.ui.menus import Entry, Menu
from game.ui.screen_stack import Close, Screen

TALK = {OPINION: "Ask what it thinks", QUESTION: "Ask it something", IDLE: "Chat"}  # what else one may say


def familiar_menu(game: Playing) -> Screen | None:
    """The menu that sends the familiar and judges its last answer; None if it isn't there."""
    journey = game.journey
    companion, view = journey.companion, journey.view
    if not journey.world.familiar_with or view is None or (companion.waiting and not companion.own):
        game.note("Nobody is there to be sent." if not journey.world.familiar_with else "It is still thinking.")
        return None

    def judge(right: bool) -> Close:
        journey.judge(right)
        return Close()

    def call() -> Close:
        journey.call()
        return Close()

    def send(direction: str, talk: str = DIRECTION) -> Close:
        journey.send(direction, talk)
        return Close()

    entries = []
    if companion.judgeable(journey.seconds) and companion.order is not None:
        entries = [
            Entry("Praise it", partial(judge, True), note="It keeps to that answer."),
            _correction(companion, judge),
        ]
    if journey.world.familiar.away:
        entries.append(Entry("Come back", call))
    else:
        entries += [
            Entry(f"{direction}, the {kind}", partial(send, direction)) for direction, kind in journey.ways().items()
        ]
        first = next(iter(journey.ways()), "")
        entries += [Entry(label, partial(send, first, talk)) for talk, label in TALK.items() if companion.own and first]
    return Menu("Go...", entries, game.context.zoom, 220, (companion.listens(),), cue=game.context.cue)


def _correction(companion: Companion, judge: Callable[[bool], Close]) -> Entry:
    """Says what its last answer should have been."""
    if companion.order is not None and companion.order.said.kind != DIRECTION:
        return Entry("Listen!", partial(judge, False), note="It learns to answer what was said.")
    return Entry("Do as I say!", partial(judge, False), note="It learns to go. Not everywhere is wise.")
