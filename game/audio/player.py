"""The player of sounds: it follows the frames. A thread opens the device and makes the sounds; until then it is quiet.

Without a sound device, with SDL's dummy driver, or when the device goes away, the game goes on silently.
"""

import math
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pygame as pg

from game.audio import mix
from game.audio.listening import Footsteps, LearningCues
from game.audio.mix import Listener, Wish
from game.audio.moment import Moment, Volumes
from game.audio.sound_bank import Bank, recipes, score
from game.audio.synth import RATE
from game.realm.land import Map
from game.realm.rules import Rules

CHANNELS, ONCE = 48, 12  # mixer channels; the first of them are for what sounds once
BUFFER = 1024  # samples that the device asks for at a time: 46 ms
HUSHED = 0.3  # of the realm's sounds: in a dream, behind a menu
DUCKED = 0.85  # share of every sound that goes while the first sight of all gathers
AWAY = 0.1  # of everything while the window has no focus, if play pauses then
FAINT = 0.004  # what is fainter isn't played
FADE_MS = 40
TITLE_SEES = 1.3  # at the title: as if one spirit were seen, and half of another
KEPT = 12.0  # s that a piece of music stays in memory when it isn't played
IDLE = 0.1  # s between looks at what is wanted


def gain(volume: int) -> float:
    """The gain 0..1 of a setting 0..10, in steps that sound even."""
    return (volume / 10) ** 2


def voices(rules: Rules) -> dict[str, str]:
    """species -> the word for how it sounds."""
    hear = rules.senses.index("hear")
    return {kind.name: kind.traces[hear] for kind in rules.spirits}


class Loader(Thread):
    """Opens the device, then gets every sound ready. sounds: by name, as they come; fault: why there is none."""

    def __init__(self, bank: Bank) -> None:
        super().__init__(name="gets sounds ready", daemon=True)
        self.bank = bank
        self.sounds: dict[str, pg.mixer.Sound] = {}
        self.fault = ""
        self.ready = False  # the device is open
        self.wanted: dict[str, float] = {}  # piece of music -> when it was wanted last (s, monotonic); frames write it
        self.done = Event()  # all that is wanted at first has been made
        self._told = Event()
        self._helper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begins. A process is begun here, before there are frames that would wait for it."""
        with suppress(OSError, ValueError, KeyError):  # `run` meets it again, and says so
            self._helper = self.bank.fill()
        super().start()

    def run(self) -> None:
        """Opens the device and makes the sounds."""
        try:
            pg.mixer.init(RATE, -16, 2, BUFFER, allowedchanges=0)
            pg.mixer.set_num_channels(CHANNELS)
            self.ready = True
            self._fill()
            self.bank.sweep()
            self.done.set()
            while not self._told.wait(IDLE):
                self._tidy()
        except (pg.error, OSError, ValueError, KeyError, MemoryError) as error:
            self.fault = f"No sound: {str(error) or type(error).__name__}"

    def _fill(self) -> None:
        """Loads everything that is wanted at first. Another process makes what isn't in the cache; this one reads it.
        Without such a process the sounds are made here, between the frames."""
        for name in recipes():
            path = self.bank.path(name)
            while self._helper and self._helper.poll() is None and path and not path.exists():
                if self._told.wait(IDLE):
                    return
            if self._told.wait(0.002):  # frames go first
                return
            if self._wants(name):
                self._load(name)

    def _wants(self, name: str) -> bool:
        """True if a sound belongs in memory: all but the music, and of that what was wanted lately and the realm's."""
        if not name.startswith("music."):
            return True
        piece = name.split(".")[1]
        return piece == "realm" or time.monotonic() - self.wanted.get(piece, -math.inf) <= KEPT

    def _load(self, name: str) -> None:
        self.sounds[name] = pg.mixer.Sound(buffer=np.repeat(self.bank.get(name), 2).tobytes())

    def _tidy(self) -> None:
        """Loads a piece that is wanted, forgets one that hasn't been for a while."""
        for name in recipes():
            if name.startswith("music."):
                if self._wants(name) and name not in self.sounds:
                    self._load(name)
                elif not self._wants(name):
                    self.sounds.pop(name, None)

    def stop(self) -> None:
        """Asks it to end, and waits a little."""
        self._told.set()
        if self.is_alive():
            self.join(3.0)
        if self._helper is not None:
            if self._helper.stdin is not None:
                self._helper.stdin.close()  # it ends by itself then
            self._helper.terminate()
            self._helper.wait(3.0)


@dataclass
class Playing:
    """A loop on a channel of its own; left, right: as it sounds now, volumes apart."""

    wish: Wish
    number: int
    channel: pg.mixer.Channel
    left: float = 0.0
    right: float = 0.0
    volumes: tuple[int, int] = (0, 0)  # what the channel was told last, 0..255


