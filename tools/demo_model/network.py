"""The acoustic network: a time-delay network over MFCC frames, frame posteriors of the pdfs every 30 ms."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from tools.demo_model.features import CEPSTRA, SUBSAMPLING
from tools.demo_model.phones import PDF_COUNT

FIRST, HIDDEN = 128, 256
# Frame offsets each layer looks at. After the layer that keeps every third frame they are multiples of three.
OFFSETS = ([-2, -1, 0, 1, 2], [-1, 0, 1], *([[-3, 0, 3]] * 4), [0])
CONTEXT = sum(max(offsets) for offsets in OFFSETS)  # frames on each side


class Network(nn.Module):
    """Affine layers over spliced frames, ReLU after each; the batch norms after the ReLUs fold away at export."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [CEPSTRA, FIRST, *([HIDDEN] * 5), PDF_COUNT]
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in sizes[:-1])
        self.layers = nn.ModuleList(
            nn.Conv1d(size_in, size_out, len(offsets), stride=SUBSAMPLING if i == 1 else 1)
            for i, (size_in, size_out, offsets) in enumerate(zip(sizes, sizes[1:], OFFSETS, strict=False))
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(batch, CEPSTRA, 3·n + 2·CONTEXT - 2) -> logits (batch, PDF_COUNT, n)."""
        x = self.norms[0](features)
        for layer, norm in zip(self.layers[:-1], self.norms[1:], strict=True):
            x = norm(functional.relu(layer(x)))
        return self.layers[-1](x)
