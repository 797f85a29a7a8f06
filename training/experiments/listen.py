"""Listen: which heads learn to follow a direction that is given? The arms, controls and verdict of `sight`."""

from dataclasses import replace

from training.experiments import sight
from training.experiments.plan import Arm

ARMS = tuple(Arm(arm.name, replace(arm.config, behaviour="listen")) for arm in sight.ARMS)
EXPERIMENT = replace(
    sight.EXPERIMENT, name="listen", about="which heads learn to listen: the arms and the verdict of sight", arms=ARMS
)
