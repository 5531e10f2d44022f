"""Words that docs/glossary.md replaces do not come back: in pages, in sources of Python, assembly and C, in messages."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPLACED = {"behind": "after", "anew": "again", "for ever": "without end", "back and forth": "forward and backward",
            "forth and back": "forward and backward", "happenings": "trace events"}
WORDS = re.compile(rf"\b({'|'.join(REPLACED)})\b")
KEPT = ("docs/glossary.md", "tests/docs/test_words.py")


@pytest.mark.parametrize("folder", ["docs", "emu", "hv", "firmware", "perf", "tests", "README.md", "CHANGELOG.md"])
def test_words_are_those_of_the_glossary(folder):
    place, wrong = ROOT / folder, []
    for path in [place] if place.is_file() else sorted(place.rglob("*.*")):
        name = str(path.relative_to(ROOT))
        if path.suffix not in (".md", ".py", ".s", ".S", ".c", ".h", ".ll", ".toml", ".html", ".list") or name in KEPT:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            wrong += [f"{name}:{number}: {word}: write {REPLACED[word]!r}" for word in WORDS.findall(line)]
    assert wrong == []
