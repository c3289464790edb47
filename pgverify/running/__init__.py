"""How studies are run: workloads, executors, and a store that survives a killed run.

workload = make_workload(*load_study("name"), seed=0, quick=True)
with open_store("reports") as store:
run_workloads([workload], store, process_pool(workers=4))
"""

from pgverify.kinds import suggesting
from pgverify.running.cluster import dask_pool
from pgverify.running.execute import ProgressListener, run_workloads
from pgverify.running.executors import Pool, SerialExecutor, process_pool, serial_pool
from pgverify.running.opening import open_store
from pgverify.running.run import FailedCell, Run
from pgverify.running.store import Store
from pgverify.running.workload import Workload, make_workload

__all__ = [
    "FailedCell",
    "Pool",
    "ProgressListener",
    "Run",
    "SerialExecutor",
    "Store",
    "Workload",
    "dask_pool",
    "make_workload",
    "open_store",
    "process_pool",
    "run_workloads",
    "serial_pool",
]


__getattr__ = suggesting(__name__, __all__)
