"""A plug-in of pytest for mutation passes: hypothesis does not shrink; with HVLAB_MUTANT_REACH, note what each test reaches."""
import json
import os
import time

import pytest
from hypothesis import Phase, settings

settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], database=None)
settings.load_profile("mutants")
OUTPUT = os.environ.get("HVLAB_MUTANT_REACH")

if OUTPUT:
    from tests.mutation import selector

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(item):
        """Append a line of JSON: the test, the numbers of the mutants whose places it reached, its seconds."""
        selector.reached()
        start = time.monotonic()
        result = yield
        with open(OUTPUT, "a") as file:
            file.write(json.dumps([item.nodeid, selector.reached(), time.monotonic() - start]) + "\n")
        return result
