"""Places of the texts in a drawn figure."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

Box = tuple[float, float, float, float]
"""Left, lower, right and upper edge, in pixels."""


def label_boxes(figure: Figure) -> dict[str, Box]:
    """Return the box of each text beside and above the plots."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]  # untyped library
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]  # untyped library
    texts: list[Text] = [*figure.texts]
    for axes in figure.axes:
        texts += [text for text in axes.texts if isinstance(text, Annotation)]
    boxes = {}
    for text in texts:
        if text.get_text():
            box = Text.get_window_extent(text, renderer)
            boxes[text.get_text()] = (box.x0, box.y0, box.x1, box.y1)
    return boxes


def overlap(one: Box, other: Box) -> bool:
    """Return whether two boxes cover each other; an edge may be shared."""
    return one[0] < other[2] and other[0] < one[2] and one[1] + 1 < other[3] and other[1] + 1 < one[3]
