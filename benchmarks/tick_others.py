"""Other ways to compute a tick of N neurons and N x N synapses that learn, each as work for `service.speed.timing`.

NumPy computes the tick of `literal`. Brian2 and BindsNET compute a step of 1 ms of their own neurons, of which some 5%
fire, under their own rule, STDP, with weights kept in bounds; they are measured where they are installed.
"""

from collections.abc import Callable
from importlib.util import find_spec
from threading import Event, Semaphore, Thread
from typing import Any
from weakref import finalize

import numpy as np

from service.speed.timing import Work
from service.speed.works import made_up_frames

RATE = 1e-3  # of `literal`
FIRING = 0.05  # of the neurons at a step


def numpy_literal(neurons: int) -> Work:
    """Return the rule of `literal` as one writes it down: some ten passes over the matrix, in float32."""
    frames, teachers = made_up_frames(neurons // 8, neurons // 8)
    n_in, n_out = frames.shape[1], teachers.shape[1]
    W = np.random.default_rng(0).uniform(-2, 2, (neurons, neurons)).astype(np.float32)
    x, at = np.zeros(neurons, np.float32), 0

    def tick(frame: Any, teacher: Any) -> None:
        nonlocal W, x
        v = np.maximum(x @ W, 0)
        v[:n_in] = frame
        v = (v - v.min()) / (v.max() - v.min())
        v[:n_in], v[-n_out:] = frame, teacher
        source = x[:, None]
        W += RATE * (1 - 2 * np.abs(source - (v - source * W)))
        W = (W - W.min()) * (4 / (W.max() - W.min())) - 2
        x = v

    def live(turns: int) -> None:
        nonlocal at
        for _ in range(turns):
            tick(frames[at], teachers[at])
            at = (at + 1) % len(frames)

    return live


def bindsnet_stdp(neurons: int) -> Work:
    """Return as many inputs as neurons that leak, integrate and fire, and all synapses between them, on one thread."""
    import torch
    from bindsnet.learning import PostPre
    from bindsnet.network import Network
    from bindsnet.network.nodes import Input, LIFNodes
    from bindsnet.network.topology import Connection

    network, source, target = Network(dt=1.0), Input(n=neurons, traces=True), LIFNodes(n=neurons, traces=True)
    network.add_layer(source, "source")
    network.add_layer(target, "target")
    w = torch.rand(neurons, neurons) * (20 / neurons)
    rule: dict[str, Any] = {"update_rule": PostPre, "nu": (1e-4, 1e-4), "wmin": 0.0, "wmax": 40 / neurons}
    network.add_connection(Connection(source, target, w=w, **rule), "source", "target")
    spikes = torch.rand(256, 1, neurons) < FIRING

    def live(turns: int) -> None:
        torch.set_num_threads(1)
        while turns:
            steps = min(turns, len(spikes))
            network.run(inputs={"source": spikes[:steps]}, time=steps)
            turns -= steps

    return live


def brian2_stdp(neurons: int) -> Work:
    """Return neurons that leak, integrate and fire, each connected with all, in the code that Brian2 makes by itself.

    A run of Brian2 takes a second to begin. So one run goes on, on a thread, and steps when it is let.
    """
    import brian2

    brian2.defaultclock.dt = brian2.ms
    leak, firing = "dv/dt = -v / (20*ms) : 1", f"v > 1 or rand() < {FIRING}"
    group = brian2.NeuronGroup(neurons, leak, threshold=firing, reset="v = 0", method="exact")
    traces = "\n".join(f"d{name}/dt = -{name} / (20*ms) : 1 (event-driven)" for name in ("before", "after"))
    synapses = brian2.Synapses(
        group,
        group,
        f"w : 1\n{traces}",
        on_pre="v_post += w\nbefore += 1e-6\nw = clip(w + after, 0, most)",
        on_post="after -= 1e-6\nw = clip(w + before, 0, most)",
        namespace={"most": 0.1 / neurons},
    )
    synapses.connect()
    synapses.w = f"rand() * {0.1 / neurons}"
    let, done, ended = Semaphore(0), Semaphore(0), Event()

    def step() -> None:
        done.release()
        let.acquire()
        if ended.is_set():
            network.stop()

    network = brian2.Network(group, synapses, brian2.NetworkOperation(step))
    Thread(target=lambda: network.run(1e6 * brian2.second, namespace={}), daemon=True).start()
    done.acquire()

    def live(turns: int) -> None:
        let.release(turns)
        for _ in range(turns):
            done.acquire()

    def end() -> None:
        ended.set()
        let.release()

    finalize(live, end)
    return live


def installed() -> dict[str, Callable[[int], Work]]:
    """Return those libraries that are here."""
    others = {"brian2": ("Brian2, STDP", brian2_stdp), "bindsnet": ("BindsNET, STDP", bindsnet_stdp)}
    return {name: work for module, (name, work) in others.items() if find_spec(module) is not None}
