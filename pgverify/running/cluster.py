"""Workers on other machines: a Dask scheduler, whose workers need neither our files nor a shared folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from pgverify.errors import InvalidInput
from pgverify.kinds import accepts
from pgverify.running.executors import Pool
from pgverify.running.fingerprint import package_digest, versions

PATIENCE = 10
"""Seconds within which a scheduler must answer."""
WINDOW = 1000
"""Cells handed to the scheduler at once: it knows better than we do how many workers come and go."""


class NoCluster(InvalidInput):
    """A Dask scheduler that does not answer, has no workers, or workers with other versions."""


@accepts()
def dask_pool(address: Any) -> Pool:
    """Return a pool that computes on a Dask cluster.

    The study's file and the modules beside it travel with each cell. Workers with other versions are refused: their
    bits would be others. A worker that dies costs nothing, its cells are computed by another; if the scheduler
    dies, the run ends and can be resumed.

    Parameters
    ----------
    address : str or distributed.Client
        As in "tcp://10.0.0.1:8786"; a client of the caller's stays open.

    Raises
    ------
    InvalidInput
        When the extra `dask` is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise InvalidInput("--dask needs distributed, which is not installed; pip install 'pgverify[dask]'") from None
    known = address.scheduler.address if isinstance(address, distributed.Client) else address
    return Pool(
        lambda: _cluster(address), WINDOW, sends_files=True, said=f"the workers of the Dask scheduler at {known}"
    )


@contextmanager
def _cluster(address: Any) -> Iterator[Executor]:
    import distributed

    own = not isinstance(address, distributed.Client)
    try:
        client = distributed.Client(address, timeout=PATIENCE) if own else address
    except (OSError, ValueError, TypeError) as reason:
        said = " ".join(str(reason).split())
        raise NoCluster(f"no Dask scheduler answers at {address!r} ({said}), must be like tcp://host:8786") from None
    try:
        _require_same_versions(client)
        executor = client.get_executor(
            pure=False
        )  # the same cell twice is computed twice: a cell that failed is retried
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    finally:
        if own:
            client.close()


def _require_same_versions(client: Any) -> None:
    """Refuse, by name, workers that would give other bits; those that come later are asked with their first cell."""
    wanted = wanted_here()
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise NoCluster(f"the Dask scheduler at {client.scheduler.address} has no worker; start one") from None
    wrong = []
    for worker, found in client.run(here, on_error="return").items():
        if not isinstance(found, dict):
            wrong.append(f"worker {worker} cannot load pgverify ({' '.join(str(found).split())})")
            continue
        wrong += [
            f"worker {worker} has {name} {found.get(name, 'none')} where {version} is needed"
            for name, version in wanted.items()
            if found.get(name) != version
        ]
    if wrong:
        raise NoCluster(f"{'; '.join(wrong)}; give all machines the same versions")


def wanted_here() -> dict[str, str]:
    """Return what workers must have."""
    return here()


def here() -> dict[str, str]:
    """Return what decides bits in this process, by name."""
    return versions() | {"pgverify's code": package_digest()}
