"""An incident that was opened in, where it comes from and what its hosts say out.

The process that works on an investigation imports from this package too: nothing large is imported here.
"""
