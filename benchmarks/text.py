"""The text of every figure: Python's own documentation topics, which every Python brings along."""

import re
from functools import cache
from pydoc_data.topics import topics


@cache
def topics_text() -> str:
    """All topics joined with spaces, lower-cased, every run of other than a-z one space: some 380,000 characters."""
    return re.sub("[^a-z]+", " ", " ".join(topics.values()).lower())
