"""Sounds as they are made: one for whatever can be heard, none clips, loops have no seam, all are repeatable."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.audio import music, sound_bank, synth
from game.audio.music import Note, parse
from game.audio.player import voices
from game.audio.sound_bank import data, recipes, score
from game.realm.rules import load as load_rules
from game.realm.terrain import UNDERFOOT
from tests.kits.soundkit import made

NAMES = tuple(recipes())
LOOPS = tuple(name for name, recipe in recipes().items() if recipe.loops)
GOLDEN = "d095b6adb9c72d77"  # every 97th sample of every sound; a sound that was meant to change changes it
STEREO = 4  # bytes per sample in memory
MOST_BYTES = 30_000_000


def test_whatever_can_be_heard_has_a_sound() -> None:
    rules = load_rules()
    hear = rules.senses.index("hear")
    words = {kind.traces[hear] for kind in (*rules.spirits, *rules.folk)} | set(rules.ordinary[hear])
    assert words <= set(NAMES) and len(words) == 22
    assert set(voices(rules)) == set(rules.species)
    for ground in (*(ground.name.lower() for ground in UNDERFOOT), "edge"):
        assert f"step.{ground}.2" in NAMES, ground


def test_no_sound_clips_and_each_is_as_loud_as_its_kind() -> None:
    for name, recipe in recipes().items():
        sound = made(name) / 32767
        wanted = data()["loud"][recipe.kind] * recipe.gain
        assert np.abs(sound).max() <= synth.CEILING + 1e-4, name
        assert 0.8 * wanted <= synth.loudness(sound) <= 1.02 * wanted, name
        assert abs(sound.mean()) < 0.01, f"{name}: leans to one side"


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_ends_where_it_begins(name: str) -> None:
    sound = made(name) / 32767
    inside, seam = np.abs(np.diff(sound)), abs(sound[0] - sound[-1])
    bends = np.abs(np.diff(sound, 2))
    around = np.abs(np.diff(np.concatenate([sound[-2:], sound[:2]]), 2))
    assert seam <= 1.01 * inside.max() and around.max() <= 1.01 * bends.max()


def test_what_sounds_once_begins_and_ends_in_silence() -> None:
    for name in set(NAMES) - set(LOOPS):
        assert abs(int(made(name)[0])) < 40 and abs(int(made(name)[-1])) < 40, name


def test_the_same_sounds_are_made_anywhere() -> None:
    digest = hashlib.blake2b(digest_size=8)
    for name in NAMES:
        digest.update(name.encode() + np.ascontiguousarray(made(name)[::97]).tobytes())
    assert digest.hexdigest() == GOLDEN
    assert np.array_equal(sound_bank.make("giggle"), made("giggle"))


def test_no_two_voices_or_steps_sound_alike() -> None:
    def tint(name: str) -> np.ndarray:
        """Share of loudness in half octaves."""
        power = np.abs(np.fft.rfft(made(name) / 32767)) ** 2
        hertz = np.fft.rfftfreq(len(made(name)), 1 / synth.RATE)
        shares = [power[(hertz >= 60 * 2 ** (k / 2)) & (hertz < 60 * 2 ** ((k + 1) / 2))].sum() for k in range(15)]
        return np.sqrt(np.array(shares) / sum(shares))

    for group in (voices(load_rules()).values(), [f"step.{ground}.0" for ground in data()["step"]]):
        for one, other in itertools.combinations(group, 2):
            assert tint(one) @ tint(other) < 0.995, (one, other)
    spirits = [tint(name) for name in voices(load_rules()).values()]
    assert max(one @ other for one, other in itertools.combinations(spirits, 2)) < 0.93


def test_all_sounds_fit_into_memory_beside_two_pieces_of_music() -> None:
    sizes = {name: STEREO * len(made(name)) for name in NAMES}
    tunes = {
        piece: sum(size for name, size in sizes.items() if name.startswith(f"music.{piece}.")) for piece in score()
    }
    rest = sum(size for name, size in sizes.items() if not name.startswith("music."))
    assert rest + tunes.pop("realm") + max(tunes.values()) <= MOST_BYTES


def test_a_sound_that_is_too_loud_or_no_number_is_refused() -> None:
    for wrong in (1.001, np.nan, -np.inf):
        with pytest.raises(ValueError, match="louder"):
            synth.samples(np.array([0.0, wrong]))
    assert synth.samples(np.array([1.0, -1.0])).tolist() == [32767, -32767]
    assert not synth.level(synth.silence(0.1), 0.1).any()


def test_three_pieces_change_with_what_is_seen() -> None:
    assert set(score()) == {"realm", "dream", "ending"}
    for name, piece in score().items():
        assert sum(layer.whole == 0 for layer in piece.layers) >= 1, f"{name} has something to hear for the blind"
        lengths = [layer.length for layer in piece.layers]
        assert name == "ending" or len(set(lengths)) == len(lengths), f"{name}: layers drift against each other"
    assert [layer.low for layer in score()["realm"].layers] == [0.0, 0.1, 0.8, 1.6]
    d, octave = (music.pitch(score()["realm"], degree) for degree in (0, 5))
    assert octave == pytest.approx(2 * d) and music.pitch(score()["realm"], -5) == pytest.approx(d / 2)


@given(st.text(alphabet="0123456789.+-| \t²x", max_size=60))
def test_a_line_of_music_is_read_or_refused(text: str) -> None:
    try:
        notes, steps = parse(text)
    except ValueError as error:
        assert "\n" not in str(error) or "\n" in text
    else:
        assert 1 <= steps <= music.MOST_TOKENS
        assert all(0 <= note.at < steps and music.DEGREES[0] <= note.degree <= music.DEGREES[1] for note in notes)


@given(st.lists(st.lists(st.integers(*music.DEGREES), max_size=4), min_size=1, max_size=40))
def test_what_is_written_is_read(chords: list[list[int]]) -> None:
    text = " ".join("+".join(map(str, chord)) or "." for chord in chords)
    notes, steps = parse(text)
    assert steps == len(chords)
    assert notes == tuple(Note(at, degree) for at, chord in enumerate(chords) for degree in chord)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"notes": "0 1 x"}, "token 3"),
        ({"notes": "0 99"}, "degrees go from"),
        ({"notes": ""}, "0 tokens"),
        ({"notes": ". " * 128}, "long; at most"),
        ({"instrument": "tuba"}, "instrument 'tuba'"),
        ({"sees": None}, "without sees"),
    ],
)
def test_a_wrong_score_says_where_and_what(change: dict[str, object], said: str) -> None:
    entry = {"name": "a", "instrument": "koto", "ring": 2, "sees": 0, "loud": 1, "notes": "0 1"} | change
    layer = {key: value for key, value in entry.items() if value is not None}
    with pytest.raises(ValueError, match=rf"music\.x.*{said}"):
        music.pieces({"x": {"root": 100, "scale": [0], "step": 0.5, "layer": [layer]}})
