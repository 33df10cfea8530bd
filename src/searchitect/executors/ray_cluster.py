"""The Ray cluster: one that is joined, or one of this machine that is started and ended here."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import shutil
import subprocess
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchitect.errors import ConfigError, MissingExtraError

__all__ = ["ONE_CPU", "Cluster", "Needs", "join", "leave"]

_STORE_BYTES = 300_000_000
"""Room for data in shared memory, of a cluster that is started here."""

_FOLDER = "sa-ray-"

_NOTICES = "ray._private.authentication.authentication_token_setup"
"""Says on every start that a token is demanded. It is: Ray's servers listen on all interfaces, which cannot be changed,
and whoever starts a cluster is to leave RAY_AUTH_MODE as it is."""

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}


@dataclass(frozen=True, slots=True)
class Needs:
    """What one trial takes of a node. Shares are allowed: four trials of 0.25 GPUs run on one.

    Attributes:
        memory_bytes: kept free for it by Ray, which does not enforce it; 0 for no matter how much.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        if not (self.cpus >= 0 and self.gpus >= 0 and self.memory_bytes >= 0 and self.cpus + self.gpus > 0):
            raise ConfigError(f"a trial needs a share of a processor or of a GPU, got {self.cpus} and {self.gpus}")

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPUs", f"{self.gpus:g} GPUs" if self.gpus else ""]
        return ", ".join([*filter(None, parts), *([f"{self.memory_bytes / 1e9:.3g} GB"] if self.memory_bytes else [])])


ONE_CPU = Needs()
"""What a trial needs by default."""


class Cluster:
    """A cluster that this process is joined to.

    Attributes:
        folder: where a cluster that was started here keeps its files; None for one that was there before.
        joined: whether this process was connected here, and is to be disconnected.
    """

    def __init__(self, folder: str | None, joined: bool) -> None:
        self.folder, self.joined = folder, joined
        # Also at the end of the interpreter: Ray ends its processes then, and nobody its files.
        self.forget = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True) if folder else None


def join(address: str | None, workers: int, needs: Needs) -> Cluster:
    """Connect this process to a cluster, started here where there is no address, and see that a trial fits in.

    Raises:
        ConfigError: there is none at the address, or no node could ever hold a trial.
        MissingExtraError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("the executor 'ray'", "ray")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    _keep_off_stdout(ray._private.worker)
    logging.getLogger(_NOTICES).setLevel(logging.ERROR)
    if ray.is_initialized():
        cluster = Cluster(None, joined=False)
    elif address is None:
        cluster = _start(ray, workers, needs)
    else:
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise ConfigError(
                f"no Ray cluster answers at {address!r}: {str(error).splitlines()[0][:200]}",
                hint="ray start --head prints the address; without one a cluster of this machine is started",
            ) from error
        cluster = Cluster(None, joined=True)
    try:
        _refuse_impossible(ray.nodes(), needs)
    except BaseException:
        leave(cluster)
        raise
    return cluster


def _keep_off_stdout(worker: Any) -> None:
    """Ray prints warnings, such as of many workers, on stdout whatever it was told; there our JSON stands."""
    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *_, **__: None


def _start(ray: Any, workers: int, needs: Needs) -> Cluster:
    """A cluster of this machine: as many trials as were asked for fit in, whatever the number of its cores."""
    _sweep()
    folder = tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-")  # short: sockets lie in it, whose paths are bounded
    gpus = {} if not needs.gpus else {"num_gpus": _gpus_here()}
    try:
        ray.init(
            num_cpus=max(1, math.ceil(workers * needs.cpus)),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
            object_store_memory=_STORE_BYTES,
            _temp_dir=folder,
            **gpus,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Cluster(folder, joined=True)


def _sweep() -> None:
    """Remove what clusters of drivers left that were killed. Their processes have ended with them."""
    for path in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        owner = path.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)


def _gpus_here() -> int:
    import ray._private.accelerators as accelerators  # what ray.init itself counts with

    return int(accelerators.get_accelerator_manager_for_resource("GPU").get_current_node_num_accelerators())


def _refuse_impossible(nodes: list[dict[str, Any]], needs: Needs) -> None:
    have = [node["Resources"] for node in nodes if node["Alive"]]
    wanted = {"CPU": needs.cpus, "GPU": needs.gpus, "memory": needs.memory_bytes}
    if not any(all(r.get(name, 0.0) >= least for name, least in wanted.items()) for r in have):
        most = {name: max((r.get(name, 0.0) for r in have), default=0.0) for name in ("CPU", "GPU", "memory")}
        raise ConfigError(
            f"one trial needs {needs}, and the largest node of the Ray cluster has {most['CPU']:g} CPUs, "
            f"{most['GPU']:g} GPUs and {most['memory'] / 1e9:.3g} GB",
            hint="trial_cpus, trial_gpus and memory say what a trial needs",
        )


def _own_processes(ray: Any) -> list[Any]:
    """What Ray has started as children of this process."""
    node = getattr(ray._private.worker, "_global_node", None)
    started: dict[str, list[Any]] = getattr(node, "all_processes", None) or {}
    return [info.process for group in started.values() for info in group if hasattr(info.process, "wait")]


def leave(cluster: Cluster | None) -> None:
    """Disconnect, and end a cluster that was started here."""
    if cluster is None or not cluster.joined:
        return
    import ray

    own = _own_processes(ray)
    with contextlib.suppress(Exception):  # it may be gone
        ray.shutdown()
    for process in own:  # Ray ends them and does not wait: they would be zombies for as long as we live
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10.0)
    if cluster.forget is not None:
        cluster.forget()
