"""Every behaviour that can be learned, by what stands behind --behaviour."""

from game.realm.rules import Rules
from perception.model import Model
from training.behaviours.behaviour import Behaviour
from training.behaviours.file import FileBehaviour
from training.behaviours.listen import Listen
from training.behaviours.sight import Sight
from training.config import BEHAVIOURS, LearnConfig

NAMED = dict(zip(BEHAVIOURS, (Sight, Listen), strict=True))


def behaviour_of(config: LearnConfig, model: Model, rules: Rules) -> Behaviour:
    """The behaviour of a training, for a model as it is before. Raises ValueError, also where a probe was taught."""
    behaviour = NAMED.get(config.behaviour, FileBehaviour)(config, model, rules)
    behaviour.check()
    return behaviour
