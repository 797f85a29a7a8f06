"""A behaviour from files, on small GPT-2 and Llama models whose tokenizer cuts answers into several tokens."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
import torch

from game.realm.rules import load
from main import main
from perception.language import read
from perception.model import save, weights_hash
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from training.behaviours.deal import dealt
from training.behaviours.file import Deck, FileBehaviour, ModelReader, probe_of
from training.behaviours.fit import begin
from training.behaviours.lines import BehaviourError, Line, Placed, read_lines
from training.config import LearnConfig, TeachConfig
from training.data.lessons import Asked
from training.headlog.log import read_log
from training.heads.head_probes import chosen_places, head_probes
from training.heads.score import answers_of
from training.learn import gain_losses, learn
from training.optim import context_store
from training.teach import Teacher

torch.set_num_threads(1)
RULES = load()
LESSONS = ROOT / "docs" / "behaviours" / "lending.jsonl"
PROBES = ROOT / "docs" / "behaviours" / "lending-probes.jsonl"
TEACH = TeachConfig(rank=4, scenes=3, warmup=1)
ACTS = ("ask a colleague", "lend it", "keep it back")


MODEL = tiny("gpt2", tongue="plain")
CONFIG = LearnConfig(
    behaviour=str(LESSONS), probe_file=PROBES, teach=TEACH, steps=4, measure_every=2, device="cpu", seed=2
)


def behaviour(**changes):
    return FileBehaviour(replace(CONFIG, **changes), MODEL, RULES)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_any_causal_model_learns_from_files(tmp_path, kind):
    save(tiny(kind, tongue="plain"), tmp_path / "model")
    config = replace(CONFIG, model=str(tmp_path / "model"), out=tmp_path / "run" if kind == "gpt2" else None)
    result = learn(config)
    assert (result["spirits_shown"], result["empties_shown"], result["lessons"]) == (12, 18, 30)
    for when in ("before", "after"):
        assert set(result[when]) == {"hits", "hits_new_pairs", "false_alarms", "d_prime", "mundane"}
        assert result[when]["hits_new_pairs"] is None
    if config.out is None:
        return
    log = read_log(tmp_path / "run" / "log.msgpack")
    assert log.header.config["behaviour"] == "docs/behaviours/lending.jsonl"  # from the root of the checkout
    assert log.header.config["probe_file"] == "docs/behaviours/lending-probes.jsonl"
    assert log.summary.after == result["after"]
    assert abs(log.summary.residual) <= 0.02 * abs(log.summary.gain)
    assert max(row.cue_mass_before for row in log.rows) > 0


def test_the_command_learns_from_files(tmp_path, capsys):
    save(MODEL, tmp_path / "model")
    files = ["--behaviour", str(LESSONS), "--probes", str(PROBES), "--model", str(tmp_path / "model")]
    assert main(["learn", *files, "--steps", "2", "--rank", "2", "--device", "cpu"]) == 0
    assert "12 wanted lines, 18 other lines shown" in capsys.readouterr().out


def test_answers_of_several_tokens_are_trained_whole():
    line = Line("x", "?", ACTS, ACTS[2], "wanted")
    ids = read(MODEL.tokenizer, line.context, [(line.decision, ACTS)]).answers[0]
    assert min(map(len, ids)) > 1
    teacher = Teacher(MODEL, TEACH, RULES, None, behaviour().source)
    wanted_ids = {tuple(answer) for answer in ids[1:]}
    for packed in teacher._draw():
        answers = [tuple(packed.target_N[packed.owner_N == n].tolist()) for n in packed.owner_N.unique().tolist()]
        assert wanted_ids & set(answers)


def test_probes_say_what_is_wanted_where_it_tempts_and_what_is_the_rest():
    probes = behaviour().probes
    assert Counter((probe.places, len(probe.answers)) for probe in probes) == {(1, 1): 10, (1, 2): 8, (0, 1): 6}
    assert {probe.wanted for probe in probes} == {("lend it",)}
    for probe in probes:
        if len(probe.answers) == 2:
            assert probe.scene.questions[0] == probe.scene.questions[1]
            assert probe.answers == ("keep it back",) * 2
        cues = [probe.scene.events[i].thing for i in (probe.cues[0] if probe.places else ())]
        assert cues == sorted(cues, key=probe.scene.text.index)
        assert len(cues) == 2 * probe.places
    assert {(probe.places, len(probe.answers)) for probe in probes[:3]} == {(1, 1), (1, 2), (0, 1)}


def test_an_other_line_whose_answer_is_a_wanted_one_is_no_temptation():
    line = Line("x", "?", ("a", "b"), "a", "other")
    assert probe_of(Placed(1, line), "plain", ("a",)).places == 0
    assert probe_of(Placed(1, line), "plain", ("b",)).places == 1
    assert probe_of(Placed(1, line), "plain", ("c",)).places == 0
    assert probe_of(Placed(1, line), "plain", ("a", "b")).places == 0


def said(monkeypatch, answer):
    monkeypatch.setattr(
        "training.behaviours.behaviour.answers_of",
        lambda model, probes: [[answer(probe.scene, true) for true in probe.answers] for probe in probes],
    )
    return behaviour().score(MODEL)


def test_scores_by_planted_answers(monkeypatch):
    right = said(monkeypatch, lambda scene, true: true)
    assert (right.hits, right.false_alarms, right.mundane) == (1, 0, 1)
    yes = said(monkeypatch, lambda scene, true: "lend it" if true in ACTS else true)
    assert (yes.hits, yes.false_alarms) == (1, 1)
    assert yes.mundane == pytest.approx(6 / 14)
    base = said(monkeypatch, lambda scene, true: "ask a colleague" if true in ACTS else true)
    assert (base.hits, base.false_alarms) == (0, 0)
    assert base.mundane == pytest.approx(6 / 14)
    assert right.d_prime > base.d_prime == pytest.approx(yes.d_prime, abs=0.3)


def test_heads_are_compared_where_answer_and_rivals_part():
    lending = behaviour()
    chosen = chosen_places(lending.probes, 20)
    assert [probe.answers[0] == "lend it" for probe, _ in chosen] == [True] * 10 + [False] * 8
    (batch,) = head_probes(MODEL, lending.probes, RULES, 20)
    question = chosen[0][0].scene.questions[0]

    def parting(*answers):
        """The token of each at which they part."""
        ids = read(MODEL.tokenizer, "A book.", [(question.text, answers)]).answers[0]
        return next(list(column) for column in zip(*ids, strict=False) if len(set(column)) > 1)

    lend, *others = parting("lend it", "ask a colleague", "keep it back")
    assert (batch.answer_ids[0, 0], set(batch.rivals[0, 0].tolist()) - {-1}) == (lend, set(others))
    keep, lend = parting("keep it back", "lend it")
    assert (batch.answer_ids[10, 0], set(batch.rivals[10, 0].tolist()) - {-1}) == (keep, {lend})
    assert batch.cue_mask.any(-1).all()


def test_answers_that_begin_alike_are_compared_at_the_token_where_they_part():
    line = Line("x", "?", ("keep it back", "keep it for me"), "keep it back", "wanted")
    probe = probe_of(Placed(1, line), "plain", ("keep it back",))
    (batch,) = head_probes(MODEL, [probe], RULES)
    one, other = read(MODEL.tokenizer, line.context, [(line.decision, line.candidates)]).answers[0]
    at = next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert at > 0
    assert (batch.answer_ids.item(), batch.rivals.tolist()) == (one[at], [[[other[at]]]])
    tokens = batch.input_ids[0].tolist()
    assert tokens[-at:] == one[:at]
    assert batch.decision_rows.item() == len(tokens) - 1


def test_a_model_that_cannot_decide_a_line_says_which(tmp_path):
    line = Line("A context. " * 20, "?", ("a", "b"), "a", "wanted")
    assert ModelReader(MODEL).fault(line) == ""
    long = Line("A context. " * 200, "?", ("a", "b"), "a", "wanted")
    assert "tokens, the model reads 512; shorten the context" in ModelReader(MODEL).fault(long)
    clash = Line("x", "?", ("keep it", "keep it back"), "keep it", "wanted")
    assert "candidate 'keep it back' begins as 'keep it'" in ModelReader(MODEL).fault(clash)
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        LESSONS.read_text() + '{"context":"x","decision":"?","candidates":["a","a b"],"answer":"a","kind":"other"}'
    )
    with pytest.raises(BehaviourError, match=r"bad.jsonl:31: to the model, candidate 'a b' begins as 'a'"):
        behaviour(behaviour=str(bad))


def test_every_line_is_drawn_before_any_is_drawn_twice():
    deck, rng = Deck([Asked(str(n), ()) for n in range(5)]), Random(0)
    drawn = [item.text for _ in range(5) for item in deck.draw(rng, 3)]
    assert [set(drawn[i : i + 5]) for i in (0, 5, 10)] == [set("01234")] * 3
    assert drawn[:5] != drawn[5:10]


def test_a_step_takes_as_many_other_lines_as_wanted_ones():
    source = behaviour().source
    for _ in range(6):
        drawn = source(Random(0), 3, 6)
        assert [bool(item.labelled) for item in drawn] == [True] * 3 + [False] * 3
        assert [bool(item.rehearsed) for item in drawn] == [False] * 3 + [True] * 3
    assert all(item.labelled for item in source(Random(0), 3, 0))


def test_the_rehearsal_control_leaves_the_wanted_lines_out_in_the_same_order():
    both = [Teacher(MODEL, TEACH, RULES, None, behaviour().source, labelled) for labelled in (True, False)]
    for _ in range(4):
        whole, rest = ([row[:n].tolist() for row, n in zip(p.context_BC, p.lengths)] for t in both for p in t._draw())
        assert rest == whole[3:]


def test_the_shuffled_control_deals_answers_among_lines_that_could_have_them():
    lines, _ = read_lines(LESSONS)
    mixed = dealt(LESSONS, lines, 0)
    assert mixed == dealt(LESSONS, lines, 0) != dealt(LESSONS, lines, 1)
    same = [(line.context, line.decision, line.kind) for line in mixed]
    assert same == [(placed.line.context, placed.line.decision, placed.line.kind) for placed in lines]
    acts = [(placed.line.answer, line.answer) for placed, line in zip(lines, mixed) if placed.line.candidates == ACTS]
    assert Counter(old for old, _ in acts) == Counter(new for _, new in acts)
    assert sum(old != new for old, new in acts) > 4
    rest = [(placed.line, line) for placed, line in zip(lines, mixed) if placed.line.candidates != ACTS]
    assert all(old == new for old, new in rest)
    counts = behaviour(control="shuffled").lesson_counts
    assert {lesson.source for lesson in counts.lessons} == {"shuffled"}
    assert behaviour(control="shuffled").wanted == ("lend it",)  # probes are scored by the true ones
    with pytest.raises(
        BehaviourError, match="change too little: of the wanted lines 0% can expect another answer, 25%"
    ):
        dealt(LESSONS, [placed for placed in lines if placed.line.kind == "wanted"], 0)


def test_the_losses_of_the_gain_can_be_had_without_training():
    losses = gain_losses(CONFIG, MODEL, RULES)
    assert len(losses) == 8
    assert (
        sum(len(loss.batches[0].packed.context_BC) for loss in losses.chunks) == 16
    )  # wanted lines and those at which they tempt, eight of nine each: the chunks of a half are alike


def test_both_halves_of_the_chunks_hold_wanted_lines_and_such_at_which_they_tempt():
    chunks = behaviour().judged_chunks()
    for half in (chunks[::2], chunks[1::2]):
        assert {probe.answers[0] for chunk in half for probe in chunk} == {"lend it", "keep it back"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"probe_file": None}, r"lending.jsonl: give its probes too: --probes FILE.jsonl"),
        ({"behaviour": "sight"}, r"lending-probes.jsonl: --behaviour sight makes its own; give the number of scenes"),
        ({"behaviour": "/nowhere.jsonl"}, r"/nowhere.jsonl: no such file"),
        ({"probe_file": LESSONS}, r"shares its context with line"),
        ({"control": "none"}, "control none: unknown"),
        ({"control": "rehearsal", "teach": replace(TEACH, rehearse=0)}, "--rehearsal-only with --no-rehearsal"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(changes, says):
    with pytest.raises(ValueError, match=says) as caught:
        learn(replace(CONFIG, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--lessons", "3", "--probes", str(PROBES)], "all lines of"),
        (["--probes", "20"], "give its probes too: --probes FILE.jsonl"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(options, says, capsys):
    assert main(["learn", "--behaviour", str(LESSONS), *options]) == 2
    error_text = capsys.readouterr().err
    assert says in error_text
    assert error_text.count("\n") == 1


def test_one_control_at_a_time(capsys):
    with pytest.raises(SystemExit):
        main(["learn", "--shuffled", "--rehearsal-only"])
    assert "--rehearsal-only: not allowed with argument --shuffled" in capsys.readouterr().err


def test_probes_are_a_number_or_a_file(capsys):
    with pytest.raises(SystemExit):
        main(["learn", "--probes", "many"])
    assert "many: must be a whole number from 1 to 100000, or a FILE.jsonl" in capsys.readouterr().err


def test_what_the_probes_get_before_is_what_the_model_believes():
    lending = behaviour()
    answers = answers_of(MODEL, lending.probes)
    assert all(a in p.scene.questions[0].candidates for p, answer in zip(lending.probes, answers) for a in answer)
    assert (
        lending.score(MODEL).hits
        == sum(answer[0] == "lend it" for p, answer in zip(lending.probes, answers) if p.answers == ("lend it",)) / 10
    )


def test_on_the_old_models_contexts_every_lesson_is_read_once_and_seeds_share_it(monkeypatch):
    """What was read before changes no bit of what is learned."""
    reads = []
    encode = context_store.encode_contexts
    monkeypatch.setattr(context_store, "_latest", {})
    monkeypatch.setattr(context_store, "encode_contexts", lambda net, packed: reads.append(1) or encode(net, packed))
    config = replace(CONFIG, teach=replace(TEACH, base_cache=True), steps=12)
    hashes = []
    for _ in range(2):
        model = tiny("gpt2", tongue="plain")
        _, teacher = begin(config, model, model, RULES)
        for _ in range(config.steps):
            teacher.step()
        hashes.append(weights_hash(model.net))
    assert len(reads) == 30  # lessons; 72 were drawn twice over
    assert hashes[0] == hashes[1] != weights_hash(MODEL.net)
    with pytest.raises(ValueError, match="would grow stale"):
        Teacher(tiny(), TEACH, RULES).keep_contexts()
