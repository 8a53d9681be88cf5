from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from cotenant.local.proc import alive, born

CODE = """
import subprocess
from cotenant.local.proc import dying_with_me
child = subprocess.Popen(["sleep", "60"], preexec_fn=dying_with_me())
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux'")
def test_a_tied_child_does_not_survive_the_sigkill_of_its_parent():
    with subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        birth = born(child)
        assert alive(child, birth)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while alive(child, birth) and time.monotonic() < deadline:
        time.sleep(0.01)
    survived = alive(child, birth)
    if survived:
        os.kill(child, signal.SIGKILL)
    assert not survived
