"""How fast somebody sends, held against what they may: a leaky bucket for messages and one for bytes."""


class Pace:
    """messages, bytes: per second. burst: s; what comes in so many seconds may come at once. Times are in s."""

    def __init__(self, messages: float, bytes_: float, burst: float) -> None:
        self._rates, self._burst = (messages, bytes_), burst
        self._levels = [0.0, 0.0]
        self._then: float | None = None
        self._ahead: float | None = None  # since when they have been ahead of the pace without a break

    def take(self, size: int, now: float) -> float:
        """A message of `size` bytes comes or goes now. Returns s to wait before the next one."""
        passed = 0.0 if self._then is None else max(0.0, now - self._then)
        self._then = now
        waits = []
        for index, (rate, cost) in enumerate(zip(self._rates, (1.0, float(size)), strict=True)):
            self._levels[index] = max(0.0, self._levels[index] - passed * rate) + cost
            waits.append(self._levels[index] / rate - self._burst)
        wait = max(0.0, *waits)
        if max(level / rate for level, rate in zip(self._levels, self._rates, strict=True)) <= self._burst / 2:
            self._ahead = None  # not at the first moment without a wait: a busy server reads late
        elif wait and self._ahead is None:
            self._ahead = now
        return wait

    def ahead(self, now: float) -> float:
        """For how many s they have been too fast, without a break in which half of a burst is worked off."""
        return 0.0 if self._ahead is None else now - self._ahead
