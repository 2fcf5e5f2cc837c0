"""What a detector of lines is made of: masks, what is known, what was told, the threshold."""

import random
from collections.abc import Callable

import pytest

from realnet.streams.known import Known, most_alike
from realnet.streams.masking import LONGEST, WORDS, as_array, from_array, masked, word_tokens
from realnet.streams.news import News
from realnet.streams.threshold import Threshold
from realnet.streams.told import ALARM


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("took 17 ms", "took 0 ms"),
        ("v2.10.3-rc1", "v0.0.0-rc0"),
        ("at 0x7fffdeadbeef in main", "at 0 in main"),
        ("blk_-1608999687919862906", "blk_-0"),
        ("commit 9fceb02d0ae5", "commit 0"),
        ("volume 113d3a99-c3da-401f-bd62-cc2caa5b96d2.img", "volume 0.img"),
        ("2026-11-29T13:45:07.123+01:00", "0-0-0T0:0:0.0+0:0"),
        ("  indented\r\n", "indented"),
        ("cab", "cab"),
        ("", ""),
    ],
)
def test_numbers_become_0(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_a_character_is_not_cut_in_two() -> None:
    assert masked("€" * 200) == "€" * (LONGEST // 3)
    assert masked("a" + "€" * 200) == "a" + "€" * ((LONGEST - 1) // 3)


def test_words_are_tokens() -> None:
    first, second, again, end = word_tokens("to be to")
    assert first == again != second
    assert end == 0 < min(first, second) < WORDS
    assert len(word_tokens("a " * 100)) == 61


@pytest.mark.parametrize("lines", [[], [""], ["a", "", "é b"]], ids=str)
def test_lines_become_an_array_and_back(lines: list[str]) -> None:
    assert from_array(as_array(lines)) == lines


def test_the_line_seen_longest_ago_is_forgotten() -> None:
    known = Known(2)
    for row, line in enumerate(["a", "b", "a", "c"], start=1):
        known.see(line, word_tokens(line), row)
    assert [line for line in "abc" if line in known] == ["a", "c"]
    assert known.get("a") == (2, 3)
    again = Known.of(2, known.arrays())
    for each in (known, again):
        each.see("d", word_tokens("d"), 5)
        assert [line for line in "abcd" if line in each] == ["c", "d"]
        assert each.sharing(word_tokens("b a x")) == ["b", "a"]


def test_the_most_alike_shares_most_words() -> None:
    assert most_alike("a b c", ["a x y", "a b y", "z"]) == "a b y"
    assert most_alike("a b c", ["z"]) is None
    assert most_alike("a b c", []) is None


def test_a_line_is_one_event_and_a_thousand_are_kept() -> None:
    news = News()
    told = [news.tell(f"line {number}") for number in range(1001)]
    assert all(each is not None for each in told)
    assert news.tell("line 1000") is None
    with pytest.raises(ValueError, match="there is no event 1, or it is not one of the last 1000"):
        news.judge(1, "normal")
    news.judge(2, "anomaly")
    again = News.of(news.count, news.arrays())
    assert again.verdict(2) == "anomaly"
    assert again.verdict(3) is None
    for each in (news, again):
        assert each.tell("line 0") == (1002, "open")
        assert each.verdict(2) is None


def surprises(draw: random.Random, level: Callable[[int], float], new: float) -> Callable[[int], float]:
    return lambda row: draw.gammavariate(2, level(row)) if draw.random() < new else 0.0


STREAMS: dict[str, tuple[Callable[[int], float], float]] = {
    "all is new": (lambda row: 2.0, 1.0),
    "a tenth is new": (lambda row: 2.0, 0.1),
    "ever less surprising": (lambda row: 0.5 + 4 / (1 + row / 2000), 0.3),
    "ever more surprising": (lambda row: 1 + row / 10_000, 0.3),
    "days and nights": (lambda row: 1.0 if row // 1000 % 2 else 3.0, 0.3),
}


@pytest.mark.parametrize("budget", [1, 10])
@pytest.mark.parametrize("name", STREAMS)
def test_the_budget_is_kept_whatever_the_stream(name: str, budget: float) -> None:
    threshold, came = Threshold(budget), surprises(random.Random(1), *STREAMS[name])
    for row in range(250):
        threshold.begin(came(row))
    alarms, rows = 0, 20_000
    for row in range(rows):
        alarm = threshold.score(came(row)) >= ALARM
        threshold.move(alarm)
        alarms += alarm
    assert 0.5 * budget <= alarms * 1000 / rows <= 2 * budget


def test_a_young_stream_has_few_alarms_until_the_threshold_has_found_its_place() -> None:
    young, old, chance = Threshold(1), Threshold(1, rows=10_000), random.Random(2)
    alarms = [0, 0]
    for threshold in (young, old):
        threshold.begin(2.0)  # the largest of a quiet warm-up
    for _ in range(1000):
        bits = chance.uniform(0, 6)
        for which, threshold in enumerate((young, old)):
            is_alarm = threshold.score(bits) >= ALARM
            threshold.move(is_alarm)
            alarms[which] += is_alarm
    assert alarms[0] <= 3 < 5 <= alarms[1]
