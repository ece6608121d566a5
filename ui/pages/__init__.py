"""The pages of the app: one file a page, and a row of :mod:`tonescope.ui.pages.page_registry`."""
