"""Progress in a file: seldom, whole lines, with how far and how long; nothing for a quick command."""

import io

from training.progress import EVERY, progress_bar, progress_lines


def test_a_line_now_and_then():
    out, times = io.StringIO(), iter([0.0, 1.0, EVERY, EVERY + 1, 2 * EVERY + 5])
    report = progress_lines(out, lambda: next(times))
    for step in (1, 2, 3, 4):
        report("learning", step, 300)
    assert out.getvalue() == "learning: 2 of 300, 30 s\nlearning: 4 of 300, 65 s\n"


def test_what_is_no_terminal_gets_no_bar_and_a_quick_command_no_line():
    out = io.StringIO()
    with progress_bar(out) as report:
        report("learning", 300, 300)
    assert out.getvalue() == ""


def test_a_terminal_gets_a_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    with progress_bar(out) as report:
        report("learning", 150, 300)
    assert "learning" in out.getvalue()


def test_work_goes_on_when_nobody_reads():
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    report = progress_lines(Broken(), iter([0.0, EVERY]).__next__)
    report("learning", 1, 300)
    closed = io.StringIO()
    report = progress_lines(closed, iter([0.0, EVERY]).__next__)
    closed.close()
    report("learning", 1, 300)
