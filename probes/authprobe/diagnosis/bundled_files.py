"""JSON of the bundled files of this package: `make docs` runs it after a change of their YAML."""

from authprobe.diagnosis.causes import CAUSES_FILE
from authprobe.diagnosis.causes_file import load_causes
from authprobe.diagnosis.incident.questions import QUESTIONS_FILE
from authprobe.diagnosis.incident.questions_file import load_questions
from authprobe.diagnosis.known_issues import KNOWN_ISSUES_FILE
from authprobe.diagnosis.known_issues_file import load_known_issues
from authprobe.documents.bundled import write_bundled


def main() -> None:
    """Write the JSON of each file; the causes first, because the questions name them."""
    write_bundled(CAUSES_FILE, tuple(load_causes(CAUSES_FILE).values()))
    write_bundled(QUESTIONS_FILE, tuple(load_questions(QUESTIONS_FILE).values()))
    write_bundled(KNOWN_ISSUES_FILE, load_known_issues(KNOWN_ISSUES_FILE))


if __name__ == "__main__":
    main()
