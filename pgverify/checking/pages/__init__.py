"""A verdict as a page: for a browser, for a notebook, for print."""
