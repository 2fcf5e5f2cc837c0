"""The text that messages are to the net: a line for each, `role: content`."""

from collections.abc import Sequence

from service.api.openai.schemas import Message

ANSWER = "assistant:"  # what an answer goes on from; the net itself says the space that follows
LEAD = " "
STOPS = ("\nuser:", "\nassistant:", "\nsystem:", "\ndeveloper:")  # where the next message begins, an answer ends


def transcript_of(messages: Sequence[Message]) -> str:
    """Return the messages as they are taught, and as an answer follows them."""
    return "".join(f"{message.role}: {message.content}\n" for message in messages)
