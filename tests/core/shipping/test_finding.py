"""What a check has found, put into an order."""

from vcat._shipping.checking.finding import Finding, arranged


def test_a_problem_is_no_warning_in_the_same_place():
    """Of two pipelines one may be sure to come to a line that the other may never come to."""
    found = [
        Finding("a.py:2", "imports x", is_warning=True, others=("a.py:9",)),
        Finding("a.py:7", "imports y", is_warning=True),
        Finding("a.py:2", "imports x"),
        Finding("a.py:7", "imports y", others=("a.py:1",)),
    ]
    assert arranged(found) == [
        Finding("a.py:1", "imports y", others=("a.py:7",)),
        Finding("a.py:2", "imports x"),
        Finding("a.py:9", "imports x", is_warning=True),
    ]
