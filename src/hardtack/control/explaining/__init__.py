"""`hardtack explain`: the policy of a configuration on single frames of a capture, as native code. No kernel, no root."""
