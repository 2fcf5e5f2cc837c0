"""How well the net has predicted, over its whole life."""

from dataclasses import dataclass

from pydantic import BaseModel

from realnet.score import History
from service.engine.commands import Query
from service.engine.engine import Engine
from service.journal.position import JournalPosition
from service.replica.replica import Replica


class Life(BaseModel, frozen=True):
    """Points, oldest first, at most 512: each the mean over `interval` tokens, the last perhaps over fewer.

    `tokens` is how many the net had seen at the end of each point, `surprise` is in bits a token. What a net learnt
    before it came here, in another server's snapshot or under a version that kept no history, has no points.
    """

    interval: int
    tokens: list[int]
    accuracy: list[float]
    surprise: list[float]

    @classmethod
    def of(cls, history: History) -> "Life":
        interval, seen = history.place.tolist()
        counted = history.sums[:, 0]
        points = counted.nonzero()[0]
        _, hits, bits = (history.sums[points] / counted[points, None]).T
        return cls(
            interval=interval,
            tokens=[min(seen, interval * (point + 1)) for point in points.tolist()],
            accuracy=hits.clip(max=1).round(4).tolist(),  # of dendrites an estimate
            surprise=bits.round(4).tolist(),
        )


@dataclass(slots=True, eq=False)
class ReadLife(Query[Life]):
    def answer(self, replica: Replica, position: JournalPosition | None) -> Life:
        return Life.of(replica.history)


async def life_of(engine: Engine) -> Life:
    return await engine.ask(ReadLife())
