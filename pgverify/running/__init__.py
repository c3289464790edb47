"""How studies are run: plans, executors, and a store that survives a killed run.

plan = make_plan(*load_study("name"), seed=0, quick=True)
with open_store("reports") as store:
run_plans([plan], store, process_pool(workers=4))
"""

from pgverify.running.execute import Progress, run_plans
from pgverify.running.executors import Pool, SerialExecutor, process_pool, serial_pool
from pgverify.running.plan import Plan, make_plan
from pgverify.running.store import Failure, Run, Store, open_store

__all__ = [
    "Failure",
    "Plan",
    "Pool",
    "Progress",
    "Run",
    "SerialExecutor",
    "Store",
    "make_plan",
    "open_store",
    "process_pool",
    "run_plans",
    "serial_pool",
]
