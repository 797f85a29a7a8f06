"""Tells gymnasium of SpiritRealm-v0. An installed package does it by itself (pyproject.toml: gymnasium.envs)."""

ID = "SpiritRealm-v0"


def register() -> None:
    """Lets `gymnasium.make("SpiritRealm-v0")` find the environment. Twice is as good as once."""
    import gymnasium

    if ID not in gymnasium.registry:
        gymnasium.register(ID, entry_point="game.env.spirit_realm:SpiritRealm")
