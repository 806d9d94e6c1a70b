"""The worker of the af_xdp engine: native code that takes frames from rings, judges them, and sends them on."""
