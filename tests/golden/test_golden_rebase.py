"""A store in which a child had gone over to another parent, by its journal alone, opened by a later program.

`python -m tests.golden.test_golden_rebase` recorded it; to record it anew would prove nothing.
"""

import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from service.journal.records import InputRecord, OriginRecord, RebaseRecord, SessionInputRecord
from service.journal.scan import read_from
from service.store import open_log
from tests.golden.golden import HAS_RECORDED_ARITHMETIC, HERE
from tests.golden.record import anonymous
from tests.nets.asking import teach
from tests.nets.test_parents import OWN, create_children, raise_parent, weights_of
from tests.nets.test_rebase import NEWS, go_over, newer
from tests.nets.test_rebase_kills import copying
from tests.running_server import ThreadServer

STORE, EXPECTED = HERE / "rebased.tar.xz", HERE / "rebased.json"


def observed(server: ThreadServer) -> dict[str, str]:
    """Return what the child is over, what it has learnt, and what it has learnt after more."""
    now = weights_of(server, "one")
    over = server.client.get("/v1/nets/one").json()["parent"]
    teach(server, "one", NEWS[:200], session="mine")
    return {"parent": over["sha256"], "snapshot": over["snapshot"], "now": now, "later": weights_of(server, "one")}


@pytest.mark.skipif(not HAS_RECORDED_ARITHMETIC, reason="the hashes are of x86-64 with fused multiply-add")
def test_a_recorded_child_goes_over_as_it_did(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    with tarfile.open(STORE) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)  # Python 3.11.4
        archive.extractall(tmp_path)
    log = open_log(f"file://{tmp_path}/rebased", "one/journal")
    kinds = [type(record) for _, record in read_from(log.read(), 1)]
    assert kinds == [OriginRecord, InputRecord, SessionInputRecord, RebaseRecord]
    server = new_server(store=f"file://{tmp_path}/rebased").start()
    assert observed(server) == json.loads(EXPECTED.read_text())


def _record() -> None:
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        whole = Path(place) / "whole"
        server = ThreadServer(Path(place), store=f"file://{whole}", journal="always").start()
        create_children(server, raise_parent(server), "one")
        teach(server, "one", OWN)
        teach(server, "one", OWN, session="mine")
        after = newer(server)
        copies = copying(whole, patch)
        go_over(server, "one", after)
        patch.undo()
        server.close()
        kept = copies[[name for name, _ in copies].index("4") + 1][1].rename(Path(place) / "rebased")
        with tarfile.open(STORE, "w:xz", preset=9) as archive:
            archive.add(kept, "rebased", filter=anonymous)
        server = ThreadServer(Path(place), store=f"file://{kept}").start()
        EXPECTED.write_text(json.dumps(observed(server), indent=1) + "\n")
        server.close()


if __name__ == "__main__":
    _record()
