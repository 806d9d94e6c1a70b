"""Capture files, walked and rewritten by native code: pcap and pcapng of either byte order. No libpcap, no root.

`walk.py` finds one frame after the other in the bytes of a file, `frames.py` gives each an Ethernet header, `blocks.py` writes
pcapng; `headers.py` and `reading.py` are what stays in Python: what comes once in a file, and the file itself.
"""
