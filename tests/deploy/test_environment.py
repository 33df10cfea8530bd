from __future__ import annotations

import getpass
import json
import os
import platform
from pathlib import Path

import torch

from searchitect.deploy.environment import environment


def test_it_names_versions_and_the_machine() -> None:
    found = environment()
    assert found["python"] == platform.python_version()
    assert found["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["cores"] == os.cpu_count()
    assert found["threads"] == torch.get_num_threads()
    assert found["processor"]


def test_it_names_no_person_no_host_and_no_path() -> None:
    text = json.dumps(environment())
    assert f'"{getpass.getuser()}"' not in text
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    assert not platform.node() or f'"{platform.node()}"' not in text
