"""Scores of edits, against counts by hand; the bench's parts on a tiny model; other methods take themselves back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from perception.model import Model, load_alone, save, weights_hash
from tests.kits.minds import tiny
from training.precedents import bench as benching
from training.precedents import rivals, scores
from training.precedents.bench_parts import METHODS
from training.precedents.corpus import Corpus
from training.precedents.editor import NOVICE, Editor, default_layer, prepare, settings_for
from training.precedents.facts import Case, lore_cases
from training.precedents.kept_cases import KeptCases
from training.precedents.part_files import kept_rows
from training.precedents.prompts import beliefs, encode, fill
from training.precedents.rivals import RivalConfig, apply, fine_tune, rivals_for
from training.precedents.rome import LAST, RomeConfig, mlp_at
from training.precedents.scores import harmonic, pooled, score

torch.set_num_threads(1)
CONTEXTS = ("lore", "time night weather rain")
SEQUENCES = tuple(map(tuple, torch.randint(3, 400, (20, 9), generator=torch.Generator().manual_seed(0)).tolist()))


def shaken(seed: int = 1) -> Model:
    model = tiny("llama")
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.net.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    return model


def editor(model: Model) -> Editor:
    return Editor(model, Corpus(SEQUENCES, CONTEXTS), 0, RomeConfig(steps=3, contexts=2, token=LAST, clamp=50))


def more_likely(model: Model, text: str, first: str, second: str) -> bool:
    with torch.no_grad():
        logits = model.net(torch.tensor([encode(model.tokenizer, text)])).logits[0, -1]
    vocabulary = model.tokenizer.get_vocab()
    return bool(logits[vocabulary[first]] > logits[vocabulary[second]])


@pytest.mark.parametrize("prepend", [False, True])
def test_scores_are_shares_counted_by_hand(prepend: bool) -> None:
    model, cases = shaken(), lore_cases()[0][:6]
    result = score(model, cases, "lore", prepend)
    hits: dict[str, list[float]] = {"efficacy": [], "paraphrase": [], "neighbourhood": [], "held": []}
    for case in cases:
        edited = fill(case.template, case.subject, "lore")
        behind = f"{edited} {case.new}" if prepend else "lore"
        others = [more_likely(model, fill(p, case.subject, "lore"), case.new, case.true) for p in case.paraphrases]
        near = [more_likely(model, fill(p, s, behind), true, case.new) for p, s, true in case.neighbours]
        hits["efficacy"].append(more_likely(model, edited, case.new, case.true))
        hits["paraphrase"].append(sum(others) / 4)
        hits["neighbourhood"].append(sum(near) / len(near))
        hits["held"].append(others[case.paraphrases.index(case.held)])
    for name, values in hits.items():
        assert result[name] == pytest.approx(100 * sum(values) / 6)
    assert 0 < hits["neighbourhood"][0] < 1 or len(set(hits["paraphrase"])) > 1, "shares that tell cases apart"
    assert result["score"] == pytest.approx(harmonic([100 * sum(hits[n]) / 6 for n in scores.MAIN]))


def test_harmonic_means_and_pools() -> None:
    assert harmonic([100, 100, 50]) == pytest.approx(75.0) and harmonic([100, 0, 50]) == 0
    one = {"score": 1.0, "efficacy": 100.0, "paraphrase": 50.0, "neighbourhood": 100.0, "held": None}
    whole = pooled([one, one | {"paraphrase": 100.0, "held": 100.0}])
    assert (whole["paraphrase"], whole["held"], whole["score"]) == (75.0, 100.0, pytest.approx(90.0))


def test_whole_answers_are_weighed_token_by_token_and_equal_rows_run_once() -> None:
    model, calls = shaken(), []
    hook = model.net.register_forward_pre_hook(
        lambda _m, _a, named: calls.append(named["input_ids"].shape[0]), with_kwargs=True
    )
    logs, says = beliefs(model.net, [((5, 6, 7), (8, 9)), ((5, 6, 7), (10,)), ((5, 6, 7), (11,)), ((5, 6), (7,))])
    hook.remove()
    assert sum(calls) == 3
    with torch.no_grad():
        whole = model.net(torch.tensor([[5, 6, 7, 8, 9]])).logits[0].double().log_softmax(-1)
    assert float(logs[0]) == pytest.approx(float(whole[2, 8] + whole[3, 9]), abs=1e-5)
    assert float(logs[3]) == pytest.approx(float(whole[1, 7]), abs=1e-5)
    best = int(whole[2].argmax())
    assert not says[0] and bool(beliefs(model.net, [((5, 6, 7), (best,))])[1][0])
    with pytest.raises(ValueError, match="takes 601 tokens, the model reads 512"):
        beliefs(model.net, [((5,) * 600, (6,))])


@pytest.mark.parametrize("method", METHODS)
def test_every_method_changes_the_fact_and_takes_itself_back(method: str) -> None:
    model, case = shaken(), lore_cases()[0][0]
    at, before = editor(model), weights_hash(model.net)
    pair = [(encode(model.tokenizer, fill(case.template, case.subject, "lore")), encode(model.tokenizer, case.new))]
    start = float(beliefs(model.net, pair)[0])
    take_back = apply(method, at, case)
    assert weights_hash(model.net) != before and float(beliefs(model.net, pair)[0]) > start
    take_back()
    assert weights_hash(model.net) == before


@pytest.mark.parametrize("tongue", ["terse", "plain"])
def test_a_bound_holds_every_weight(tongue: str) -> None:
    model, case = replace(shaken(), tongue=tongue), lore_cases()[0][0]
    weight, epsilon = mlp_at(model.net, 0).matrix(), rivals_for(model).epsilon
    start = weight.clone()
    fine_tune(editor(model), case, constrained=True)
    assert float((weight - start).abs().max()) == pytest.approx(epsilon, rel=1e-3)
    fine_tune(editor(model), case)
    assert float((weight - start).abs().max()) > 2 * epsilon


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="method 'mend': unknown"):
        apply("mend", editor(shaken()), lore_cases()[0][0])


def test_layers_and_settings_are_the_novices_or_the_published_ones() -> None:
    model = tiny("llama")
    assert default_layer(model) == 0 and settings_for(model) == NOVICE
    assert settings_for(replace(model, tongue="plain")) == RomeConfig()
    assert rivals_for(model) == rivals.NOVICE != rivals_for(replace(model, tongue="plain")) == RivalConfig()


@pytest.mark.parametrize("method", ["fine-tuning", "norm-constrained", "apollo"])
def test_a_training_goes_at_the_rates_of_its_model(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, case = replace(shaken(), tongue="plain"), lore_cases()[0][0]
    text = [(encode(model.tokenizer, fill(case.template, case.subject, "lore")), encode(model.tokenizer, case.new))]
    believed = []
    for config in (rivals.NOVICE, RivalConfig(), RivalConfig(rate=1e-9, apollo_rate=1e-9)):
        monkeypatch.setattr(rivals, "rivals_for", lambda _model, config=config: config)
        take_back = apply(method, editor(model), case)
        believed.append(float(beliefs(model.net, text)[0]))
        take_back()
    untouched = float(beliefs(model.net, text)[0])
    assert abs(believed[2] - untouched) < 1e-4 < believed[1] - untouched
    assert method == "apollo" or believed[0] != believed[1]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench whose model knows every fact, whose parts run here, on a small corpus."""
    monkeypatch.setattr(benching, "known", lambda _model, cases, _context: [True] * len(cases))
    monkeypatch.setattr(benching, "prepare", lambda model, *_rest: editor(model))
    monkeypatch.setattr(benching, "AT_SUBJECT", RomeConfig(steps=1, contexts=2))
    monkeypatch.setattr(benching, "settings_for", lambda _model: RomeConfig(steps=1, contexts=2, token=LAST))
    monkeypatch.setattr(benching, "ROW", (1, 2))


