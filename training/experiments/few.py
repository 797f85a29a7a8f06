"""Learning from few: what a player can really supply, twenty spirits shown, against 64 scenes; and without dreams."""

from dataclasses import replace

from training.config import LearnConfig
from training.experiments.plan import Arm, Experiment
from training.experiments.tables import score

SCENES, SPIRITS = LearnConfig(), LearnConfig(spirits=20)
AWAKE = replace(SCENES.teach, dreams=False)
ARMS = (
    Arm("spirits-20", SPIRITS),
    Arm("scenes-64", SCENES),
    Arm("spirits-20-awake", replace(SPIRITS, teach=AWAKE)),
    Arm("scenes-64-awake", replace(SCENES, teach=AWAKE)),
)
EXPERIMENT = Experiment(
    "few", "sight from twenty spirits and from 64 scenes, dreaming and awake", ARMS, (0, 1, 2, 3, 4), score
)
