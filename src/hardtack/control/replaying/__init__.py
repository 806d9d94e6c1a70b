"""`hardtack replay`: captures through the policy of a configuration, as native code. No kernel, no root."""
