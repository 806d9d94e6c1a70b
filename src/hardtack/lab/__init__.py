"""The lab: network namespaces, servers, clients and floods, for the tests, the demo and the bench. Needs root."""
