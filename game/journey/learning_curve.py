"""The learning curve that a game keeps: evenly spaced over the whole journey, however long that is."""

from collections import deque

from perception.messages import Progress

MOST = 4000  # points kept; when there are more, every second goes, and from then on twice as few are added


class LearningCurve:
    """Measurements of the learning, oldest first; the newest is always there."""

    def __init__(self, most: int = MOST) -> None:
        self.points: deque[Progress] = deque()
        self._most, self._every, self._count = most, 1, 0
        self._passing = False  # the newest point goes when the next one comes

    def add(self, point: Progress) -> None:
        """Adds a newer one. When the mind was turned back, what came after that step is forgotten."""
        if self._passing:
            self.points.pop()
        while self.points and self.points[-1].step > point.step:
            self.points.pop()
        self.points.append(point)
        self._count += 1
        self._passing = self._count % self._every != 0
        if len(self.points) > self._most:
            self.points = deque(list(self.points)[::2])
            self._every *= 2
