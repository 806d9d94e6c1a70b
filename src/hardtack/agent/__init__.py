"""The host's side: a program that makes sockets of good cookies, and a process that keeps it in keys.

Standard library only, and an image that was compiled elsewhere: a host needs Python and nothing else.
"""
