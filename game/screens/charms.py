"""The miko's charms: whom to have burned in, and which charm to lay down."""

from functools import partial

from game.app.playing import Playing
from game.journey.charms import MIKO, NOWHERE, Offer, in_sight_offers
from game.ui.menus import Answer, Entry, Menu
from game.ui.screen_stack import CLOSE, Close
from game.ui.words import counts
from perception.messages import Charm

WARNS = "You see that one, there, at once. You learn nothing from it, and every charm clouds the ordinary."
GIVES = "What was written over comes back as it was. What you practised stays."
GUESS = "She burns in what you say, true or not."
WIDTH = 330  # layout px


def menu(game: Playing) -> Menu | None:
    """Charms, where somebody deals in them; None, and a line, elsewhere."""
    stall = _Stall(game)
    if not stall.dealer:
        game.note(NOWHERE)
        return None
    title = "The miko's charms" if stall.dealer == MIKO else "Lay a charm down"
    return Menu(title, stall.entries, game.context.zoom, WIDTH, (stall.line(),), cue=game.context.cue)


class _Stall:
    """Where charms are dealt in. dealer: by whom."""

    def __init__(self, game: Playing) -> None:
        self._game, self._journey = game, game.journey
        self._charms = game.journey.narrator.charms
        self.dealer = self._charms.dealer()

    def line(self) -> str:
        """How many are worn, and how well one sees; or why nothing can be had."""
        worn = len(self._charms.worn)
        wears = f"You wear {'no charm' if not worn else 'one charm' if worn == 1 else f'{worn} charms'}."
        sees = ", ".join(counts(self._journey.mind_client.progress))
        return self._charms.refusal() or f"{wears} {sees[:1].upper()}{sees[1:]}."

    def entries(self) -> list[Entry]:
        """Whom she can burn in, and what can be laid down."""
        charms, free = self._charms, not self._charms.refusal()
        worn, rows = charms.pairs(), list[Entry]()
        if self.dealer == MIKO:
            for offer in (one for one in charms.known if (one.at, one.species) not in worn):
                name = charms.called(offer.at, offer.species)
                rows.append(Entry(name, partial(self._burn, offer), note=WARNS, open=free))
            guess = free and bool(self._journey.nameable())
            rows.append(Entry("Somebody else, in sight...", self._places, note=GUESS, open=guess))
        for charm in charms.worn:
            name = charms.called(charm.at, charm.species)
            label = f"Lay down: {name[:1].lower()}{name[1:]}"
            rows.append(Entry(label, partial(self._lay_down, charm), note=GIVES, open=free))
        return [*rows, Entry("Not now", Close)]

    def _burn(self, offer: Offer) -> Close:
        self._journey.narrator.say("", self._charms.burn(offer, self._journey.seconds))
        return CLOSE

    def _lay_down(self, charm: Charm) -> Close:
        self._journey.narrator.say("", self._charms.lay_down(charm, self._journey.seconds))
        return CLOSE

    def _places(self) -> Answer:
        """Where somebody is to be seen."""
        offers = in_sight_offers(self._journey.view, self._journey.nameable())
        places = self._journey.world.map.places
        rows = [
            Entry(f"By the {places[at].kind}, {there[0].word}", partial(self._species, there))
            for at, there in offers.items()
            if there
        ]
        return Menu("Where?", rows, self._game.context.zoom, WIDTH, cue=self._game.context.cue)

    def _species(self, there: list[Offer]) -> Answer:
        """Who is to be seen there."""
        rows = [Entry(offer.species, partial(self._burn, offer), note=GUESS) for offer in there]
        return Menu("Whom do you want to see there?", rows, self._game.context.zoom, WIDTH, cue=self._game.context.cue)
