"""Every screen that a command of play or the pause menu opens: one line each. The game is handed this table."""

from game.app.playing import Opener
from game.realm.actors import NEVER
from game.screens import (
    attune,
    charms,
    codex,
    ending,
    errands,
    familiar_menu,
    fellows_menu,
    heads_screen,
    inn,
    map_sheet,
    naming,
    pause,
    photo,
    rewind,
)

OPENERS: dict[str, Opener] = {
    "menu": Opener("", pause.menu),
    "codex": Opener("Codex", codex.Codex),
    "quests": Opener("Errands", errands.Log),
    "map": Opener("Map", map_sheet.MapSheet),
    "inn": Opener("", inn.menu),
    "name": Opener("", naming.Chooser),
    "send": Opener("Send the familiar", familiar_menu.familiar_menu, lambda game: game.journey.world.familiar_with),
    "ending": Opener("The register", ending.Epilogue, lambda game: game.journey.world.quests.ended != NEVER),
    "photo": Opener("Photo", photo.Photo),
    "eyes": Opener("Borrow a born seer's eyes", photo.eyes, photo.lent),
    "charms": Opener("The miko's charms", charms.menu, lambda game: bool(game.journey.narrator.charms.dealer())),
    "rewind": Opener("Rewind the mind", rewind.menu),
    "attune": Opener("Who practises?", attune.attune, attune.there, later=True),
    "point": Opener("Point at a head", heads_screen.Pointing, later=True),
    "say": Opener("Say something", fellows_menu.say, fellows_menu.shared),
    "show": Opener("Point at a place", fellows_menu.show, fellows_menu.shared),
    "trust": Opener("Take somebody's word", fellows_menu.trust, fellows_menu.shared),
    "compare": Opener("Compare what you see", fellows_menu.compare, fellows_menu.shared),
    "others": Opener("Other players", fellows_menu.others, fellows_menu.shared),
    "log": Opener("Write the head diff", lambda game: game.ask_for_log()),
}
