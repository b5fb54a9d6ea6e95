"""Pictures drawn by the server as SVG: shapes are reckoned here, in percent of their frame, and drawn by templates.

Percent keeps letters and patterns the same size at every width, and needs no script and no style in the page.
"""
