"""Numbers of attention rows by hand."""

import torch

from perception.head_numbers import cue_mass, entropy


def test_numbers_of_a_known_pattern() -> None:
    pattern = torch.tensor([[[[0.5, 0.5, 0.0, 0.0], [0.25] * 4, [1.0, 0, 0, 0]]]])
    visible = torch.tensor([[2, 4, 1]])
    assert torch.allclose(entropy(pattern, visible), torch.tensor([[[1.0, 1.0, 0.0]]]))
    cue = torch.tensor([[[True, False, False, True], [True, True, True, False], [False] * 4]])
    assert torch.allclose(cue_mass(pattern, cue), torch.tensor([[[0.5, 0.75, 0.0]]]))
