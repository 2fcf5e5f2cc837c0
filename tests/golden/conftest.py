from pathlib import Path

import pytest

from tests.golden.golden import unpack


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all recorded stores; nobody writes to it."""
    directory = tmp_path_factory.mktemp("recorded")
    unpack(directory)
    return directory
