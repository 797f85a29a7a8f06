"""A model with all that an edit needs: a corpus, the second moments of its layers, settings. Edits are reversible.

The game's charm and the command line both come through here. The second moment of a layer is taken once, when the
layer is first edited; an edit after that is only the search for v* and one rank-one change.
"""

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from perception.model import Model
from training.precedents.corpus import Corpus, own_corpus, second_moment, text_corpus
from training.precedents.facts import Case
from training.precedents.rome import LAST, SUBJECT, Change, Request, RomeConfig, edit, mlp_at

# Chosen on the development half of the lore (docs/edit.md). A novice recalls its lore at the prompt's last token, in
# late layers, and what its MLPs write is a small part of its residual stream: δ has to be longer than 4 ‖v0‖.
NOVICE = RomeConfig(steps=16, rate=1.5, clamp=10.0, contexts=6, token=LAST)
AT_SUBJECT = RomeConfig(steps=16, rate=6.0, clamp=40.0, decay=0.0, contexts=4, token=SUBJECT)
PUBLISHED_LAYER = 17 / 48  # of GPT-2 XL


def default_layer(model: Model) -> int:
    """The layer that is edited unless a command says otherwise: a novice's last but one, else as deep as published."""
    if model.tongue == "terse":
        return max(0, model.layers - 2)
    return min(model.layers - 1, round(model.layers * PUBLISHED_LAYER))


def settings_for(model: Model) -> RomeConfig:
    """The novice's settings for a model of the terse tongue, the published ones for others."""
    return NOVICE if model.tongue == "terse" else RomeConfig()


@dataclass
class Editor:
    """Edits facts of one model at one layer at a time. moments: layer -> C (K, K), filled as they are needed."""

    model: Model
    corpus: Corpus
    layer: int
    config: RomeConfig
    moments: dict[int, Tensor] = field(default_factory=dict)

    def moment(self, layer: int) -> Tensor:
        """C of a layer with the weights as they were when it was first asked for. Raises ValueError."""
        mlp = mlp_at(self.model.net, layer)
        if layer not in self.moments:
            self.moments[layer] = second_moment(self.model.net, mlp, self.corpus.sequences)
        return self.moments[layer]

    def edit(self, request: Request, layer: int | None = None) -> Change:
        """Rewrite a fact in place; `rome.undo` takes it back. Raises ValueError, with the weights as they were."""
        where = self.layer if layer is None else layer
        moment = self.moment(where)
        return edit(self.model.net, self.model.tokenizer, request, where, moment, self.corpus.contexts, self.config)


def prepare(
    model: Model, layer: int | None = None, text: Path | None = None, seed: int = 0, config: RomeConfig | None = None
) -> Editor:
    """An editor over our own corpus, or over a text of the user's. Raises ValueError or OSError."""
    where = default_layer(model) if layer is None else layer
    mlp_at(model.net, where)
    settings = config or settings_for(model)
    corpus = own_corpus(model, seed) if text is None else text_corpus(model, text, seed, used=settings.contexts)
    return Editor(model, corpus, where, settings)


def request_of(case: Case) -> Request:
    """What to change for a case."""
    return Request(case.template, case.subject, case.new, case.essence)
