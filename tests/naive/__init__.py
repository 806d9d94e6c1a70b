"""Slow, obvious twins of the packet program in plain Python, written from cookie.md and the RFCs.

Published vectors judge them, and they judge everything that is compiled, with which they share nothing but the
numbers of the reasons.
"""
