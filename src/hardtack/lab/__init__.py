"""The lab: real kernels, servers, clients and floods in network namespaces, for tests, demo and bench. Needs root.

    with (
        topology.routed() as net,
        servers.nginx(net.server, addresses.SERVER),
        flood.flooding(net.near, Target("192.0.2.10", 80, net.near.mac, net.outside.mac), seconds=10) as storm,
        patrol.patrolling(net.client, [("192.0.2.10", 80)], "/small", servers.SMALL) as clients,
    ):
        storm.wait(30)
    print(storm.rate, clients.result().failed)

Where what is: topology.py and site.py draw the networks; lab.py owns what is made and removes it; process.py runs programs
inside; servers.py, clients.py and patrol.py are who lives there, capture.py, arrivals.py, counters.py and cpu.py say what
happens; flood.py is the attack, which goes nowhere but into the lab.
"""
