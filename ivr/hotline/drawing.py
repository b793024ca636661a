"""The menu tree laid out for drawing: boxes and lines in units of the drawing, top to bottom."""

from dataclasses import dataclass

from ivr.hotline.kinds import Language
from ivr.hotline.tree import Branch

ROW, COLUMN, BOX_WIDTH, BOX_HEIGHT = 52, 254, 240, 38


@dataclass(frozen=True)
class Box:
    """A key with what it leads to; `x`, `y` is its upper left corner."""

    x: int
    y: int
    branch: Branch
    label: str


@dataclass(frozen=True)
class Line:
    """From the right of a box (or the left margin) to the left of one of its branches."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True)
class Drawing:
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def draw(branches: tuple[Branch, ...], language: Language) -> Drawing:
    """One row for every key; the menu behind a key stands right of it, beginning in the same row."""
    boxes: list[Box] = []
    lines: list[Line] = []
    rows = _place(branches, 0, 0, language, boxes, lines)
    depth = max((box.branch.depth for box in boxes), default=1)
    return Drawing(tuple(boxes), tuple(lines), COLUMN * depth, ROW * rows)


def _place(
    branches: tuple[Branch, ...], column: int, row: int, language: Language, boxes: list[Box], lines: list[Line]
) -> int:
    """Put branches from `row` on; returns the first row below them."""
    above = row
    for branch in branches:
        y = row * ROW + (ROW - BOX_HEIGHT) // 2
        boxes.append(Box(column * COLUMN, y, branch, branch.text(language)))
        if column:
            middle = BOX_HEIGHT // 2
            lines.append(
                Line(column * COLUMN - (COLUMN - BOX_WIDTH), above * ROW + ROW // 2, column * COLUMN, y + middle)
            )
        row = max(row + 1, _place(branch.branches, column + 1, row, language, boxes, lines))
    return row
