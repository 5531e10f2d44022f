"""Tests of programs that seeds make: a few of each kind in every run, more among the slow ones, all in a campaign."""
import pytest


def seeded(kinds, quick, slow, campaign):
    """Return three tests of kind(folder, seed) for seeds below `quick`, from there to `slow`, and from there to `campaign`."""
    each = pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.__name__)

    @pytest.mark.parametrize("seed", range(quick))
    @each
    def few(kind, seed, tmp_path):
        kind(tmp_path, seed)

    @pytest.mark.slow
    @each
    def many(kind, tmp_path):
        for seed in range(quick, slow):
            kind(tmp_path, seed)

    @pytest.mark.campaign
    @each
    def all_of_them(kind, tmp_path):
        for seed in range(slow, campaign):
            kind(tmp_path, seed)

    return few, many, all_of_them
