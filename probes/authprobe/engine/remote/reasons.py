"""Reasons why a case has no observation that lie in a cluster, and not in its client."""

from typing import Final

from authprobe.engine.remote.placement import MAX_LOSSES

LOST_WORKERS: Final = f"the case lost {MAX_LOSSES} dask workers, one after the other"
NO_CLUSTER: Final = "the dask cluster is gone"
SECRET_KEPT: Final = (
    "the observation contained an unredacted credential and did not leave the worker"
)
CLUSTER_REASONS: Final = (LOST_WORKERS, NO_CLUSTER, SECRET_KEPT)
