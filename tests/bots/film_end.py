"""The end of the film: the mind that played it, what the film leaves out, and the last word of the story."""

from pathlib import Path
from random import Random

import pygame as pg
import torch

from common.assets import NOVICE, SEER
from game.app.app_context import AppContext
from game.app.game_loop import Game
from game.app.playing import Options
from game.journey.practice import STEPS_PER_LESSON
from game.realm.play_rules import load as load_play
from game.realm.realms import LocalRealm
from game.realm.rules import load as load_rules
from game.realm.world import World, new_world
from game.screens.ending import CLIMBED, Epilogue
from game.screens.registry import OPENERS
from perception.messages import Attune, FromMind, Teach
from perception.model import choose_device, load
from tests.bots.film import Film
from tests.bots.hands import FRAME, Bot
from tests.kits.direct_mind import DirectMind
from tests.kits.questkit import Hand
from training.data.lessons import generated
from training.mind.mind import PROBE_SEED, Mind, MindConfig

EVENINGS = 12  # lessons that the film leaves out before the ending


class Filmed(DirectMind):
    """The shipped novice in this process, on the clock of the frames, at about the pace of a mind of its own: the same
    seed films the same journey."""

    def __init__(self, seed: int) -> None:
        torch.set_num_threads(1)
        model = load(str(NOVICE), choose_device("cpu"))
        super().__init__(Mind(model, MindConfig(None, seed=PROBE_SEED + seed, seer=SEER), load_rules()), 4, 8)

    def start(self) -> None:
        """It is awake already."""

    def close(self) -> None:
        """It goes on: the next game plays with it."""

    def more_evenings(self, seed: int) -> None:
        """What the film leaves out: lessons about all species, and the steps that they are worth."""
        for lesson in generated(seed, EVENINGS, "terse", load_rules()):
            self.mind.handle(Teach(lesson))
        self.mind.handle(Attune(()))
        until = self.mind.teacher.steps + STEPS_PER_LESSON * EVENINGS
        while self.mind.teacher.steps < until:
            self.mind.practise()
        again: list[FromMind] = [self.mind.ready, self.mind.progress()]
        self._say(again)


def at_the_end(seed: int) -> tuple[World, int, str]:
    """A realm in which all errands are done, but for the last guest of the last one: (it, where that guest is, who)."""
    world = new_world(seed, load_play())
    hand = Hand(world)
    for key, errand in world.quests.errands.items():
        if not errand.plan.ends:
            hand.play(key)
            continue
        who = world.quests.people[list(world.quests.book.people).index(errand.plan.giver)]
        hand.walk((who.x, who.y), 40)
        hand.hour(errand.plan.hours[0])
        hand.talk(key)
        while errand.count < errand.plan.count - 1:
            hand.once(key)
        place = hand.guest(key)
        hand.approach(place)
        return world, place, hand.answer(place)
    raise ValueError("no errand ends the story")


def film_the_end(film: Film, context: AppContext, mind: Filmed, out: Path, seed: int) -> None:
    """The last word, and what comes of it: the lanterns go out, guests climb, three minds, the heads, the register."""
    mind.more_evenings(seed)
    passed = [0.0]
    world, place, species = at_the_end(seed)
    game = Game(
        LocalRealm(world), mind, context, Options(seed, out / "log.msgpack", out), OPENERS, True,
        lambda: passed[0],
    )  # fmt: skip
    bot = Bot(game, out, Random(seed), waits=False, longest=FRAME)

    def watch(dt: float) -> None:
        passed[0] += dt
        film.watch(context.window.canvas, dt)

    bot.watch = watch
    game.journey.narrator.speech = None
    film.rolls, bot.every = True, 3
    bot.frames(60)
    bot.name(place, species)
    bot.until(lambda: isinstance(game.screens.top, Epilogue), 60.0)
    screen = game.screens.top
    film.rolls, film.fast, bot.every = True, 2.0, 6
    bot.frames(round(CLIMBED / FRAME))
    film.fast, bot.every = 1.0, 3
    while isinstance(screen, Epilogue) and game.screens.top is screen and screen.page < len(screen.lines):
        bot.frames(round(1.6 / FRAME))
        bot.press(pg.K_RETURN)
    bot.frames(round(4.0 / FRAME))
    bot.press(pg.K_RETURN, pg.K_RETURN)
    bot.frames(round(4.0 / FRAME))
    film.rolls = False
