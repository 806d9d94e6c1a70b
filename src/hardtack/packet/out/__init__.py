"""What leaves: replies, and frames sent on to their hosts."""
