"""A fit that is killed goes on to the same bits; the whole experiment is ``make reliability``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_three_kills():
    done = subprocess.run(
        [sys.executable, FOLDER / "kill_and_resume.py", "--kills", "3", "--seed", "0"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("3 kills, ")
    assert "with the same bits, 0 with others; 0 finished jobs trained again" in last
