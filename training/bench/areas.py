"""What can be measured by `main.py bench AREA`, known without torch. Nothing of it is asserted in CI."""

ALL = "all"  # every area, as one table
AREAS = {
    "realm": "the world without window or torch",
    "env": "the realm as an environment: steps, resets, save and restore",
    "perceive": "packed questions against one forward for each",
    "mind": "a mind process that practises while it is asked to perceive, as in play",
    "optimizers": "one step of each optimizer",
    "frozen": "the context-frozen step against full backpropagation",
    "dialogues": "the context-frozen step on eight dialogues, for models of any size",
    "recorder": "a forward with the recorder beside eager attention that returns its patterns",
    "log": "writing and reading a large head-diff log",
    "game": "what a frame costs, unseen",
    "environments": "the realm beside MiniGrid, Crafter and TextWorld, where they are installed",
    "hooks": "the recorder beside TransformerLens, where it is installed",
}
ON_DEVICES = ("perceive", "optimizers", "frozen", "dialogues")  # those that take --device; the others are about the CPU


def check_area(area: str, device: str = "auto") -> None:
    """Raises ValueError for an unknown area, or for another device than the CPU where an area is about that."""
    if area == ALL:
        return
    if area not in AREAS:
        raise ValueError(f"bench {area}: unknown; choose {', '.join((*AREAS, ALL))}")
    if device not in ("auto", "cpu") and area not in ON_DEVICES:
        raise ValueError(f"--device {device}: bench {area} is about the CPU; only {', '.join(ON_DEVICES)} take another")
