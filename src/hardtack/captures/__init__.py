"""Capture files, walked and rewritten by native code: pcap and pcapng of either byte order. No libpcap, no root.

`native/walk.py` finds one frame after the other in the bytes of a file, `native/frames.py` gives each an Ethernet header,
`native/blocks.py` writes pcapng. In Python remains what comes once in a file, headers.py, and the file itself, reading.py.
"""
