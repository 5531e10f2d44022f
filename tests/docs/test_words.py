"""Words that docs/glossary.md replaces do not come back: in pages, comments, docstrings and messages."""
import io
import re
import tokenize
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
PLACES = ("docs", "emu", "hv", "firmware", "perf", "tests", "README.md", "CHANGELOG.md", "pyproject.toml")
ENDINGS = (".md", ".html", ".py", ".s", ".S", ".c", ".h", ".ll", ".toml", ".list")
WHOLE = (".md", ".html")                                       # of other files comments and texts are read
COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|(?:#|//|/\*|;|^ \*).*')
LEAD = re.compile(r"^(?:[\s#*;|]|//)+")                         # before the words of a line of a comment or table
QUOTED = re.compile(r'"([^"]+)"')
NOT_READ = ("docs/glossary.md", "tests/docs/test_words.py")    # they quote the words
# Replaced words that have another use, too, by which nothing can be refused: the reason.
ORDINARY = {"part": "a part of a page, of an interface, of a snapshot"}
# Replaced words that stay in one file: the reason.
KEPT = {
    ("emu/debug/session/met.py", "happening"): "the former name of a Stop's detail still works",
    ("tests/debug/test_met.py", "happening"): "the former name of a Stop's detail still works",
    ("tests/debug/test_run_to.py", "talk"): "a label of the guest program",
    ("emu/machine/__init__.py", "forever"): "the public name FOREVER",
    ("tests/test_public_names.py", "forever"): "the public name FOREVER",
}
FORMS = {"tell": "tell|tells|telling|told", "talk": "talk|talks|talking|talked", "look": "look|looks|looking|looked",
         "happening": "happenings?", "is": "(?<!there )is"}


def replaced():
    """Return what the glossary replaces: {word: the word to write}, from `Replaces "..."` and a column "replaces"."""
    found, column = {}, False
    for line in GLOSSARY.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells[:1] == ["word"]:
            column = cells[2] == "replaces"
        elif len(cells) == 3:
            texts = re.findall(r'Replaces ((?:"[^"]+"(?:, )?)+)', " ".join(cells)) + [cells[2]] * column
            for word in (word for text in texts for word in QUOTED.findall(text)):
                found[word] = f"{found[word]}, {cells[0]}" if word in found else cells[0]
    return found


def pattern(word):
    """Return the expression of a replaced word in any of its forms; "there is no", "is no longer" are others."""
    first, *rest = word.split()
    return re.compile(r"\s".join([rf"\b(?:{FORMS.get(first, first)})\b", *rest]) + (r"\b(?! longer)" if word == "is no" else r"\b"), re.I)


WORDS = {word: better for word, better in replaced().items() if word not in ORDINARY}


def prose(path):
    """Yield (line number, text) of what people read in a file."""
    text = path.read_text()
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line if path.suffix in WHOLE else " ".join(COMMENT.findall(line))
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            yield from enumerate(token.string.splitlines(), token.start[0])


def wrong(name, lines):
    """Return a sentence for each replaced word in (number, text) pairs of a file, over two lines too; in `...` stand names."""
    words = [(word, pattern(word)) for word in WORDS if (name, word) not in KEPT]
    plain = [(number, re.sub(r"`[^`]*`", "", line)) for number, line in lines]
    seams = [(number, f"{line.rstrip()}\n{LEAD.sub('', after)}") for (number, line), (following, after) in pairwise(plain)
             if following == number + 1]
    hits = [(number, found[0], word) for number, line in plain for word, form in words for found in form.finditer(line)]
    hits += [(number, found[0], word) for number, line in seams for word, form in words if " " in word
             for found in form.finditer(line) if "\n" in found[0]]
    return [f"{name}:{number}: {' '.join(hit.split())!r}: write {WORDS[word]!r}" for number, hit, word in sorted(hits)]


@pytest.mark.parametrize("place", PLACES)
def test_words_are_those_of_the_glossary(place):
    found, paths = [], [ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*.*"))
    for path in paths:
        name = str(path.relative_to(ROOT))
        if path.suffix in ENDINGS and name not in NOT_READ:
            found += wrong(name, prose(path))
    assert found == []


def test_every_replaced_word_of_the_glossary_is_refused():
    assert {"behind", "anew", "happening", "for ever", "tell", "talk", "look at", "is no"} <= set(WORDS)
    for word, better in WORDS.items():
        assert any(found.endswith(f": write {better!r}") for found in wrong("a.md", [(7, f"It {word} a thing.")])), word


@pytest.mark.parametrize("text, refused", [
    ("it told them", ["told"]), ("Looking at it", ["Looking at"]), ("the two happenings", ["happenings"]), ("that is no page", ["is no"]),
    ("there is no page, and it is no longer here", []), ("`tell` is a name", []), ("it goes back to a snapshot", []), ("foretold", []),
])
def test_forms_of_a_word(text, refused):
    assert [sentence.split(": ")[1].strip("'") for sentence in wrong("a.md", [(1, text)])] == refused


def test_of_python_comments_and_texts_are_read_and_of_assembly_comments(tmp_path):
    python, assembly = tmp_path / "a.py", tmp_path / "a.s"
    python.write_text('tell = "anew"  # behind\ndef f():\n    """One.\n\n    forever\n    """\n    return f"{tell} talks"\n')
    assembly.write_text("behind: ret     # anew\n")
    assert [sentence.split(":")[1] for sentence in wrong("a.py", prose(python))] == ["1", "1", "5", "7", "7"]
    assert [sentence.split(": ")[1] for sentence in wrong("a.s", prose(assembly))] == ["'anew'"]
    assembly.write_text('behind: .ascii "anew; \\"for ever\\"\\n"\n  SAY "the page behind"    # and behind\n')
    assert [sentence.split(": ")[1] for sentence in wrong("a.s", prose(assembly))] == ["'anew'", "'for ever'", "'behind'", "'behind'"]


@pytest.mark.parametrize("name, text", [
    ("a.s", "        ret     # it runs for\n        nop     # ever, and looks\n                # at it\n"),
    ("a.py", 'def f():\n    """It runs for\n    ever.\n    """\n    # it looks\n    # at it\n'),
    ("a.md", "- It runs for\n  ever, and looks\n  at it.\n"),
])
def test_words_over_two_lines_are_refused(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert [sentence.split(": ")[1] for sentence in wrong(name, list(prose(tmp_path / name)))] == ["'for ever'", "'looks at'"]


def test_words_of_two_lines_that_do_not_follow_are_none():
    assert wrong("a.py", [(1, "it runs for"), (3, "ever")]) == [] and wrong("a.md", [(1, "`it runs for`"), (2, "ever")]) == []


def test_exceptions_are_needed():
    """Each exception covers a word that is there; `{tell}` in an f-string of Python before 3.12 counts as text."""
    for name, word in KEPT:
        assert any(pattern(word).search(line) for _, line in prose(ROOT / name)), (name, word)
    assert set(ORDINARY) <= set(replaced())
