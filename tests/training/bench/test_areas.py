"""Which speeds can be measured, where, and that a bench's process ends with it."""

import os
import time

import pytest
import torch

from main import main
from perception.errors import ModelError
from training.bench import mind_process, run
from training.bench.areas import AREAS, ON_DEVICES, check_area
from training.bench.run import ON_CPU, ON_DEVICE, bench


def test_every_area_has_its_bench_and_two_are_the_games_own():
    assert sorted([*ON_CPU, *ON_DEVICE, "game", "env"]) == sorted(AREAS)
    assert set(ON_DEVICE) == set(ON_DEVICES)


def test_an_unknown_area_is_refused_with_all_that_are_known(capsys):
    known = "realm, env, perceive, mind, optimizers, frozen, dialogues, recorder, log, game, environments, hooks, all"
    with pytest.raises(ValueError, match=f"bench souls: unknown; choose {known}$"):
        bench("souls", "", 0)
    assert main(["bench", "souls"]) == 2
    assert f"bench souls: unknown; choose {known}" in capsys.readouterr().err


def test_a_device_is_looked_for_where_an_area_can_use_it_and_refused_elsewhere(monkeypatch):
    seen = []
    for area in ON_DEVICE:
        monkeypatch.setitem(run.ON_DEVICE, area, lambda model, seed, device: seen.append(device) or [])
        assert bench(area, "", 0, "cpu") == {"area": area, "device": "cpu", "rows": []}
        with pytest.raises(ModelError, match="--device tpu: unknown"):
            bench(area, "", 0, "tpu")
    assert seen == [torch.device("cpu")] * len(ON_DEVICE)
    with pytest.raises(
        ValueError, match="--device cuda: bench log is about the CPU; only perceive, optimizers, frozen"
    ):
        check_area("log", "cuda")


def test_the_mind_of_a_bench_ends_with_it_however_it_ends(tmp_path, monkeypatch):
    script = tmp_path / "waits.py"
    script.write_text("import os, time\nopen(__file__ + str(os.getpid()), 'w').close()\ntime.sleep(600)\n")
    monkeypatch.setattr(mind_process, "COMMAND", script)
    begun = []

    def interrupted():
        with mind_process._mind("", 0):
            while not begun:
                time.sleep(0.01)
                begun.extend(tmp_path.glob("waits.py?*"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun[0].name.removeprefix("waits.py")), 0)