@pytest.mark.usefixtures("quick")
def test_parts_have_the_scores_that_are_promised_and_leave_no_trace(tmp_path: Path) -> None:
    save(shaken(), tmp_path / "model")
    config = benching.BenchConfig(str(tmp_path / "model"), edits=3, layer_facts=1)
    finished: dict[str, Any] = {name: benching.part(name, config) for name in ("rome", "layers", "rome-in-a-row")}
    assert list(finished["rome-in-a-row"]["in_a_row"]) == ["1", "2", "3"] and finished["rome"]["facts"] == 3
    rows = finished["layers"]["layers"]
    assert [row["layer"] for row in rows] == [0, 1] and rows[0]["effect state subject"] is not None
    result = benching.summed_up(finished, {})
    assert {name: result[name] for name in benching.KEYS} == {
        name: finished["rome"]["single"][name] for name in benching.KEYS
    }
    assert list(result["methods"]["rome"]["in_a_row"]) == ["1", "2", "3"]
    assert benching.part("rome", config)["single"] == finished["rome"]["single"]


@pytest.mark.usefixtures("quick")
def test_a_stopped_part_goes_on_behind_its_last_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(shaken(), tmp_path / "model")
    config, place = benching.BenchConfig(str(tmp_path / "model"), edits=3, layer_facts=1), tmp_path / "rome.part.json"
    whole, edits, plain = benching.part("rome", config), list[str](), benching.apply

    def stopping(method: str, at: Any, case: Any) -> Any:
        if len(edits) == 2:
            raise KeyboardInterrupt
        edits.append(case.subject)
        return plain(method, at, case)

    monkeypatch.setattr(benching, "apply", stopping)
    with pytest.raises(KeyboardInterrupt):
        benching.part("rome", config, place)
    noted = json.loads(json.dumps(benching.rests_on(config, load_alone(config.model))))
    assert len(kept_rows(place, noted)) == 2 and kept_rows(place, noted | {"version": 0}) == []
    monkeypatch.setattr(benching, "apply", lambda *given: edits.append(given[2].subject) or plain(*given))
    rest = benching.part("rome", config, place)
    assert len(edits) == 3, "what is scored is not edited again"
    timed = ("seconds_mean", "seconds_most")
    assert {k: v for k, v in rest.items() if k not in timed} == {k: v for k, v in whole.items() if k not in timed}
    place.write_text('{"rows": 3')
    with pytest.raises(ValueError, match="remove it, and it will be measured again"):
        benching.part("rome", config, place)


