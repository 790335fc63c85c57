pytest_plugins = ["authprobe.plugin"]
