"""The privileged helper of a front: a process that keeps what rights a reload takes, and does nothing else with them.

A front gives up every right once it is at work. What a reload needs of the rights that the start had is with a process of
its own, forked before that: files that only root may read, and programs to be loaded. It has few verbs, and none takes a
path or a program from the front: it reads the configuration that the front was started with, and what that names.
"""
