"""Every behaviour that can be learned, by what stands behind --behaviour."""

from pathlib import Path
from typing import TYPE_CHECKING

from game.realm.rules import Rules
from perception.model import Model
from training.behaviours.behaviour import Behaviour
from training.behaviours.file import FileBehaviour
from training.behaviours.lines import read_pair
from training.behaviours.listen import Listen
from training.behaviours.sight import Sight

if TYPE_CHECKING:
    from training.learn import LearnConfig

NAMED = {"sight": Sight, "listen": Listen}


def check_behaviour(config: "LearnConfig") -> None:
    """Raises ValueError for an unknown name, for files that can't be read, and for probes of the wrong sort."""
    name, probes = config.behaviour, config.probe_file
    if name in NAMED:
        if probes is not None:
            raise ValueError(f"--probes {probes}: --behaviour {name} makes its own; give the number of scenes")
    elif not name.endswith(".jsonl"):
        raise ValueError(f"--behaviour {name}: not known; choose {', '.join(NAMED)}, or give a FILE.jsonl")
    elif probes is None:
        raise ValueError(f"--behaviour {name}: give its probes too: --probes FILE.jsonl")
    else:
        read_pair(Path(name), probes)


def behaviour_of(config: "LearnConfig", model: Model, rules: Rules) -> Behaviour:
    """The behaviour of a training, for a model as it is before. Raises ValueError, also where a probe was taught."""
    made = NAMED.get(config.behaviour, FileBehaviour)(config, model, rules)
    made.check()
    return made