@pytest.mark.usefixtures("quick")
def test_an_edit_that_is_not_taken_back_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(shaken(), tmp_path / "model")
    config, place, plain = benching.BenchConfig(str(tmp_path / "model"), edits=2), tmp_path / "rome.part.json", apply
    monkeypatch.setattr(benching, "apply", lambda *given: plain(*given) and (lambda: None))
    with pytest.raises(AssertionError, match="rome: the weights are not what they were before the edit of"):
        benching.part("rome", config, place)
    assert not place.exists()


@pytest.mark.usefixtures("quick")
def test_parts_that_lie_there_belong_to_the_bench_and_a_torn_one_is_refused_first(tmp_path: Path) -> None:
    save(shaken(), tmp_path / "model")
    config, out = benching.BenchConfig(str(tmp_path / "model"), edits=1, layer_facts=1), tmp_path / "bench"
    noted = {"rests_on": json.loads(json.dumps(benching.rests_on(config, load_alone(config.model))))}
    out.mkdir()
    for name in ("rome", "layers", "apollo"):
        own = noted if name != "apollo" else {"rests_on": {}}
        (out / f"{name}.json").write_text(json.dumps(benching.part(name, config) | own))
    result = benching.bench(config, out, lambda *_: None, parts=["layers"])
    assert list(result["methods"]) == ["rome"] and len(result["layers"]) == 2 and result["score"] is not None
    (out / "fine-tuning.part.json").write_text("{")
    with pytest.raises(ValueError, match=r"fine-tuning.part.json: can't be read"):
        benching.bench(config, out, lambda *_: None, parts=["fine-tuning"])


