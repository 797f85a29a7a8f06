"""A mind writes in its own folder alone, under plain names, and never over what is not its own to replace."""

import pytest
from safetensors import SafetensorError

from perception.messages import Export, Trouble, WriteLog, Written
from perception.model import load as load_model
from perception.model import weights_hash
from tests.kits.minds import tiny
from tests.training.mind.test_mind import RULES, TEACH, few_probes
from training.mind.mind import Mind, MindConfig
from training.mind.outputs import OutputRefused, export_mind, log_path, output_path

__all__ = ["few_probes"]  # a fixture of every test here, too


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("name", ["mind", "log.msgpack", "my mind 2", "geist-ü", "a" * 100, ".msgpack"])
def test_plain_names_are_taken_from_everybody(tmp_path, name, local):
    if name == ".msgpack":
        with pytest.raises(OutputRefused):
            output_path(tmp_path, name, local)
        return
    assert output_path(tmp_path, name, local) == tmp_path / name


def test_a_game_on_this_machine_may_name_its_slot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slot").mkdir()
    for wanted in (str(tmp_path / "slot" / "log.msgpack"), "slot/log.msgpack", "slot/../slot/log.msgpack"):
        path = log_path(tmp_path / "slot", wanted, local=True)
        assert path.resolve() == tmp_path / "slot" / "log.msgpack"
        with pytest.raises(OutputRefused, match="give a plain name"):
            log_path(tmp_path / "slot", wanted, local=False)


ELSEWHERE = (
    "", ".", "..", "../log.msgpack", "/etc/log.msgpack", "deep/log.msgpack", "a\\b.msgpack", "c:log.msgpack", "a\0b",
    "a\nb.msgpack", " log.msgpack", "log.msgpack ", "log.msgpack.", "x" * 101, "nul", "COM1.msgpack", "con.txt", "*",
    "/dev/stdout", "~/log.msgpack", "\u202elog.msgpack",
)  # fmt: skip
OWN = (
    "journal.msgpack", "journal.msgpack.bak", "weights.safetensors", "rests", "shots", "JOURNAL.msgpack",
    "journey.replay", "card.json", "chronicle.json",
)  # fmt: skip


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("wanted", [*ELSEWHERE, *OWN])
def test_other_places_and_the_minds_own_files_are_refused(tmp_path, wanted, local):
    for inside in (wanted, str(tmp_path / wanted) if wanted in OWN else wanted):
        with pytest.raises(OutputRefused) as caught:
            output_path(tmp_path, inside, local)
        assert str(caught.value).startswith("give ")


def test_links_folders_and_other_kinds_of_files_are_refused(tmp_path):
    (tmp_path / "outside.msgpack").write_text("mine")
    folder = tmp_path / "mind"
    (folder / "folder.msgpack").mkdir(parents=True)
    (folder / "link.msgpack").symlink_to(tmp_path / "outside.msgpack")
    for name in ("link.msgpack", "folder.msgpack", "log.txt", "log"):
        with pytest.raises(OutputRefused):
            log_path(folder, name, local=True)
    with pytest.raises(OutputRefused, match="start the mind with --folder"):
        log_path(None, "log.msgpack", local=True)


def test_a_mind_overwrites_nothing_that_a_remote_game_names(tmp_path):
    """Every file and model folder outside its own, and the ones inside that it lives by."""
    victims = [tmp_path / "notes.msgpack", tmp_path / "model", tmp_path / "mind" / "journal.msgpack"]
    export_mind(tiny(seed=5), victims[1])
    victims[0].write_text("dear diary")
    mind = Mind(tiny(), MindConfig(tmp_path / "mind", TEACH, local=False), RULES)
    mind.save()
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    for victim in victims:
        for name in (str(victim), f"../{victim.name}", f"mind/../{victim.name}", victim.name):
            for order in (WriteLog(name), Export(name)):
                if order == Export("model") or order == WriteLog("notes.msgpack") or order == Export("notes.msgpack"):
                    continue  # plain names: in its own folder
                assert isinstance(mind.handle(order)[0], Trouble), order
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before
    assert mind.handle(Export("model")) == [Written("model")]
    assert weights_hash(load_model(tmp_path / "mind" / "model").net) == mind.origin
    assert {path: path.read_bytes() for path in before} == before


def test_an_exported_mind_is_a_model_that_loads_with_its_tongue(tmp_path):
    model = tiny(seed=3)
    for _ in range(2):  # an older export is replaced
        export_mind(model, tmp_path / "out")
    again = load_model(tmp_path / "out")
    assert weights_hash(again.net) == weights_hash(model.net)
    assert again.tongue == "terse"


@pytest.mark.parametrize("name", ["diary.txt", "notes/config.json", "README.md"])
def test_an_export_overwrites_nothing_else(tmp_path, name):
    export_mind(tiny(), tmp_path / "out")
    (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / name).write_text("dear diary")
    with pytest.raises(OutputRefused, match="is in the way"):
        export_mind(tiny(seed=1), tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == "dear diary"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputRefused, match="is in the way"):
        export_mind(tiny(), tmp_path / "file")


def test_an_export_onto_a_full_disk_is_trouble_and_leaves_the_older_one(tmp_path, monkeypatch):
    mind = Mind(tiny(), MindConfig(tmp_path, TEACH), RULES)
    assert mind.handle(Export("out")) == [Written("out")]
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def full(self, folder, **_options):
        (folder / "model.safetensors").write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(type(mind.model.net), "save_pretrained", full)
    (said,) = mind.handle(Export("out"))
    assert isinstance(said, Trouble) and said.text.endswith("out: the disk is full; free some space")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing half-written"
    monkeypatch.undo()
    assert mind.handle(Export("out")) == [Written("out")]
