"""Files of the library tokenizers, small or with many entries, made in a moment."""

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

WORDS = [
    "the",
    "cat",
    "dog",
    "sat",
    "lay",
    "on",
    "by",
    "mat",
    "door",
    "and",
    "a",
    "of",
    "to",
    "in",
    "is",
    "was",
    "it",
    "not",
]


def bytes_and_words() -> bytes:
    """Return a byte-level file: any text is tokens, those of the words in one each, with the space before."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary, merges = {sign: id for id, sign in enumerate(alphabet)}, []
    for word in WORDS:
        left = "Ġ"
        for sign in word:
            if left + sign not in vocabulary:
                merges.append((left, sign))
                vocabulary[left + sign] = len(vocabulary)
            left += sign
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.enable_truncation(4)  # to be left out: nothing of a text is lost
    return tokenizer.to_str().encode()


def marked_words() -> bytes:
    """Return a file of whole words, each with a mark for the space before it, which the first of a text has not."""
    words = ["\u2581" + word for word in WORDS]
    tokenizer = Tokenizer(models.WordLevel({word: id for id, word in enumerate(words)}, unk_token=words[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer.to_str().encode()


def numbered_words(size: int) -> bytes:
    """Return a file of so many words, `w0` and so on."""
    tokenizer = Tokenizer(models.WordLevel({f"w{id}": id for id in range(size)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer.to_str().encode()


def without(content: bytes, part: str) -> bytes:
    """Return a file that lacks one of its parts."""
    return json.dumps({name: value for name, value in json.loads(content).items() if name != part}).encode()
