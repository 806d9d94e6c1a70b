"""The native code: what runs for each frame. Written as packet programs are."""
