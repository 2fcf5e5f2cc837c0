"""Compile the kernels that a server on the CPU calls, and keep them: for the image, or once for all tests.

`python docker/compile_kernels.py [matrix | dendrites | streams]`; all if none is named. NUMBA_CACHE_DIR may say where.
"""

import sys

import numpy as np

from realnet import DendriteLearner, FrameLearner, LiveNet, TokenLearner, create
from realnet.core.state import PRESETS
from realnet.dendrites.compression import compress, decompress
from realnet.dendrites.family import child_of, freeze
from realnet.dendrites.opinions import Decided, Mixture, Speaker
from realnet.streams.json_events import EventDetector, JsonEvent
from realnet.streams.metric import MetricDetector, Value
from realnet.streams.several import SeveralDetector, Values
from realnet.streams.value_options import ValueOptions
from service.engine.threads import warm_up
from service.replica import chronicle


def compile_matrix() -> None:
    chronicle.warm_up()
    warm_up(LiveNet(512, [0, 1], [2], "literal"), cores=2)
    for preset in PRESETS:
        tokens = TokenLearner.create(preset)
        tokens.run([1, 2, 3])
        tokens.generator([1, 2], temperature=0.5, seed=0).step(2)
        frames = FrameLearner.create(2, 1, preset)
        frames.run(np.ones((2, 2)), np.ones((2, 1)))
        frames.fork().run(np.ones((2, 2)), plasticity=0.0)
        frames.warm_up()


def compile_dendrites() -> None:
    create("dendrites").warm_up()
    create("dendrites", variant="compact", memory=2**16).warm_up()
    decompress(compress(b"a", "fast"))
    wide = DendriteLearner.create(symbols=300)  # tokens of two bytes
    wide.run([1])
    child_of(freeze(wide)).run([1])
    learner = DendriteLearner.create()
    child = child_of(freeze(learner))
    child.warm_up()
    child.explain([1])
    child.net.decisions()
    learner.net.record(np.zeros(1, np.int32))
    speaker, mixture, ids = Speaker(learner), Mixture(learner), np.zeros(1, np.int32)
    mixture.learn(Decided(ids, np.full((1, 8), 0.5, np.float32)), speaker.hear(learner, ids))
    mixture.expected(learner.net.decisions(), speaker.expects())


def compile_streams() -> None:
    values = [Value(None, float(number % 7)) for number in range(200)]
    MetricDetector().run(values)
    MetricDetector(ValueOptions(expert="table")).run(values)
    several = SeveralDetector()
    rows = [Values(float(number), {"a": number % 7, "b": number % 7 + number % 2 / 10}) for number in range(400)]
    several.run(rows)
    several.look(Values(400.0, {"a": 0.0, "b": 6.0}))  # usual values, but not together
    several.run([Values(400.0, {"a": 0.0, "b": 6.0})])
    SeveralDetector(ValueOptions(missing="skip", expert="mixed")).run(rows)
    events = [JsonEvent({"one": str(number % 3), "other": str(number % 2)}) for number in range(600)]
    EventDetector().run([*events, JsonEvent({"one": "new", "other": "0"})])


COMPILED = {"matrix": compile_matrix, "dendrites": compile_dendrites, "streams": compile_streams}

if __name__ == "__main__":
    for name in sys.argv[1:] or COMPILED:
        COMPILED[name]()
