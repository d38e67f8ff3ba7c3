"""How far the store is in each slice: told to the proxy of its arm, and what came of it."""

from __future__ import annotations

from loadtests.messages import Order
from loadtests.model import AddedDelay, PlannedSlice
from loadtests.store_proxy import ProxyControl


class Distances:
    """Of every arm that has a proxy before its store; the others are as far as they are."""

    def __init__(self, order: Order) -> None:
        self._experiment = order.experiment
        self._proxies = {
            target.arm: ProxyControl(target.proxy_control_port)
            for target in order.targets
            if target.proxy_control_port is not None
        }

    def set_for(self, planned: PlannedSlice) -> None:
        """Before its guard, so that no request of the slice meets another distance."""
        proxy = self._proxies.get(planned.arm)
        if proxy is not None:
            proxy.set_delay(self._experiment.phase(planned.phase).store_delay_s or 0.0)
            # What it counted before belongs to no slice.
            proxy.added_delay()

    def added_in(self, planned: PlannedSlice) -> AddedDelay | None:
        """Since `set_for`; None without a proxy."""
        proxy = self._proxies.get(planned.arm)
        return None if proxy is None else proxy.added_delay()

    def close(self) -> None:
        """The proxies go on, at the distance they were last told."""
        for proxy in self._proxies.values():
            proxy.close()
