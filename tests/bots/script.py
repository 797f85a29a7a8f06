"""What a bot does in its first minutes, in the order in which it does it; each part can be played alone."""

from collections.abc import Callable
from dataclasses import dataclass

import pygame as pg

from game.app.app import App
from game.realm.replay import state_hash
from game.realm.senses import in_sight
from game.screens.errands import listed
from game.ui.words import SURE
from tests.bots.diary import Diary
from tests.bots.hands import Bot

AWAKE_WITHIN = 120.0  # s that a mind may take to wake
LESSONS_FIRST = 8  # spirits shown before the first dream
CLOSE = 40 * 16  # px: how far the bot wanders for its next place
SCREENS = (("heads", pg.K_TAB), ("codex", pg.K_c), ("errands", pg.K_j), ("photo", pg.K_p), ("menu", pg.K_ESCAPE))


@dataclass
class Plan:
    """How long the journey is (minutes of play), how long each dream (s), and of which seed; lessons: spirits shown
    before the first dream; scale: of the window; still: frames that a picture is waited for."""

    minutes: float = 10.0
    dream: float = 60.0
    seed: int = 1
    lessons: int = LESSONS_FIRST
    scale: int = 2
    still: int = 30

    def at(self, part: float) -> float:
        """s of play at a part (0..1) of the whole."""
        return 60 * self.minutes * part