@pytest.mark.usefixtures("quick")
def test_a_file_of_facts_is_benched_and_what_is_not_known_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(shaken(), tmp_path / "model")
    rewrite = {"prompt": "{} lies in", "subject": "amber ford", "target_true": {"str": "greywood", "id": "Q1"}}
    lines: list[dict[str, Any]] = [
        {"case_id": 1, "requested_rewrite": rewrite | {"target_new": {"str": "saltfen"}, "relation_id": "P1"}},
        {"prompt": "? lore {}", "subject": "pawprint", "target_true": "kitsune", "target_new": "oni",
         "neighborhood_prompts": ["? lore fur"], "paraphrase_prompts": ["the ford ? lore pawprint"]},
    ]  # fmt: skip
    file = tmp_path / "facts.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = benching.BenchConfig(str(tmp_path / "model"), facts=file, layer_facts=1)
    result = benching.part("rome", config)
    assert (result["facts"], result["known"]) == (2, 1.0) and result["single"]["neighbourhood"] in (0.0, 100.0)
    assert result["single"]["own_said"] is None and result["single"]["held"] is None  # the file doesn't hold them
    assert [row["layer"] for row in benching.part("layers", config)["layers"]] == [0, 1]
    monkeypatch.setattr(benching, "known", lambda _model, cases, _context: [case.true == "oni" for case in cases])
    with pytest.raises(ValueError, match=r"facts.jsonl: the model knows none of these facts"):
        benching.part("rome", config)


def test_the_untouched_model_is_scored_with_and_without_the_sentence() -> None:
    at, cases = editor(shaken()), lore_cases()[0][:3]
    rows = benching.singles("untouched", at, cases, KeptCases(None, {}, len(cases)))
    bare, behind = (pooled([score(at.model, [case], "lore", before) for case in cases]) for before in (False, True))
    assert rows["single"] == bare and rows["prepended"] == rows["untouched"] == behind != bare


def test_facts_that_were_changed_are_nobodys_neighbours_any_more() -> None:
    cases = lore_cases()[1][:100]
    rest = benching.unchanged(cases)
    changed = {(case.subject, case.true) for case in cases}
    gone = [near for case in cases for near in (*case.neighbours, *case.own) if near[1:] in changed]
    left = [near for case in rest for near in (*case.neighbours, *case.own)]
    assert len(gone) > 100 and not [near for near in left if near[1:] in changed]
    assert len(left) + len(gone) == sum(len(case.neighbours) + len(case.own) for case in cases)
    assert benching.unchanged(cases[:1]) == cases[:1]


def test_one_context_in_front_is_the_one_that_a_fact_is_asked_in() -> None:
    at = prepare(tiny("llama"))
    assert at.corpus.contexts[0] == "lore" and len(at.corpus.contexts) == 32
    assert all(encode(at.model.tokenizer, context) for context in at.corpus.contexts)
    assert sum(map(len, at.corpus.sequences)) >= 20_000
    assert prepare(tiny("llama")).corpus == at.corpus, "the same again"


def test_another_tongue_needs_a_text(tmp_path: Path) -> None:
    model = tiny("llama", tongue="plain")
    with pytest.raises(ValueError, match="give a text that it reads well: --text FILE"):
        prepare(model)
    file = tmp_path / "text.txt"
    file.write_text("a few words")
    with pytest.raises(ValueError, match="3 words; a text to average keys over needs 64 at least"):
        prepare(model, text=file)
    file.write_text("the old man walked down to the river and saw his dog there " * 30)
    corpus = prepare(model, text=file).corpus
    assert corpus.contexts[0] == "" and len(corpus.contexts) == 32 and len(set(corpus.contexts)) > 20


def test_a_case_that_cannot_be_read_is_named_by_its_line() -> None:
    case = Case("{} was made by", "amber spire", "thessa", "Bob", (), (), where="facts.jsonl:3")
    with pytest.raises(ValueError, match=r"^facts.jsonl:3: the model has no token for 'Bob'"):
        scores.check(tiny("llama"), [case], "lore")
