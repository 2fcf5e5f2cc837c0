"""What it lived through is kept in order, however it was cut into messages, and drawn in stretches that were."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.journal.records import InputRecord, packed_tokens, unpacked_tokens
from service.replica.experience import Experience

messages = st.lists(st.lists(st.integers(0, 2**17), min_size=1, max_size=8), min_size=1, max_size=40)


def tokens_of(experience: Experience) -> list[int]:
    data, ticks, _ = experience.kept()
    return unpacked_tokens(data, ticks).tolist() if ticks else []


def joined(messages: list[list[int]]) -> list[int]:
    return [token for tokens in messages for token in tokens]


def lived(tokens: list[int]) -> InputRecord:
    return InputRecord(0, 1.0, len(tokens), packed_tokens(np.array(tokens, np.int32)))


@given(messages)
def test_tokens_are_kept_in_order_however_they_were_cut(messages: list[list[int]]) -> None:
    experience = Experience()
    for tokens in messages:
        experience.add(lived(tokens))
    assert tokens_of(experience) == joined(messages)
    assert tokens_of(Experience.of(experience.kept())) == joined(messages)


@given(messages, st.integers(1, 20), st.integers(0, 5), st.integers(0, 99))
def test_a_stretch_is_of_what_was_lived(messages: list[list[int]], ticks: int, lead: int, seed: int) -> None:
    experience = Experience()
    for tokens in messages:
        experience.add(lived(tokens))
    whole = joined(messages)
    for episode in experience.draw(4, ticks, lead, [seed]):
        assert episode.given.tokens is not None
        drawn = episode.given.tokens.tolist()
        assert any(whole[start : start + len(drawn)] == drawn for start in range(len(whole)))
        assert len(drawn) - episode.lead == min(ticks, len(whole))


def test_the_oldest_makes_room_for_the_latest() -> None:
    experience, million = Experience(), 2**20
    for number in range(5):
        experience.add(InputRecord(0, 1.0, million, bytes([number]) * million))
    data, ticks, _ = experience.kept()
    assert ticks == 2 * million
    assert data == bytes([3]) * million + bytes([4]) * million


def test_frames_without_a_teacher_are_drawn_as_they_came() -> None:
    experience = Experience()
    frame, teacher = np.array([[0.25, 1, 0]], np.float32), np.array([[0.5]], np.float32)
    experience.add(InputRecord(0, 1.0, 1, frames=frame.tobytes()))  # nobody knows yet how wide a teacher is
    experience.add(InputRecord(1, 1.0, 1, frames=frame.tobytes(), teachers=teacher.tobytes()))
    experience.add(InputRecord(2, 1.0, 1, frames=frame.tobytes()))
    (episode,) = experience.draw(1, 9, 0, [0])
    assert episode.given.frames is not None
    assert episode.teachers is not None
    np.testing.assert_array_equal(episode.given.frames, frame.repeat(2, axis=0))
    np.testing.assert_array_equal(episode.teachers, np.array([[0.5], [np.nan]], np.float32))
