"""What the tests of keys share."""

from collections.abc import Iterator

import pytest

from tests.auth.guarded import Guarded


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Yield one server for all tests of a file."""
    guarded = Guarded(tmp_path_factory.mktemp("keys"))
    guarded.server.start()
    yield guarded
    guarded.server.close()
    guarded.stranger.close()
