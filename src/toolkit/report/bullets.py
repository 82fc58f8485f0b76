"""Remarks below a table."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text


def bullets(texts: Iterable[Text]) -> Table:
    """Lay texts out as a list, each with its dash."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for text in texts:
        grid.add_row("-", text)
    return grid
