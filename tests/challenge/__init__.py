"""Real kernels, none of which has an agent, behind a front that challenges their clients or lets them pass."""
