"""All that there is to be seen of one net, each shared among all who look."""

from functools import partial

from service.engine.engine import Engine
from service.watch.activity import Activity, activity_of
from service.watch.anchors import Anchors, anchors_of
from service.watch.expected import Expected, expected_of
from service.watch.life import Life, life_of
from service.watch.matrix import Matrix, matrix_of
from service.watch.shared import Shared


class Watch:
    """What is seen of a net; each attribute's `get` is the newest there is."""

    def __init__(self, engine: Engine) -> None:
        self.life: Shared[Life] = Shared(partial(life_of, engine), 1.0)
        self.anchors: Shared[Anchors] = Shared(partial(anchors_of, engine), 2.0)
        self.activity: Shared[Activity] = Shared(partial(activity_of, engine), 0.25)
        self.expected: Shared[Expected] = Shared(partial(expected_of, engine), 0.05)
        self.matrix: Shared[Matrix] = Shared(partial(matrix_of, engine), 5.0)
