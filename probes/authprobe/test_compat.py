"""The bundled scenarios as items of pytest: `pytest --pyargs authprobe.test_compat`.

There is no function here: the plugin collects the cases for this file.
"""
