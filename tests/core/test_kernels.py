"""Mixed signed and unsigned arithmetic makes numba compute in floating point, or in signs: no kernel may."""
import os
import re
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_no_kernel_computes_in_floating_point_or_with_signs(tmp_path):
    done = subprocess.run([sys.executable, "-m", "tests.core.kernel_types"], capture_output=True, text=True,
                          env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)}, check=True)
    *rows, last = done.stdout.splitlines()
    looked = re.fullmatch(r"(\d+) kernels, (\d+) of wrong types", last)
    assert looked and int(looked[1]) > 900
    assert not rows