class Player:
    """The game's sound. loader: starts at once; note: tells the player, once, that sound is gone."""

    def __init__(self, loader: Loader, settings: Volumes, note: Callable[[str], None]) -> None:
        self.loader, self._note = loader, note
        self.loops: dict[str, Playing] = {}
        self.piece = "realm"
        self._volumes: Mapping[str, float] = {}
        self._master = 1.0
        self._silent = False  # nothing can be heard any more
        self._land: Map | None = None  # of the journey that is heard
        self._listener: Listener | None = None
        self._footsteps = Footsteps()
        self._cues: LearningCues | None = None
        self._once = 0  # the channel of what sounds once next
        self._free = list(range(ONCE, CHANNELS))
        self._rested = False
        self._hushed = False  # everything has stepped back for a first sight
        self.apply(settings)
        loader.start()

    def apply(self, settings: Volumes) -> None:
        """Other volumes from this moment on."""
        effects, tunes = gain(settings.effects), gain(settings.music)
        self._volumes = {"bed": effects, "voice": effects, "music": tunes, "interface": gain(settings.interface)}
        self._ducks = settings.away == "pause"
        if self.loader.ready and not self._silent:
            with suppress(pg.error):  # the next frame says so
                self._turn(0.0)

    def cue(self, name: str) -> None:
        """A sound of the interface by its name; one that isn't known is no sound."""
        self._strike(Wish(f"cue.{name}", 0.7, 0.7), "interface")

    def frame(self, moment: Moment | None, dt: float) -> None:
        """dt s have passed; moment: None at the title."""
        if self.loader.fault:
            self._end(self.loader.fault)
        if self._silent or not self.loader.ready:
            return
        try:
            wishes = self._wishes(moment)
            away = moment is not None and moment.away and self._ducks
            self._master += ((AWAY if away else 1.0) - self._master) * min(1.0, dt / 0.2)
            self._follow(wishes, dt)
        except pg.error as error:
            self._end(f"No sound any more: {error}")

    def _end(self, fault: str) -> None:
        """Silence from now on."""
        if not self._silent:
            self._silent = True
            self._note(fault)

    def _wishes(self, moment: Moment | None) -> dict[str, Wish]:
        """What should be heard now; what sounds once begins."""
        pieces = score()
        if moment is None:
            self._land = None
            return self._tune("realm", mix.music(pieces["realm"], "realm", TITLE_SEES))
        state = moment.frame_state
        if moment.land is not self._land or self._listener is None or self._cues is None:
            self._land, self._listener = moment.land, Listener(moment.land, voices(moment.rules))
            self._footsteps, self._cues, self._rested = Footsteps(), LearningCues(moment), moment.resting
        listener = self._listener
        for wish in self._footsteps.heard(state, listener):
            self._strike(wish, "voice")
        if cue := self._cues.heard(moment):
            self.cue(cue)
        if moment.resting and not self._rested:
            self._strike(listener.bell(state), "voice")
        if moment.hush and not self._hushed:
            self._strike(listener.bell(state), "voice")
        self._rested, self._hushed = moment.resting, moment.hush > 0
        piece = moment.piece or ("dream" if moment.resting else "realm")
        tune = mix.music(pieces[piece], piece, mix.insight(state), 1 - 0.4 * mix.GATHERED * state.attend)
        quiet = 1 - DUCKED * moment.hush
        tune = {key: wish._replace(left=wish.left * quiet, right=wish.right * quiet) for key, wish in tune.items()}
        hushed = (HUSHED if moment.resting or moment.menu else 1.0) * quiet
        return {**self._tune(piece, tune), **listener.wishes(state, hushed)}

    def _tune(self, piece: str, tune: dict[str, Wish]) -> dict[str, Wish]:
        self.piece = piece
        self.loader.wanted[piece] = time.monotonic()
        return tune

    def _strike(self, wish: Wish, volume: str) -> None:
        """Begins something that sounds once; the oldest of too many ends."""
        sound, loud = self.loader.sounds.get(wish.name), self._volumes[volume] * self._master
        if sound is None or self._silent or loud <= 0:
            return
        with suppress(pg.error):  # the next frame says so
            channel = pg.mixer.Channel(self._once)
            self._once = (self._once + 1) % ONCE
            channel.play(sound)
            channel.set_volume(wish.left * loud, wish.right * loud)

    def _follow(self, wishes: Mapping[str, Wish], dt: float) -> None:
        """Begins loops that are wanted, fades those that aren't, and moves all volumes."""
        for key, wish in wishes.items():
            if key in self.loops:
                self.loops[key].wish = wish
            elif max(wish.left, wish.right) > FAINT:
                self._begin(key, wish)
        for key, playing in list(self.loops.items()):
            if key not in wishes:
                playing.wish = playing.wish._replace(left=0.0, right=0.0)
                if max(playing.left, playing.right) <= FAINT:
                    playing.channel.stop()
                    self._free.append(playing.number)
                    del self.loops[key]
        self._turn(dt)

    def _begin(self, key: str, wish: Wish) -> None:
        sound = self.loader.sounds.get(wish.name)
        if sound is None or not self._free:
            return
        number = self._free.pop(0)
        channel = pg.mixer.Channel(number)
        channel.play(sound, loops=-1, fade_ms=FADE_MS)
        channel.set_volume(0.0, 0.0)
        self.loops[key] = Playing(wish, number, channel)

    def _turn(self, dt: float) -> None:
        """Moves every loop's volume a little nearer to the wanted one."""
        for playing in self.loops.values():
            wish = playing.wish
            part = min(1.0, dt / mix.TIMES[wish.kind])
            playing.left += (wish.left - playing.left) * part
            playing.right += (wish.right - playing.right) * part
            loud = 255 * self._volumes[wish.kind] * self._master
            volumes = round(playing.left * loud), round(playing.right * loud)  # the mixer's own resolution
            if volumes != playing.volumes:
                playing.volumes = volumes
                playing.channel.set_volume(volumes[0] / 255, volumes[1] / 255)

    def close(self) -> None:
        """Stops all sound and closes the device. A loader that hangs in it is left behind."""
        self._silent = True
        self.loader.stop()
        if self.loader.ready and not self.loader.is_alive():
            self.loops.clear()
            pg.mixer.quit()


def open_sound(
    settings: Volumes, cache: Path | None, note: Callable[[str], None], env: Mapping[str, str] = os.environ
) -> Player | None:
    """Sound, if anybody could hear it: SDL's dummy driver stands for no device. Returns at once; cache: a folder for
    sounds that were made, None for none; note: tells the player something."""
    if env.get("SDL_AUDIODRIVER") == "dummy":
        return None
    return Player(Loader(Bank(cache)), settings, note)
