"""What perception refuses, each in one line that says what is wrong and how to mend it."""


class LanguageError(ValueError):
    """A text that this model cannot read."""


class ModelError(ValueError):
    """A model that cannot be used."""
