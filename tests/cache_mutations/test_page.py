"""The page of the documentation shows the table as it is."""

from __future__ import annotations

from mutations.page import PAGE, page_with, render


def test_the_page_is_up_to_date():
    """The generated part is that of the table; `python -m mutations --page-only` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page_with(render())
