"""The screen of `hardtack top`."""
