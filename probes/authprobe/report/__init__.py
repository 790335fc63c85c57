"""Reports: a run, drawn for the browser, for a CI summary and for the terminal."""
