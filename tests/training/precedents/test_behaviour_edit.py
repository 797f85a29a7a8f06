"""A behaviour as rank-one edits: prompts and their subjects, groups by right answer, where tracing looks."""

import pytest
import torch

from game.realm.rules import load as load_rules
from perception.mlp_map import mlps
from perception.model import Model, weights_hash
from tests.kits.minds import tiny
from training.heads.score import Probe, probes
from training.precedents.behaviour_edit import decided, edit_behaviour, layer_effects, wrong_by_answer
from training.precedents.corpus import Corpus
from training.precedents.editor import NOVICE, Editor
from training.precedents.prompts import beliefs, prompt
from training.precedents.rome import undo

torch.set_num_threads(1)


@pytest.fixture
def editor() -> Editor:
    """Of a random model far from its initialisation, over random text."""
    model = tiny(dtype=torch.float64, seed=1)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.net.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    sequences = torch.randint(3, 400, (60, 12), generator=torch.Generator().manual_seed(0)).tolist()
    return Editor(model, Corpus(tuple(map(tuple, sequences)), ("lore",)), 1, NOVICE)


def scenes(model: Model) -> list[Probe]:
    return probes(3, 6, model.tongue, load_rules())


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_place_is_found_behind_a_space_in_plain_english_too(kind: str) -> None:
    model = tiny(kind, tongue="plain")
    for probe in scenes(model):
        for index in range(probe.places):
            whole, _ = decided(model, probe, index)
            subject = model.tokenizer.decode(list(whole.ids[whole.first : whole.last + 1]))
            assert subject.strip() == probe.scene.questions[index].place


def test_a_decision_s_prompt_is_scene_and_question_and_its_subject_the_place(editor: Editor) -> None:
    probe = scenes(editor.model)[0]
    for index in range(probe.places):
        question = probe.scene.questions[index]
        (whole, answer_ids) = decided(editor.model, probe, index)
        words = f"{probe.scene.text} {question.text}"
        plain = prompt(editor.model.tokenizer, f"{probe.scene.text} {question.text.replace(question.place, '{}')}",
                       question.place)  # fmt: skip
        assert whole == plain, words
        assert editor.model.tokenizer.decode(answer_ids).strip() == probe.answers[index]


def test_wrong_decisions_are_grouped_by_their_right_answer(editor: Editor) -> None:
    some = scenes(editor.model)[:2]
    answers = [list(probe.answers) for probe in some]
    assert wrong_by_answer(editor.model, some, answers) == {}
    answers[1][0] = "somebody else"
    answers[1][-1] = "wrong too, but it is not what the behaviour is about"
    groups = wrong_by_answer(editor.model, some, answers)
    assert groups == {some[1].answers[0]: [decided(editor.model, some[1], 0)]}


def test_edits_make_the_answers_likelier_one_matrix_by_one_rank_each(editor: Editor) -> None:
    some, model = scenes(editor.model), editor.model
    nobody = [["?"] * len(probe.answers) for probe in some]
    groups = dict(list(wrong_by_answer(model, some, nobody).items())[:2])
    assert len(groups) == 2
    pairs = [(question.ids, answer_ids) for group in groups.values() for question, answer_ids in group[:8]]
    before, hash_before = beliefs(model.net, pairs)[0], weights_hash(model.net)
    matrix = mlps(model.net)[1].matrix().clone()
    changes = edit_behaviour(editor, groups, 1, single=False)
    moved = torch.linalg.svdvals(mlps(model.net)[1].matrix() - matrix)
    assert len(changes) == 2 and moved[1] > 1e-9 and moved[2] < 1e-9 * moved[0]
    assert float(beliefs(model.net, pairs)[0].mean()) > float(before.mean()) + 0.5
    for change in reversed(changes):
        undo(model.net, change)
    assert weights_hash(model.net) == hash_before
    (one,) = edit_behaviour(editor, groups, 0, single=True)
    assert one.layer == 0 and float(beliefs(model.net, pairs[:1])[0]) > float(before[0]) + 0.5


def test_a_layer_whose_mlp_writes_nothing_brings_nothing_back(editor: Editor) -> None:
    with torch.no_grad():
        mlps(editor.model.net)[0].matrix().zero_()
    probe = scenes(editor.model)[0]
    effects = layer_effects(editor.model, [decided(editor.model, probe, index) for index in range(3)])
    assert effects.shape == (2,) and float(effects[0]) == 0 and float(effects[1]) != 0
