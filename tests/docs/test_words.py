"""Words that docs/glossary.md replaces do not come back: in pages, in comments, docstrings and messages, in guest programs."""
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
ENDINGS = (".md", ".py", ".s", ".S", ".c", ".h", ".ll", ".toml", ".html", ".list")
COMMENT = re.compile(r"(?:#|//|/\*|;|^ \*).*")
FOLDERS = ("docs", "emu", "hv", "firmware", "perf", "tests", "README.md", "pyproject.toml")
NOT_READ = ("docs/glossary.md", "tests/docs/test_words.py")    # they quote the words
# Replaced words that have another use, too, which stays: the reason, and nothing is refused.
ORDINARY = {
    "back": "write back, go back to a snapshot, back in root mode",
    "part": "a part of a page, of an interface, of a snapshot",
    "say": "a manual, a table, a bit or a message says something",
}
# Lines on which a replaced word stays: a piece of the line, and the reason.
KEPT = {
    'name == "happening"': "the former name of the key still works",
    'name != "happening"': "the former name of the key still works",
    'The detail of a Stop that a trace event led to; "happening"': "the former name of the key still works",
    'detail["happening"]': "the former name of the key still works",
    '"happening" not in Detail()': "the former name of the key still works",
}


def replaced():
    """Return what the glossary replaces: {word: the word to write}, from `Replaces "..."` and the verbs' third column."""
    found, verbs = {}, False
    for line in GLOSSARY.read_text().splitlines():
        if line.startswith("| word |"):
            verbs = line.endswith("| replaces |")
        elif line.startswith("| "):
            term, meaning, third = re.split(r" \| | \|$", line.removeprefix("| "))[:3]
            texts = re.findall(r'Replaces ((?:"[^"]+"(?:, | and )?)+)', meaning + third) + [third] * verbs
            found |= {word: term for text in texts for word in re.findall(r'"([^"]+)"', text)}
    return found


def pattern(word):
    """Return the expression of a replaced word in any of its forms."""
    verb, *rest = word.split(" ")
    forms = {"tell": "tell|tells|telling|told", "talk": "talk|talks|talking|talked", "look": "look|looks|looking|looked",
             "is": "(?<!there )(?<!There )is", "happening": "happenings?"}
    tail = " ".join(rest) + (r" (?!longer\b)" if word == "is no" else r"\b")
    return rf"\b(?:{forms.get(verb, verb)})" + (" " + tail if rest else r"\b")


def prose(path):
    """Yield (line number, text) of what people read in a file: all of a page, comments and texts of a Python file, else comments."""
    text = path.read_text()
    if path.suffix != ".py":
        whole = path.suffix in (".md", ".html")
        yield from ((number, line if whole else "".join(COMMENT.findall(line))) for number, line in enumerate(text.splitlines(), 1))
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            yield from enumerate(token.string.splitlines(), token.start[0])


def wrong(lines, words):
    """Yield (line number, what stands there, the glossary's word) of each replaced word in (number, line) pairs."""
    for number, line in lines:
        for word, better in words.items():
            if not any(piece in line for piece in KEPT):
                yield from ((number, match[0], better) for match in re.finditer(pattern(word), re.sub(r"`[^`]*`", "", line), re.I))


WORDS = {word: better for word, better in replaced().items() if word not in ORDINARY}


@pytest.mark.parametrize("folder", FOLDERS)
def test_words_are_those_of_the_glossary(folder):
    place, found = ROOT / folder, []
    for path in [place] if place.is_file() else sorted(place.rglob("*.*")):
        name = str(path.relative_to(ROOT))
        if path.suffix in ENDINGS and name not in NOT_READ:
            found += [f"{name}:{number}: {there!r}: write {better!r}" for number, there, better in wrong(prose(path), WORDS)]
    assert found == []
