"""Cookies, and the time that they are of."""
