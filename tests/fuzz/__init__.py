"""Fuzzing of the native code with libFuzzer, led by the blocks of instructions that an input reaches. See __main__.py."""
