"""Which key and which button does what, as it is at first, and which commands there are.

A key is named by its place: by what stands there on an American keyboard (keyboard.PLACES). A button is one of
pad.PAD_BUTTONS. Esc and Start always open the menu: nobody can lock themselves out.
"""

Names = tuple[str, ...]
WALK = ("left", "right", "up", "down")
HELD = (*WALK, "attend")  # commands that last as long as the key is down
TITLES = {  # every command that can be bound, as the player reads it
    "left": "Walk left",
    "right": "Walk right",
    "up": "Walk up",
    "down": "Walk down",
    "act": "Ask, touch, rest",
    "look": "Look",
    "name": "Name what you sense",
    "attend": "Attend (hold)",
    "rest": "Rest and dream",
    "skip": "Speech: go on",
    "heads": "Your heads",
    "mode": "Heads: another view",
    "point": "Heads: point at one",
    "codex": "Codex",
    "quests": "Errands",
    "map": "Map",
    "photo": "Photo",
    "send": "Send the familiar",
    "eyes": "Borrow eyes",
    "charms": "The miko's charms",
    "log": "Write the head diff",
    "shot": "Screenshot",
    "full": "Full screen",
    "menu": "Menu",
}
KEYS: dict[str, Names] = {
    "left": ("left", "a"),
    "right": ("right", "d"),
    "up": ("up", "w"),
    "down": ("down", "s"),
    "act": ("e",),
    "look": ("q", "l"),
    "name": ("n",),
    "attend": ("space",),
    "rest": ("r",),
    "skip": ("return", "kp_enter"),
    "heads": ("tab",),
    "mode": ("m",),
    "point": ("g",),
    "codex": ("c",),
    "quests": ("j",),
    "map": ("v",),
    "photo": ("p",),
    "send": ("f",),
    "eyes": ("b",),
    "charms": ("h",),
    "log": ("f2",),
    "shot": ("f12",),
    "full": ("f11",),
    "menu": ("escape",),
}
PAD: dict[str, Names] = {
    "left": ("dpleft",),
    "right": ("dpright",),
    "up": ("dpup",),
    "down": ("dpdown",),
    "act": ("a",),
    "look": ("x",),
    "name": ("y",),
    "attend": ("righttrigger",),
    "rest": ("lefttrigger",),
    "skip": ("b",),
    "heads": ("leftshoulder",),
    "mode": ("rightshoulder",),
    "codex": ("back",),
    "quests": ("leftstick",),
    "photo": ("rightstick",),
    "menu": ("start",),
}
FIXED = {"escape": "menu", "start": "menu"}  # never bound to anything else
FIXED_BUTTON = ("start",)
MENU_KEYS: dict[str, Names] = {  # in menus, whatever is bound
    "up": ("up", "w", "kp_8"),
    "down": ("down", "s", "kp_2"),
    "left": ("left", "a", "kp_4"),
    "right": ("right", "d", "kp_6"),
    "enter": ("return", "kp_enter", "space"),
    "back": ("escape", "backspace"),
    "erase": ("delete",),
    "previous": ("pageup", "q"),
    "next": ("pagedown", "e"),
}
MENU_PAD: dict[str, Names] = {
    "up": ("dpup", "stickup"),
    "down": ("dpdown", "stickdown"),
    "left": ("dpleft", "stickleft"),
    "right": ("dpright", "stickright"),
    "enter": ("a",),
    "back": ("b", "start"),
    "erase": ("x",),
    "previous": ("leftshoulder",),
    "next": ("rightshoulder",),
}
ANYWHERE = (
    "log",
    "shot",
    "full",
    "codex",
    "quests",
    "map",
    "name",
    "photo",
    "point",
)  # work in menus too: some shut theirs
