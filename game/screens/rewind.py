"""The menu that turns the mind back to any rest or to its first day, and exports it."""

from game.app.playing import Playing
from game.ui.menus import Answer, Entry, Menu
from game.ui.screen_stack import CLOSE, Close
from game.ui.words import counts
from perception.messages import RestorePoint


def named(rest: RestorePoint) -> str:
    """What a rest is called: its label, else its number."""
    if rest.number == 0:
        return "The day you came"
    return rest.label or f"Rest {rest.number}"


def described(rest: RestorePoint) -> str:
    """What the mind was like then, in plain words."""
    taught = f"{rest.lessons} lesson{'' if rest.lessons == 1 else 's'}"
    return f"{taught}; {', '.join(counts(rest))}. Lessons stay; what practice made of them goes."


def menu(game: Playing) -> Menu:
    """Every rest, the newest first; and the export."""
    client = game.journey.mind_client

    def back_to(rest: RestorePoint) -> Close:
        game.journey.rewind(rest.number)
        game.note(f"The mind goes back: {named(rest)[:1].lower()}{named(rest)[1:]}")
        return CLOSE

    def sure(rest: RestorePoint) -> Menu:
        choices = [Entry("No, leave it as it is", Close), Entry("Yes, turn it back", lambda: back_to(rest))]
        return Menu(
            "Turn the mind back?", choices, game.context.zoom, 300, (named(rest), described(rest)), cue=game.context.cue
        )

    def out() -> Answer:
        path = game.options.log_path.parent / "mind"
        client.export(str(path))
        game.note(f"Writing the mind to {path}")
        return CLOSE

    def entries() -> list[Entry]:
        rows = [
            Entry(named(rest), lambda rest=rest: sure(rest), note=described(rest))  # type: ignore[misc]
            for rest in reversed(client.restore_points)
        ]
        return [*rows, Entry("Export the mind", out, note="A Hugging Face folder: any tool can load it")]

    lines = () if client.restore_points else ("No mind is awake",)
    return Menu("Rewind the mind", entries, game.context.zoom, 320, lines, cue=game.context.cue)
