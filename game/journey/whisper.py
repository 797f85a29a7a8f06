"""The words at the nearest place: what is sensed there. They come, stay a while, and fade until something is new."""

from dataclasses import dataclass

from game.realm.scene import View
from game.realm.senses import nearest_place
from game.realm.view import PlayerView
from game.ui import words

NEAR = 80  # px: what is sensed at a place so near is written below it
COMES, STAYS, FADES = 0.4, 7.0, 2.0  # s
FAINT = 0.35  # how much of the words is left after that


@dataclass
class Whisper:
    """place: index, -1 for none; text: what is sensed there; age: s since it was new."""

    place: int = -1
    text: str = ""
    age: float = 0.0

    def advance(self, dt: float, world: PlayerView, view: View | None) -> None:
        """Follows the player for dt s."""
        place = nearest_place(world)
        near = (place.x - world.player.x) ** 2 + (place.y - world.player.y) ** 2 <= NEAR**2
        where = next((word for word, index in view.places.items() if index == place.index), "") if view else ""
        sensed = words.whispered(view.scene.events, where) if view is not None and near and where else ""
        if sensed and (place.index, sensed) == (self.place, self.text):
            self.age += dt
        else:
            self.place, self.text, self.age = (place.index if sensed else -1), sensed, 0.0

    @property
    def level(self) -> float:
        """0..1: how clear the words are."""
        if not self.text:
            return 0.0
        gone = min(1.0, max(0.0, (self.age - STAYS) / FADES))
        return min(1.0, self.age / COMES) * (1 - (1 - FAINT) * gone)
