"""What sound is told of each frame, as plain data."""

from game.art.frame_state import FrameState
from game.audio.moment import Moment
from game.journey.journey import Journey
from game.ui.screen_stack import ScreenStack


def moment(journey: Journey, frame_state: FrameState | None, screens: ScreenStack, away: bool) -> Moment | None:
    """What can be heard in a frame; None before the first one. A screen may ask for a piece of music: its `music`."""
    if frame_state is None:
        return None
    return Moment(
        land=journey.world.map,
        rules=journey.world.rules,
        frame_state=frame_state,
        lessons=journey.narrator.shown,
        sights=journey.narrator.firsts.found,
        sighting=journey.narrator.firsts.now,
        resting=journey.resting,
        piece=getattr(screens.top, "music", ""),
        menu=screens.pauses,
        away=away,
        hush=journey.sight.debut.stage(journey.seconds),
    )
