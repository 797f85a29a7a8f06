"""What the key for acting does, by where the player stands."""

from game.journey.mind_client import MindClient
from game.realm.land import Place
from game.realm.senses import beside_seer, nearest_place, within_reach
from game.realm.state import Actor
from game.realm.view import PlayerView
from game.ui import words
from game.ui.marks import mark_of

SACRED = ("torii", "altar")  # landmarks at which one may rest
FAR = 10**9


def verb_here(world: PlayerView, client: MindClient) -> str:
    """talk, ask, touch, rest or look. Whoever has something to ask comes before things."""

    def away(spot: Actor | Place) -> int:
        return (spot.x - world.player.x) ** 2 + (spot.y - world.player.y) ** 2

    place, person, seer = nearest_place(world), world.quests.beside(), beside_seer(world)
    reach = away(place) if within_reach(world, place) else FAR
    if person is not None and (mark_of(world.quests, person) or away(world.quests.people[person]) < reach):
        return "talk"
    if reach < FAR and not (seer is not None and away(seer) < reach):
        believed = client.belief(place.index)[1] >= words.UNSURE
        return "rest" if place.kind in SACRED and not believed else "touch"
    return "ask" if seer is not None else "look"
