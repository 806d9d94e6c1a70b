"""Virtual machines with Debian's own kernels, and what Hardtack can do on each: `make kernels`.

    __main__.py, run.py    from packages to a table; one kernel of it
    kernels.py             which kernels there are              expected.py    how each result should be
    scenarios.py           all that is tried                    basics.py, networks.py    each of it
    ground.py              front, agent, and clients that ask   streets.py, cards.py, changes.py    on which links
    archive.py, tools.py   Debian's packages, unpacked          root.py, packages.py, project.py    the guest's files
    modules.py, images.py, initramfs.py    as a kernel finds them
    machine.py             QEMU                                 play.py    the guest's side
    outcomes.py, record.py, table.py, readme.py    what was seen, and how it is told

Everything is made below the user's cache, by whoever asks; nothing is installed, and no namespace or interface of this
machine is touched: a guest plays alone, and has no network but between its own cards.
"""
