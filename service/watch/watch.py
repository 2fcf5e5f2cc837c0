"""All that there is to be seen of one net, each shared among all who look."""

from functools import partial

from service.engine.engine import Engine
from service.watch.about import About, about
from service.watch.activity import Activity, activity_of
from service.watch.anchors import Anchors, anchors_of
from service.watch.expected import NextTokens, expected_of
from service.watch.life import Life, life_of
from service.watch.matrix import Matrix, matrix_of
from service.watch.shared import Shared


class Watch:
    """What is seen of a net; each attribute's `get` is the newest there is.

    Each is good for so long that making it takes about a hundredth of the time: the larger, the longer.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.about: Shared[About] = Shared(partial(about, engine, name), lambda _: 0.05)
        self.life: Shared[Life] = Shared(partial(life_of, engine), lambda _: 1.0)
        self.anchors: Shared[Anchors] = Shared(partial(anchors_of, engine), lambda made: 2 + made.tokens / 2**14)
        self.activity: Shared[Activity] = Shared(
            partial(activity_of, engine), lambda made: 2.0 if made.kind == "dendrites" else 0.25
        )
        self.expected: Shared[NextTokens] = Shared(partial(expected_of, engine), lambda _: 0.05)
        self.matrix: Shared[Matrix] = Shared(
            partial(matrix_of, engine), lambda made: 5 + made.rows * made.columns / 2**22
        )
