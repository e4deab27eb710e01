#!/usr/bin/env python3
"""Consumers, set up by their pages as they are written; names of topics as arguments run these alone."""
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agents  # noqa: E402
import appliances  # noqa: E402
import engines  # noqa: E402
import machine  # noqa: E402
import packets  # noqa: E402
import published  # noqa: E402
import proxies  # noqa: E402
import readers  # noqa: E402
import resolvers  # noqa: E402
import scanners  # noqa: E402
import zones  # noqa: E402

TOPICS = {f.__name__: f for f in (
    zones.zones, proxies.squid, proxies.haproxy, proxies.nginx, resolvers.dnsmasq, resolvers.unbound, packets.nftables, packets.ipset, scanners.clamav, scanners.yara, engines.suricata, engines.snort3, engines.zeek,
    agents.osquery, agents.wazuh, agents.kunai, agents.elastic, agents.splunk, agents.sigma, agents.bloom,
    appliances.paloalto, appliances.fortinet, appliances.cisco, appliances.checkpoint, appliances.pf, appliances.plain, appliances.units, readers.misp, readers.taxii)}


def main():
    wanted = sys.argv[1:] or TOPICS
    with machine.folder() as tmp:
        hub = machine.Hub(tmp)
        try:
            published.publish(hub)
            for name in wanted:
                start = time.monotonic()
                try:
                    TOPICS[name](hub, os.path.join(tmp, name))
                except machine.Absent as e:
                    machine.skip(name, e)
                except Exception:  # noqa: BLE001
                    machine.ok(False, name, traceback.format_exc())
                print("# %s: %.1f s" % (name, time.monotonic() - start))
            if not sys.argv[1:] and not machine.skipped:
                every = {"sensors/" + p for p in os.listdir(os.path.join(machine.DOC, "sensors"))}
                machine.same(sorted(every - machine.pages), [], "each page has been tried")
        finally:
            if machine.failures:
                print("# " + hub.node.log_tail().replace("\n", "\n# "))
            machine.ok(hub.node.stop() == 0, "the node ends well")
    print("1..%d" % machine.checked)
    return 1 if machine.failures else 0


if __name__ == "__main__":
    sys.exit(main())
