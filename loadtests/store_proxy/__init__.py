"""A small process of ours between servers and their store: it adds distance, and can fail.

with start_proxy(store.url) as proxy:
    ...                        # servers are given proxy.url
    proxy.set_delay(0.002)     # every round trip takes 2 ms longer
    proxy.reset()              # every connection is torn, as by a firewall
    proxy.swallow(None)        # sockets live and nothing arrives
    proxy.restore()
"""

from loadtests.store_proxy.control import ProxyControl
from loadtests.store_proxy.starter import RunningProxy, start_proxy

__all__ = ["ProxyControl", "RunningProxy", "start_proxy"]
