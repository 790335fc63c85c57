"""The public interface of Python programs, which `import authprobe` offers."""
