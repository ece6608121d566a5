"""What stands between the network and the pages: who may ask for what, how much may be sent, and in whose name.

Each file holds one layer, an ASGI application around another; :mod:`tonescope.ui.server` puts them together.
"""
