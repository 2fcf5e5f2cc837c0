"""Servers on one store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hive.servers import Servers


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    yield made
    made.close()