class Script:
    """What the bot does, in the order in which it does it."""

    def __init__(self, bot: Bot, diary: Diary, plan: Plan) -> None:
        self.bot, self.diary, self.plan = bot, diary, plan
        self.right = self.wrong = 0
        self._visited: list[int] = []
        self._named: dict[int, float] = {}

    def begin(self) -> None:
        """Title, new journey, the seed typed digit by digit, and until the mind is awake."""
        bot, app = self.bot, self.bot.played
        assert isinstance(app, App)
        bot.frames(3 * self.plan.still)
        bot.picture("title.png")
        bot.take("New journey")
        bot.press(*(pg.K_0 + int(digit) for digit in f"{self.plan.seed:06d}"))
        bot.picture("seed.png")
        self._begin("no journey began")
        self._wait(lambda: self.awake, "the mind never woke")
        bot.picture("arrived.png")

    @property
    def awake(self) -> bool:
        """The mind has said how it stands."""
        journey = self.bot.game.journey
        return journey.mind.state == "awake" and journey.mind_client.progress is not None

    def _begin(self, fault: str) -> None:
        app = self.bot.played
        if not self.bot.begin(lambda: app.game is not None, AWAKE_WITHIN):  # type: ignore[attr-defined]
            raise TimeoutError(f"{fault} in {AWAKE_WITHIN:.0f} s: {app.context.notes()}")  # type: ignore[attr-defined]

    def _wait(self, done: Callable[[], bool], fault: str) -> None:
        if not self.bot.until(done, AWAKE_WITHIN, by_clock=True):
            app = self.bot.played
            raise TimeoutError(f"{fault} in {AWAKE_WITHIN:.0f} s: {app.context.notes()}")  # type: ignore[attr-defined]

    def learn_to_ask(self) -> None:
        """What the guide says: walk, look, ask, attend; and a hand laid on something."""
        bot, journey = self.bot, self.bot.game.journey
        bot.hear_out()
        bot.press(pg.K_q)
        bot.be_shown(1, self.plan.at(0.1))
        bot.picture("shown.png")
        bot.down(pg.K_SPACE)
        bot.lets_learn(4.0)
        bot.picture("attending.png")
        bot.up(pg.K_SPACE)
        bot.be_shown(self.plan.lessons, max(1.0, self.plan.at(0.25) - journey.seconds))
        self.touch_something()

    def touch_something(self) -> None:
        """Lays a hand on the nearest landmark."""
        bot, journey = self.bot, self.bot.game.journey
        for _, place in in_sight(bot.world):
            if bot.beside(place):
                if journey.context() == "touch":
                    bot.press(pg.K_e)
                return

    def dream(self, name: str) -> None:
        """Rests for as long as the plan says."""
        bot, journey = self.bot, self.bot.game.journey
        began = journey.seconds
        self.diary.dreams(bot.game)
        bot.press(pg.K_r)
        bot.lets_learn(self.plan.dream / 2)
        bot.picture(f"{name}.png")
        bot.lets_learn(self.plan.dream / 2)
        bot.press(pg.K_r)
        self.diary.write("rest", bot.game, began=round(began, 2))
        bot.frames(2 * self.plan.still)
        bot.picture(f"{name}-after.png")

    def wander(self, until: float) -> None:
        """From place to place until so many seconds were played: names what is seen, asks what is not, does errands."""
        bot, journey = self.bot, self.bot.game.journey
        while journey.seconds < until:
            self._errand()
            place = self._next()
            self._visited.append(place)
            if not bot.go(place):
                continue
            bot.fresh()
            bot.frames(15)
            self._watch()
            if not self._name() and not bot.ask(10**6):
                bot.press(pg.K_q)
                bot.frames(15)

    def _watch(self) -> None:
        """Stands and looks until the first sight of all has come, if it comes here."""
        bot, sight = self.bot, self.bot.game.journey.sight
        if not sight.debut.over and sight.debut.place is not None:
            bot.frames(30)
            bot.until(lambda: not sight.debut.going_on, 12.0)

    def _errand(self) -> None:
        """Talks to somebody who has something to ask, or waits to be told that it is done."""
        bot, world = self.bot, self.bot.world
        for errand in listed(world.quests):
            can_be_taken = errand.stage == "open" and not (errand.plan.hours and world.phase not in errand.plan.hours)
            if errand.stage == "ready" or can_be_taken:
                bot.talk(errand.plan.giver)
                bot.picture(f"errand-{errand.key}-{errand.stage}.png")
                return

    def _next(self) -> int:
        """The place to go to: around an errand that has to be done by naming, else the nearest not seen lately."""
        world, places = self.bot.world, self.bot.world.map.places
        lately = self._visited[-12:]
        for errand in world.quests.errands.values():
            if errand.stage == "taken" and errand.plan.task in ("name", "all"):
                area = [place for place in errand.area if place not in self._visited[-len(errand.area) + 1 :]]
                return area[0] if area else errand.area[0]
        x, y = world.player.x, world.player.y
        far = [((p.x - x) ** 2 + (p.y - y) ** 2, p.index) for p in places if p.room < 0 and p.index not in lately]
        near = [index for _, index in sorted(far)[:6]]
        return self.bot.rng.choice(near)

    def _name(self) -> bool:
        """Names what is seen and was not named lately; False if there is nothing of the kind."""
        bot, journey = self.bot, self.bot.game.journey
        for place, species in bot.believed(SURE):
            if journey.seconds - self._named.get(place, -1e9) < 20 or species not in journey.nameable():
                continue
            self._named[place] = journey.seconds
            tally = journey.realm.world.quests.tally
            before = tally.streak
            if not bot.name(place, species):
                continue
            right = tally.streak > before
            self.right, self.wrong = self.right + right, self.wrong + (not right)
            bot.picture("named-right.png" if right else "named-wrong.png")
            return True
        return False

    def screens(self) -> None:
        """Opens and leaves every screen."""
        bot = self.bot
        for name, key in SCREENS:
            bot.press(key)
            bot.until(lambda: getattr(bot.game.screens.top, "ready", True), 12.0)
            bot.frames(self.plan.still)
            bot.picture(f"screen-{name}.png")
            if name == "heads":
                for mode in range(1, 4):
                    bot.press(pg.K_m)
                    bot.frames(self.plan.still)
                    bot.picture(f"screen-heads-{mode}.png")
            bot.press(key if name == "heads" else pg.K_ESCAPE)
        bot.press(pg.K_F2)

    def leave_and_go_on(self) -> bool:
        """Saves, leaves to the title, goes on; True if the realm is as it was."""
        bot, app = self.bot, self.bot.played
        assert isinstance(app, App)
        bot.press(pg.K_ESCAPE)
        world = bot.world
        bot.take("Save and leave to the title")
        bot.frames(10)
        bot.picture("title-again.png")
        bot.choose("Continue")
        self._begin("the journey does not go on")
        return state_hash(bot.world) == state_hash(world)

    def play(self) -> None:
        """All of it."""
        plan = self.plan
        self.begin()
        self.learn_to_ask()
        self.dream("dream-1")
        self.diary.part = "after one dream"
        self.wander(plan.at(0.55))
        self.dream("dream-2")
        self.diary.part = "after two dreams"
        self.wander(plan.at(0.97))
        self.screens()
